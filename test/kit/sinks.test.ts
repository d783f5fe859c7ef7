/** Each check of the sink kit can fail; the built-in sinks pass it. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { type Clause, ContractBreach, checkSink, sinkChecks } from "polytap/testkit";
import jsonl from "../../sinks/jsonl/index.js";
import { type SinkFault, sink, worlds } from "./broken/sink.js";

test.serial("a sink that keeps its contract passes", (t) => t.notThrowsAsync(checkSink(sink("none"), worlds())));

const faults: readonly (readonly [fault: SinkFault, clause: Clause])[] = [
	["has a loose schema", "options"],
	["opens in create", "pureCreate"],
	["has no room", "maxInFlight"],
	["hangs in open", "sinkOpen"],
	["hangs in open when aborted", "sinkOpen"],
	["rejects close", "sinkClose"],
	["leaves a timer", "sinkClose"],
	["loses", "sinkWrites"],
	["reorders", "maxInFlight"],
	["changes", "sinkMemory"],
	["keeps", "sinkMemory"],
	["rejects anything", "sinkWrites"],
	["hangs", "sinkWrites"],
	["mixes retryable up", "sinkRejects"],
	["mixes permanent up", "sinkRejects"],
	["names what was written", "sinkPartial"],
	["names what is not there", "sinkPartial"],
	["ignores its signal", "sinkAbort"],
	["resolves too soon", "sinkWrites"],
	["counts in camel case", "counters"],
];

for (const [fault, clause] of faults) {
	test.serial(`a sink that ${fault} is told so`, async (t) => {
		const given = worlds();
		const checks = sinkChecks(sink(fault), fault === "hangs" ? { world: given.world } : given);
		const breaches: ContractBreach[] = [];
		for (const { run } of checks)
			await run().catch((error: unknown) => {
				if (error instanceof ContractBreach) breaches.push(error);
				else throw error;
			});
		t.true(
			breaches.some((breach) => breach.clause === clause),
			breaches.map(({ message }) => message).join("\n"),
		);
	});
}

const folder = mkdtempSync(join(tmpdir(), "polytap-kit-"));
test.after.always(() => rmSync(folder, { recursive: true }));

/** Ids of the lines of a file. */
function idsOf(path: string): string[] {
	const lines = readFileSync(path, "utf8").split("\n").filter(Boolean);
	return lines.map((line) => (JSON.parse(line) as { id: string }).id);
}

let files = 0;
const file = () => {
	const path = join(folder, `${files++}.jsonl`);
	return { config: { path }, received: () => idsOf(path) };
};

for (const { name, run } of sinkChecks(jsonl, { world: file, retryable: () => ({ config: { path: "/dev/full" } }) }))
	test.serial(name, (t) => t.notThrowsAsync(run()));

test("sink console keeps its contract, on a standard output of its own", async (t) => {
	const child = fileURLToPath(new URL("./broken/console-child.js", import.meta.url));
	const { stdout } = await promisify(execFile)(process.execPath, [child]);
	t.regex(stdout, /\/orders\/73/);
});
