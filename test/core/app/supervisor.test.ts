import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { RateLimitedBoard } from "../../../core/app/diagnostics.js";
import type { Notice } from "../../../core/app/notice.js";
import { type PluginModules, Plugins } from "../../../core/app/plugins.js";
import { type Outcome, Supervisor } from "../../../core/app/supervisor.js";
import { resolveConfig } from "../../../core/config/resolve.js";

const here = (file: string) => new URL(`./plugins/${file}.js`, import.meta.url).href;

const modules: PluginModules = {
	sources: [{ name: "scripted", module: here("scripted-source") }],
	parsers: [{ name: "lines", module: here("line-parser") }],
	sinks: [{ name: "collecting", module: here("collecting-sink") }],
};

interface Result extends Outcome {
	readonly ready: readonly string[];
	readonly warnings: readonly Notice[];
	readonly lines: readonly string[];
}

interface Options {
	readonly sources?: Record<string, Record<string, unknown>>;
	readonly sinks?: Record<string, Record<string, unknown>>;
	readonly workerTimeoutMs?: number;
	/** Stop when so many lines have been written. */
	readonly stopAfter?: number;
	/** The source waits before this number until the worker has told that all before it are written. */
	readonly holdUntilTold?: number;
}

async function supervise(source: Record<string, unknown>, options: Options = {}): Promise<Result> {
	const folder = await mkdtemp(join(tmpdir(), "polytap-test-"));
	const path = join(folder, "out");
	const { holdUntilTold } = options;
	const hold = holdUntilTold === undefined ? {} : { hold_at: holdUntilTold, hold_until: join(folder, "go") };
	try {
		const { config, problems } = await resolveConfig(
			{
				version: 1,
				sources: { live: { type: "scripted", ...source, ...hold }, ...options.sources },
				capture: { worker_timeout_ms: options.workerTimeoutMs ?? 10_000 },
				sinks: { out: { type: "collecting", path }, ...options.sinks },
			},
			new Plugins(modules),
		);
		if (config === null) throw new Error(JSON.stringify(problems));
		const ready: string[] = [];
		const warnings: Notice[] = [];
		const stop = new AbortController();
		const board = new RateLimitedBoard(
			{ warn: (notice) => warnings.push(notice), info: () => {} },
			() => warnings.length * 1e6,
		);
		const supervisor: Supervisor = new Supervisor(config, modules, board, {
			ready: (capturing) => {
				ready.push(capturing);
				if (options.stopAfter !== undefined) void linesIn(path, options.stopAfter).then(() => stop.abort());
				if (holdUntilTold !== undefined)
					void told(supervisor, holdUntilTold).then(() => writeFile(join(folder, "go"), ""));
			},
			brokenPipe: () => stop.abort(),
		});
		const outcome = await supervisor.run(stop.signal);
		const text = await readFile(path, "utf8").catch(() => "");
		return { ...outcome, ready, warnings, lines: text.split("\n").slice(0, -1) };
	} finally {
		await rm(folder, { recursive: true });
	}
}

async function linesIn(path: string, count: number): Promise<void> {
	while ((await readFile(path, "utf8").catch(() => "")).split("\n").length - 1 < count) await delay(20);
}

/** Resolves when the worker has said that so many are written. */
async function told(supervisor: Supervisor, written: number): Promise<void> {
	while ((supervisor.totals().sinks.out?.counters.written ?? 0) < written) await delay(20);
}

/** A worker that waits for a processor for so long would be taken for one that hangs. */
const PATIENCE_MS = 2_000;

const codes = (notices: readonly Notice[]) => notices.map((notice) => notice.code);

test("from source to sink, and the totals say so", async (t) => {
	const { totals, failures, ready, lines } = await supervise({ count: 250 });
	t.deepEqual(failures, []);
	t.deepEqual(ready, ["live (scripted)"]);
	t.is(lines.length, 250);
	t.is(totals.engine.exchanges, 250);
	t.deepEqual(totals.bytes, { seen: 250 * 12, captured: 250 * 12, lost: {} });
	t.is(totals.sources.live?.type, "scripted");
	t.is(totals.sources.live?.counters.made, 250);
	t.is(totals.sources.live?.counters.host_made, 1);
	t.is(totals.sinks.out?.counters.written, 250);
	t.deepEqual(totals.worker, { restarts: 0, died: 0, hung: {}, diedIn: {}, disabledParsers: [], leftOut: [] });
});

test("a stop writes what was captured, quickly", async (t) => {
	const started = performance.now();
	const { totals, failures, lines } = await supervise({ count: 100, wait: true }, { stopAfter: 100 });
	t.deepEqual(failures, []);
	t.is(lines.length, 100);
	t.is(totals.sinks.out?.counters.waiting, 0);
	t.true(performance.now() - started < 60_000);
});

test("a parser that never comes back costs one restart, by name, and the source goes on", async (t) => {
	const { totals, failures, warnings, lines } = await supervise(
		{ count: 400, say: { 200: "loop" } },
		{ workerTimeoutMs: PATIENCE_MS },
	);
	t.deepEqual(failures, []);
	t.deepEqual(codes(warnings), ["WORKER_HUNG"]);
	t.regex(warnings[0]?.message ?? "", /in the parser of lines/);
	t.is(totals.worker.restarts, 1);
	t.deepEqual(totals.worker.hung, { lines: 1 });
	// What came after the loop is all there; of what came before, at most what was on its way is missing.
	t.true(lines.length >= 199 && lines.length <= 399, String(lines.length));
	t.is(lines.filter((line) => line === "loop").length, 0);
});

