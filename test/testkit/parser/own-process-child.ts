/** Runs conversations through a parser on pages that cannot be written. Says before each call what it does. */
import { readFileSync, writeSync } from "node:fs";
import type { ParserPlugin } from "../../../core/index.js";
import { Talk } from "./conversation.js";
import { Findings } from "./findings.js";
import { CANNOT_PROTECT, type ChildTask } from "./own-process.js";
import { ProtectedMemory } from "./protected-memory.js";
import { KEPT, type Memory, ParserRun, type Subject } from "./run.js";
import { byteByByte, inPieces } from "./splits.js";

const task: ChildTask = JSON.parse(readFileSync(0, "utf8"));
const subject: Subject = {
	plugin: await parserOf(task.module, task.protocol),
	others: await Promise.all(task.withModules.map((module) => parserOf(module, null))),
};
let memory: Memory = KEPT;
if (task.isReadOnly) {
	try {
		memory = new ProtectedMemory();
	} catch (error) {
		writeSync(2, String(error));
		process.exit(CANNOT_PROTECT);
	}
}
for (const { name, serverPort, steps } of task.conversations) {
	const talk = new Talk({
		name,
		serverPort,
		steps: steps.map(({ from, base64 }) => ({ from, bytes: Buffer.from(base64, "base64") })),
	});
	for (const [how, way] of [
		["as it was sent", inPieces],
		["byte by byte", byteByByte],
	] as const) {
		const onCall = (what: string) => writeSync(1, `${what}() of “${name}”, ${how}\n`);
		const run = new ParserRun(subject, talk, new Findings(task.protocol), { memory, onCall });
		way(run, talk);
		run.end();
	}
}
process.exit(0);

async function parserOf(module: string, protocol: string | null): Promise<ParserPlugin> {
	const { default: exported }: { default?: unknown } = await import(module);
	const all = (Array.isArray(exported) ? exported : [exported]) as readonly ParserPlugin[];
	const found = protocol === null ? all[0] : all.find((one) => one?.protocol === protocol);
	if (found === undefined) throw new Error(`${module} does not export the parser ${protocol ?? ""} as its default`);
	return found;
}
