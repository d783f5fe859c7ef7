/** Each check of the source kit can fail; the built-in sources pass it. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { type Clause, ContractBreach, checkSource, sourceChecks } from "polytap/testkit";
import pcap from "../../sources/pcap/index.js";
import { type SourceFault, source } from "./broken/source.js";

const options = { config: () => ({ say: "hello" }), patienceMs: 300 };

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
];

for (const [fault, clause] of faults) {
	test.serial(`a source that ${fault} is told so`, async (t) => {
		// one check at a time: what others leave behind must not be taken for its own
		const breaches: ContractBreach[] = [];
		for (const { run } of sourceChecks(source(fault), options))
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
const capture = join(folder, "demo.pcap.gz");
cpSync(fileURLToPath(new URL("../../../test/fixtures/demo.pcap.gz", import.meta.url)), capture);

for (const { name, run } of sourceChecks(pcap, { config: () => ({ files: [capture] }), reorders: true, atLeast: 20 }))
	test.serial(name, (t) => t.notThrowsAsync(run()));
