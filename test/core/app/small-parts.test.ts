import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { buried, sumCounters, sumGroups } from "../../../core/app/counters.js";
import { RateLimitedBoard } from "../../../core/app/diagnostics.js";
import { Lifecycle } from "../../../core/app/lifecycle.js";
import { exitCodeOf, formatNotice, type Notice, noticeOf } from "../../../core/app/notice.js";
import { parseSpan } from "../../../core/app/span.js";
import { formatTotals, TotalsBook } from "../../../core/app/totals.js";
import { PolytapError } from "../../../core/index.js";

test("spans", (t) => {
	t.is(parseSpan("500ms"), 500);
	t.is(parseSpan("10s"), 10_000);
	t.is(parseSpan("10"), 10_000);
	t.is(parseSpan("1.5m"), 90_000);
	t.is(parseSpan("2h"), 7_200_000);
	for (const bad of ["", "0s", "-1s", "1d", "s", "1 s", "9999h", "NaN"]) {
		t.is(t.throws(() => parseSpan(bad), { instanceOf: PolytapError })?.code, "USAGE", bad);
	}
});

test("a problem reads as the contract says", (t) => {
	t.is(
		formatNotice("error", { code: "X", message: "it broke", hint: "mend it" }),
		"error[X]: it broke\nhint: mend it\n",
	);
	t.is(formatNotice("warning", { code: "X", message: "it broke", hint: null }), "warning[X]: it broke\n");
	const bug = noticeOf(new TypeError("oops"));
	t.is(bug.code, "INTERNAL");
	t.regex(bug.message, /TypeError: oops\n\s+at /);
	t.is(exitCodeOf(bug), 1);
	t.is(exitCodeOf({ code: "BPF_NOT_PERMITTED", message: "", hint: null }), 3);
	t.is(exitCodeOf({ code: "OF_SOMEBODY_ELSE", message: "", hint: null }), 1);
});

test("warnings are rate-limited by origin and code, and what was held back is counted", (t) => {
	const told: Notice[] = [];
	let now = 0;
	const board = new RateLimitedBoard({ warn: (notice) => told.push(notice), info: () => {} }, () => now);
	for (let count = 0; count < 5; count++) board.for("a").warn("FULL", "full");
	board.for("b").warn("FULL", "full");
	board.for("a").warn("OTHER", "other", "a hint");
	now = 10_001;
	board.for("a").warn("FULL", "full");
	t.deepEqual(told, [
		{ code: "FULL", message: "a: full", hint: null },
		{ code: "FULL", message: "b: full", hint: null },
		{ code: "OTHER", message: "a: other", hint: "a hint" },
		{ code: "FULL", message: "a: full (and 4 more like it)", hint: null },
	]);
});

test("what was started last is stopped first, whatever single steps do", async (t) => {
	const log: string[] = [];
	const lifecycle = new Lifecycle(50);
	const step = (name: string, stop: () => Promise<void>) => ({
		name,
		start: async () => void log.push(`+${name}`),
		stop: () => {
			log.push(`-${name}`);
			return stop();
		},
	});
	await lifecycle.start(step("a", async () => {}));
	await lifecycle.start(step("b", () => Promise.reject(new Error("no"))));
	await lifecycle.start(step("c", () => delay(5_000, undefined, { ref: false })));
	await t.throwsAsync(
		lifecycle.start({
			name: "d",
			start: () => Promise.reject(new Error("cannot")),
			stop: async () => void log.push("-d"),
		}),
	);
	const problems = await lifecycle.stop();
	t.deepEqual(log, ["+a", "+b", "+c", "-c", "-b", "-a"]);
	t.deepEqual(
		problems.map((problem) => problem.name),
		["c", "b"],
	);
	t.deepEqual(await lifecycle.stop(), []);
});

test("counters of several workers add up, high-water marks do not", (t) => {
	t.deepEqual(sumCounters({ a: 1, x_high_water: 5 }, { a: 2, b: 3, x_high_water: 4 }), { a: 3, b: 3, x_high_water: 5 });
	const dead = buried({
		engine: { exchanges: 5, connections_open: 2, bytes_held: 9, correlation_connections_held: 4, correlation_held: 3 },
		sources: {},
		parsers: {},
		sinks: { out: { offered: 5, written: 3, waiting: 2 } },
	});
	t.deepEqual(dead.engine, { exchanges: 5, connections_lost_with_worker: 2, correlation_lost_with_worker: 3 });
	t.deepEqual(dead.sinks.out, { offered: 5, written: 3, lost_with_worker: 2 });
	const both = sumGroups(dead, {
		engine: { exchanges: 1 },
		sources: { s: { n: 1 } },
		parsers: {},
		sinks: { out: { offered: 1, waiting: 0 } },
	});
	t.is(both.engine.exchanges, 6);
	t.is(both.sinks.out?.offered, 6);
	t.is(both.sources.s?.n, 1);
});

test("totals: seen is captured and lost together, by cause", (t) => {
	const book = new TotalsBook();
	book.add({
		engine: {
			exchanges: 12_345,
			bytes_captured: 1_000,
			bytes_missing: 30,
			bytes_missing_ring_full: 20,
			bytes_missing_sendfile: 10,
			bytes_lost_ring_full: 5,
		},
		sources: { node: { records: 7, zero: 0 } },
		parsers: {},
		sinks: { out: { written: 12_345, failed: 0 } },
	});
	book.worker.restarts = 2;
	book.worker.hung["http/1.1"] = 2;
	const totals = book.close({
		sources: [{ name: "node", type: "ebpf", options: null, offline: false }],
		sinks: [],
	});
	t.deepEqual(totals.bytes, { seen: 1_035, captured: 1_000, lost: { "ring-full": 25, sendfile: 10 } });
	const text = formatTotals(totals);
	t.regex(text, /^totals: 0\.0 s, 12,345 exchanges\n/);
	t.regex(text, /bytes: seen 1,035, captured 1,000, lost 35 \(ring-full 25, sendfile 10\)/);
	t.regex(text, /source node \(ebpf\): records 7$/m);
	t.regex(text, /worker: 2 restarts \(2 hung in http\/1\.1\)/);
	t.notThrows(() => JSON.parse(JSON.stringify(totals)));
});
