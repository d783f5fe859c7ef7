/** Each check of the source kit can fail; the built-in sources pass it. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { type Clause, ContractBreach, checkSource, sampleExchanges, sourceChecks } from "polytap/testkit";
import protobufSink from "../../sinks/protobuf/index.js";
import pcap from "../../sources/pcap/index.js";
import protobuf from "../../sources/protobuf/index.js";
import { type SourceFault, source } from "./broken/source.js";

const folder = mkdtempSync(join(tmpdir(), "polytap-kit-"));
const capture = join(folder, "demo.pcap.gz");
cpSync(fileURLToPath(new URL("../../../test/fixtures/demo.pcap.gz", import.meta.url)), capture);

const records = join(folder, "records.pb");
const sink = protobufSink.create(protobufSink.config.parse({ path: records }), {
	name: "kit",
	diagnostics: { warn: () => {}, info: () => {} },
});
const { signal } = new AbortController();
await sink.open(signal);
for (let from = 0; from < 2000; from += 500) await sink.write(sampleExchanges(500, from), signal);
await sink.close();
test.after.always(() => rmSync(folder, { recursive: true }));

const options = { config: () => ({ say: "hello" }), patienceMs: 300, openMs: 300 };

test.serial("a source that keeps its contract passes", (t) => t.notThrowsAsync(checkSource(source("none"), options)));

const faults: readonly (readonly [fault: SourceFault, clause: Clause])[] = [
	["has a loose schema", "options"],
	["describes nothing", "options"],
	["opens in create", "pureCreate"],
	["rejects close", "sourceClose"],
	["hangs in close", "sourceClose"],
	["leaves a timer", "sourceClose"],
	["hangs in open", "sourceOpen"],
	["opens with a common error", "sourceOpen"],
	["hangs in open when aborted", "sourceOpenAbort"],
	["ignores its signal", "sourceEnds"],
	["goes on after close", "sourceCloses"],
	["throws", "sourceThrows"],
	["is silent", "sourceSees"],
	["forgets open", "sourceBetween"],
	["opens twice", "eventConn"],
	["goes back", "sourceOrder"],
	["goes beyond its end", "eventEnd"],
	["forgets a field", "eventShape"],
	["adds a field", "eventShape"],
	["counts in milliseconds", "eventTimes"],
	["counts in fractions", "eventOffsets"],
	["counts in camel case", "counters"],
	["answers with a promise", "sourceRoom"],
	["sends a function", "hostData"],
	["hangs in its host", "hostOpen"],
	["opens its host with a common error", "hostOpen"],
	["closes its host once only", "hostClose"],
	["listens in its host before it is opened", "pureCreate"],
];

for (const [fault, clause] of faults) {
	test.serial(`a source that ${fault} is told so`, async (t) => {
		// one check at a time: what others leave behind must not be taken for its own
		const breaches: ContractBreach[] = [];
		for (const { run } of sourceChecks(source(fault), options)) {
			await run().catch((error: unknown) => {
				if (error instanceof ContractBreach) breaches.push(error);
				else throw error;
			});
			// it was told so: what else hangs in it need not be waited for
			if (breaches.at(-1)?.clause === clause) break;
		}
		t.true(
			breaches.some((breach) => breach.clause === clause),
			breaches.map(({ message }) => message).join("\n"),
		);
	});
}

for (const { name, run } of sourceChecks(protobuf, { config: () => ({ files: [records] }), atLeast: 2000 }))
	test.serial(name, (t) => t.notThrowsAsync(run()));

for (const { name, run } of sourceChecks(pcap, { config: () => ({ files: [capture] }), reorders: true, atLeast: 20 }))
	test.serial(name, (t) => t.notThrowsAsync(run()));
