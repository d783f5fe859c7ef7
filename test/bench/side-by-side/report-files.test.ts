/** A run that is cut off loses the piece that it was in, and no more. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { ReportFiles } from "../../../bench/side-by-side/files.js";
import { none, sidecar } from "../../../bench/side-by-side/modes.js";
import { estimateSeconds, plan } from "../../../bench/side-by-side/plan.js";
import { isPartial, type SideBySide } from "../../../bench/side-by-side/report.js";
import { WORKLOADS } from "../../../bench/side-by-side/workloads.js";

const MACHINE = {
	kernel: "6.1",
	processor: "a processor",
	processors: 2,
	memoryBytes: 2 ** 30,
	node: "v20",
	versions: {},
	loadBefore: 0,
	commit: "abc",
};

function reportOf(done: readonly string[], pieces: number, commit = "abc"): SideBySide {
	return {
		date: "2026-01-01T00:00:00.000Z",
		machine: { ...MACHINE, commit },
		command: "polytap bench --rounds 1",
		modes: [],
		worsened: { delay: "", drop: "" },
		extent: { begun: ["2026-01-01T00:00:00.000Z"], pieces, done, failed: [] },
		method: [],
		cells: [],
		kills: [],
	};
}

test("what is done is there for an equal run, under a name of its own until all is done", (t) => {
	const folder = mkdtempSync(join(tmpdir(), "polytap-"));
	t.teardown(() => rmSync(folder, { recursive: true, force: true }));
	const files = new ReportFiles(folder);
	const empty = reportOf([], 2);
	t.is(files.unfinished(empty), null);
	files.write(reportOf(["one"], 2));
	t.deepEqual(readdirSync(folder).sort(), ["side-by-side.partial.html", "side-by-side.partial.json"]);
	t.regex(readFileSync(join(folder, "side-by-side.partial.html"), "utf8"), /PARTIAL: 1 of 2 pieces/);
	t.deepEqual(new ReportFiles(folder).unfinished(empty)?.extent.done, ["one"]);
	t.is(files.unfinished({ ...empty, command: "polytap bench --rounds 2" }), null, "another run");
	t.is(files.unfinished(reportOf([], 2, "def")), null, "another commit");
	files.write(reportOf(["one", "two"], 2));
	t.deepEqual(readdirSync(folder).sort(), ["side-by-side.html", "side-by-side.json"]);
	t.is(files.unfinished(empty), null, "nothing is left to go on with");
	t.notRegex(readFileSync(join(folder, "side-by-side.html"), "utf8"), /PARTIAL/);
	t.true(isPartial(reportOf(["one"], 2)));
});

test("round by round, each beginning with another mode, the many instances last", (t) => {
	const workloads = WORKLOADS.filter(({ name }) => name.startsWith("HTTP/1.1 100 B, "));
	const many = { workload: "HTTP/1.1 100 B, fixed rate", instances: [1, 5] };
	const pieces = plan({ modes: [none, sidecar], workloads, rounds: 2, many });
	t.is(pieces.length, 2 * (workloads.length + 1));
	t.is(new Set(pieces.map(({ name }) => name)).size, pieces.length, "names are how a run goes on");
	t.deepEqual(
		pieces.map(({ round }) => round),
		[0, 0, 0, 0, 1, 1, 1, 1],
	);
	t.is(pieces[3]?.instances, 5);
	t.deepEqual([pieces[0]?.modes[0]?.name, pieces[4]?.modes[0]?.name], ["none", "sidecar"]);
	t.true(estimateSeconds(pieces, 3) > estimateSeconds(pieces.slice(1), 3));
	t.true(estimateSeconds(pieces, 6) - estimateSeconds(pieces, 3) === 3 * pieces.length * 2);
});