test("the counts of a worker that hung survive it", async (t) => {
	// counts are told four times a second: the parser hangs when those of all before it were
	const say = { 300: "loop" };
	const { totals, lines } = await supervise({ count: 600, say }, { workerTimeoutMs: PATIENCE_MS, holdUntilTold: 300 });
	t.deepEqual(totals.worker.hung, { lines: 1 });
	t.is(totals.sinks.out?.counters.written, 599);
	t.is(lines.length, 599);
});

test("a parser that hangs three times is switched off, and its connections are opaque", async (t) => {
	const say = { 10: "loop", 20: "loop", 30: "loop", 40: "loop" };
	const { totals, failures, warnings } = await supervise({ count: 60, say }, { workerTimeoutMs: PATIENCE_MS });
	t.deepEqual(failures, []);
	t.deepEqual(codes(warnings), ["WORKER_HUNG", "WORKER_HUNG", "WORKER_HUNG", "PARSER_DISABLED"]);
	t.deepEqual(totals.worker.hung, { lines: 3 });
	t.deepEqual(totals.worker.disabledParsers, ["lines"]);
	t.is(totals.worker.restarts, 3);
});

test("a worker that dies is started again", async (t) => {
	const { totals, failures, warnings, lines } = await supervise({ count: 100, say: { 50: "exit" } });
	t.deepEqual(failures, []);
	t.deepEqual(codes(warnings), ["WORKER_DIED"]);
	t.is(totals.worker.died, 1);
	t.true(lines.length >= 49);
});

test("a parser that throws costs its connection only", async (t) => {
	const { totals, warnings, lines } = await supervise({ count: 30, say: { 3: "throw" } });
	t.is(totals.worker.restarts, 0);
	t.deepEqual(codes(warnings), ["PARSER_FAILED"]);
	t.is(lines.filter((line) => line === "hello").length, 29);
});

test("where the only source cannot, its own code is the failure", async (t) => {
	const host = await supervise({ count: 1, fail: "host" });
	t.deepEqual(codes(host.failures), ["BPF_NOT_PERMITTED"]);
	t.deepEqual(host.ready, []);
	const open = await supervise({ count: 1, fail: "open" });
	t.deepEqual(codes(open.failures), ["SOURCE_FAILED"]);
	t.regex(open.failures[0]?.message ?? "", /live: cannot open/);
	const batches = await supervise({ count: 1, fail: "batches" });
	t.deepEqual(codes(batches.failures), ["SOURCE_FAILED"]);
});

test("where one of two sources cannot, the other one goes on and the failure is told", async (t) => {
	for (const fail of ["host", "open", "batches"]) {
		const { failures, lines, warnings } = await supervise(
			{ count: 20 },
			{ sources: { broken: { type: "scripted", count: 5, fail } } },
		);
		t.is(lines.length, 20, fail);
		t.is(failures.length, 1, fail);
		t.is(warnings.length, 1, fail);
	}
});

test("where one of two sinks cannot, the other one goes on", async (t) => {
	const cannotOpen = await supervise(
		{ count: 20 },
		{ sinks: { bad: { type: "collecting", path: "x", fail: "open" } } },
	);
	t.is(cannotOpen.lines.length, 20);
	t.deepEqual(codes(cannotOpen.failures), ["SINK_FAILED"]);
	const cannotWrite = await supervise(
		{ count: 20 },
		{ sinks: { bad: { type: "collecting", path: "x", fail: "write" } } },
	);
	t.is(cannotWrite.lines.length, 20);
	t.is(cannotWrite.totals.sinks.bad?.counters.failed, 20);
	t.true(codes(cannotWrite.warnings).includes("SINK_WRITE_FAILED"));
});

test("a stop while a worker hangs does not wait for ever", async (t) => {
	const started = performance.now();
	const run = supervise({ count: 50, say: { 0: "loop" }, wait: true }, { workerTimeoutMs: PATIENCE_MS, stopAfter: 0 });
	const { totals } = await Promise.race([
		run,
		delay(90_000, undefined, { ref: false }).then(() => t.fail("too long")),
	]).then((result) => {
		if (result === undefined) throw new Error("too long");
		return result as Result;
	});
	t.is(totals.worker.restarts, 0);
	t.deepEqual(totals.worker.hung, { lines: 1 });
	t.true(performance.now() - started < 60_000);
});

test("after a reload the new `worker_timeout_ms` counts, and one that was refused changes nothing", async (t) => {
	const document = (workerTimeoutMs: number, more: object = {}) => ({
		version: 1,
		sources: { live: { type: "scripted", count: 1, wait: true } },
		capture: { worker_timeout_ms: workerTimeoutMs },
		sinks: { out: { type: "collecting", path: "/dev/null" }, ...more },
	});
	const configOf = async (...args: Parameters<typeof document>) => {
		const { config, problems } = await resolveConfig(document(...args), new Plugins(modules));
		if (config === null) throw new Error(JSON.stringify(problems));
		return config;
	};
	const stop = new AbortController();
	const board = new RateLimitedBoard({ warn: () => {}, info: () => {} });
	const first = await configOf(20_000);
	let supervisor!: Supervisor;
	let run!: Promise<Outcome>;
	await new Promise<void>((resolve) => {
		supervisor = new Supervisor(first, modules, board, { ready: () => resolve(), brokenPipe: () => stop.abort() });
		run = supervisor.run(stop.signal);
	});
	t.is(supervisor.workerTimeoutMs, 20_000);
	const refused = await supervisor.reload(
		await configOf(40_000, { bad: { type: "collecting", path: "/dev/null", fail: "open" } }),
		modules,
	);
	t.not(refused.problem, null);
	t.is(supervisor.workerTimeoutMs, 20_000);
	t.is((await supervisor.reload(await configOf(30_000), modules)).problem, null);
	t.is(supervisor.workerTimeoutMs, 30_000);
	stop.abort();
	await run;
});
