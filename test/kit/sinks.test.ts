/** Each check of the sink kit can fail; the built-in sinks pass it. */
import assert from "node:assert";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { type Clause, ContractBreach, checkSink, type SinkWorld, sinkChecks } from "polytap/testkit";
import blackhole from "../../sinks/blackhole/index.js";
import jsonl from "../../sinks/jsonl/index.js";
import protobuf from "../../sinks/protobuf/index.js";
import protobufSource from "../../sources/protobuf/index.js";
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

/** Ids of the records of a file, by the source of the same name. */
async function idsOfRecords(path: string): Promise<string[]> {
	const diagnostics = { warn: (_: string, message: string) => assert.fail(message), info: () => {} };
	const context = { name: "kit", diagnostics, host: null };
	const reading = protobufSource.create(protobufSource.config.parse({ files: [path] }), context);
	const { signal } = new AbortController();
	const ids: string[] = [];
	await reading.open(signal);
	for await (const batch of reading.batches(signal))
		for (const event of batch) if (event.kind === "exchange") ids.push(event.exchange.id);
	await reading.close();
	return ids;
}

let files = 0;
const file = (read: (path: string) => string[] | Promise<string[]>) => (): SinkWorld => {
	const path = join(folder, `${files++}`);
	return { config: { path }, received: () => read(path) };
};
const full = () => ({ config: { path: "/dev/full" } });

for (const { name, run } of sinkChecks(jsonl, { world: file(idsOf), retryable: full }))
	test.serial(name, (t) => t.notThrowsAsync(run()));
/** A full disk that is given room: its header is missing until then. */
const filled = (): SinkWorld => {
	const path = join(folder, `${files++}`);
	const roomy = `${path}-roomy`;
	symlinkSync("/dev/full", path);
	return {
		config: { path },
		received: () => idsOfRecords(roomy),
		heal: () => {
			rmSync(path);
			symlinkSync(roomy, path);
		},
	};
};
for (const { name, run } of sinkChecks(protobuf, { world: file(idsOfRecords), retryable: filled }))
	test.serial(name, (t) => t.notThrowsAsync(run()));
for (const touch of [false, true])
	for (const { name, run } of sinkChecks(blackhole, { world: () => ({ config: { touch } }) }))
		test.serial(`${name}${touch ? ", looking at every byte" : ""}`, (t) => t.notThrowsAsync(run()));

test("sink console keeps its contract, on a standard output of its own", async (t) => {
	const child = fileURLToPath(new URL("./broken/console-child.js", import.meta.url));
	const { stdout } = await promisify(execFile)(process.execPath, [child]);
	t.regex(stdout, /\/orders\/73/);
});
