import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { RateLimitedBoard } from "../../../core/app/diagnostics.js";
import type { Notice } from "../../../core/app/notice.js";
import { type PluginModules, Plugins } from "../../../core/app/plugins.js";
import { runPipeline } from "../../../core/app/run-pipeline.js";
import { resolveConfig } from "../../../core/config/resolve.js";
import type { Exchange } from "../../../core/index.js";

const here = (file: string) => new URL(file, import.meta.url).href;

const modules: PluginModules = {
	sources: [{ name: "recorded", module: here("./plugins/recorded-source.js") }],
	parsers: [{ name: "lines", module: here("./plugins/line-parser.js") }],
	sinks: [{ name: "jsonl", module: here("../../../sinks/jsonl/index.js") }],
};

const folder = mkdtempSync(join(tmpdir(), "polytap-pipeline-"));
test.after.always(() => rmSync(folder, { recursive: true }));
let files = 0;

async function runThrough(sources: Record<string, Record<string, unknown>>, queue: Record<string, unknown> = {}) {
	const path = join(folder, `${files++}.jsonl`);
	const { config, problems } = await resolveConfig(
		{
			version: 1,
			sources: Object.fromEntries(
				Object.entries(sources).map(([name, options]) => [name, { type: "recorded", ...options }]),
			),
			sinks: { out: { type: "jsonl", path, queue: { when_full: "block", ...queue } } },
		},
		new Plugins(modules),
	);
	if (config === null) throw new Error(JSON.stringify(problems));
	const warnings: Notice[] = [];
	const board = new RateLimitedBoard({ warn: (notice) => warnings.push(notice), info: () => {} });
	const { failures, counters } = await runPipeline({ config, plugins: modules, board });
	const text = readFileSync(path, "utf8");
	const exchanges = text
		.split("\n")
		.slice(0, -1)
		.map((line): Exchange => JSON.parse(line));
	return { text, exchanges, warnings, failures, counters };
}

test("a recorded source waits for its sinks: nothing is dropped, and the queue stays small", async (t) => {
	const { exchanges, counters } = await runThrough(
		{ file: { count: 5_000 } },
		{ max_exchanges: 20, batch_exchanges: 10 },
	);
	t.is(exchanges.length, 5_000);
	t.is(counters.sinks.out?.dropped_queue_full, 0);
	t.true((counters.sinks.out?.queue_exchanges_high_water ?? 0) <= 30);
});

test("time is that of the recording: the same file gives the same bytes, whenever and however fast it is read", async (t) => {
	const first = await runThrough({ file: { count: 300, unanswered: 100 } });
	const second = await runThrough({ file: { count: 300, unanswered: 100 } }, { max_exchanges: 5, batch_exchanges: 1 });
	t.is(first.text, second.text);
	t.is(first.exchanges.length, 300);
	const outcomes = first.exchanges.map((exchange) => exchange.outcome);
	t.deepEqual(
		outcomes.filter((outcome) => outcome !== "ok"),
		["unanswered"],
	);
	// It was given up when two minutes had passed in the recording, not at its end.
	t.true(outcomes.indexOf("unanswered") < 110);
	t.regex(first.exchanges[0]?.startedAt ?? "", /^2001-09-09T01:46:40/);
});

test("several recordings do not share their clocks", async (t) => {
	const { exchanges } = await runThrough({ a: { count: 200, unanswered: 5 }, b: { count: 200, unanswered: 150 } });
	t.is(exchanges.filter((exchange) => exchange.outcome === "ok").length, 398);
	t.is(exchanges.filter((exchange) => exchange.outcome === "unanswered").length, 2);
});

test("where a recording breaks off, what came before is written", async (t) => {
	const { exchanges, failures, warnings } = await runThrough({ file: { count: 100, breakAt: 60 } });
	t.is(exchanges.length, 60);
	t.deepEqual(
		failures.map((failure) => failure.code),
		["SOURCE_FAILED"],
	);
	t.is(warnings.length, 1);
});
