/** A bad plugin of each kind, at each phase, through the command line: the rest delivers, and the totals name the bad one. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { stringify } from "yaml";
import type { Health } from "../../core/app/health.js";
import type { Totals } from "../../core/app/totals.js";
import { CLI, METRICS, startPolytap } from "./support/polytap.js";
import { Program } from "./support/program.js";
import { withScope } from "./support/scope.js";

const MODULE = new URL("./support/faulty-plugins.js", import.meta.url).pathname;
const RATE = new URL("./support/rate-plugins.js", import.meta.url).pathname;

/** Most of a run is waiting for something that hangs. */
const AT_ONCE = 6;

interface Fault {
	readonly kind: "source" | "parser" | "sink";
	readonly fault: string;
	/** Of the problem that names it. */
	readonly code: string;
	readonly exit: number;
}

const fault = (kind: Fault["kind"], code: string, exit: number, ...faults: string[]): Fault[] =>
	faults.map((one) => ({ kind, fault: one, code, exit }));

const FAULTS: readonly Fault[] = [
	...fault("source", "SOURCE_FAILED", 1, "create-throw", "create-garbage", "open-throw", "open-never"),
	...fault("source", "SOURCE_FAILED", 1, "batches-throw", "event-garbage"),
	...fault("source", "PLUGIN_LEFT_OUT", 1, "create-loop", "open-loop", "batches-loop", "batches-loop-later"),
	...fault("source", "SOURCE_FAILED", 0, "close-throw", "close-never"),
	...fault("source", "WORKER_HUNG", 1, "close-loop"),
	...fault("sink", "SINK_FAILED", 1, "create-throw", "create-garbage", "in-flight-garbage", "open-throw", "open-never"),
	...fault("sink", "PLUGIN_LEFT_OUT", 1, "create-loop", "open-loop", "write-loop", "write-loop-later"),
	...fault("sink", "SINK_WRITE_FAILED", 0, "write-throw"),
	...fault("sink", "SINK_FAILED", 0, "close-throw", "close-never"),
	...fault("sink", "WORKER_HUNG", 1, "close-loop"),
	...fault("parser", "PARSER_FAILED", 0, "detect-throw", "create-throw", "create-garbage", "data-throw", "end-throw"),
	...fault("parser", "PARSER_FAILED", 0, "data-nan", "data-huge", "data-text", "data-half"),
	// it says that it reads only
	...fault("parser", "PARSER_FAILED", 0, "promise-detect", "promise-data"),
	...fault("parser", "PARSER_DISABLED", 0, "detect-loop", "create-loop", "data-loop", "end-loop"),
];

async function runWith(kind: Fault["kind"] | null, what: string) {
	return withScope(async (scope) => {
		const folder = await scope.folder();
		const [config, out, totals] = ["c.yaml", "out.jsonl", "totals.json"].map((name) => join(folder, name)) as [
			string,
			string,
			string,
		];
		const text = stringify({
			version: 1,
			plugins: [MODULE],
			capture: { worker_timeout_ms: 2_500 },
			sources: {
				...(kind === "source" ? { bad: { type: "faulty-source", fault: what } } : {}),
				good: { type: "good-source", fault: "none" },
			},
			sinks: {
				...(kind === "sink" ? { bad: { type: "faulty-sink", fault: what } } : {}),
				file: { type: "jsonl", path: out },
			},
		});
		await writeFile(config, text);
		const program = new Program(process.execPath, [CLI, "run", "-c", config, "--totals", totals], {
			env: { FAULT: kind === "parser" ? what : "none" },
		});
		scope.defer(() => program.stop("SIGKILL"));
		const late = setTimeout(() => void program.stop("SIGKILL"), 120_000);
		const { code } = await program.exited;
		clearTimeout(late);
		return {
			code,
			out: await readFile(out, "utf8").catch(() => ""),
			totals: JSON.parse(await readFile(totals, "utf8").catch(() => "null")) as Totals | null,
			stderr: program.stderr,
		};
	});
}

for (const kind of ["source", "sink", "parser"] as const) {
	test.serial(`a bad ${kind} at each phase`, async (t) => {
		t.timeout(600_000);
		const todo = FAULTS.filter((one) => one.kind === kind);
		const one = async ({ fault: what, code, exit }: Fault) => {
			const { code: got, out, totals, stderr } = await runWith(kind, what);
			const name = kind === "parser" ? "faulty-parser" : "bad";
			t.true(out.includes('"operation":"hello"'), `${what}: the rest delivers\n${stderr}`);
			const named = totals?.problems.filter(({ origin }) => origin === name).map((problem) => problem.code) ?? [];
			t.true(named.includes(code), `${what}: named as ${named.join(", ")}\n${stderr}`);
			t.is(got, exit, `${what}\n${stderr}`);
		};
		const next = todo.values();
		const lane = async () => {
			for (const fault of next) await one(fault);
		};
		await Promise.all(Array.from({ length: AT_ONCE }, lane));
	});
}

test.serial("a parser that scribbles on its bytes spoils nobody else's", async (t) => {
	const { code, out, stderr } = await runWith("parser", "scribble");
	t.is(code, 0, stderr);
	t.true(out.includes('"operation":"hello"'));
	t.false(stderr.includes("PARSER_FAILED"));
});

test.serial("health names a source and a sink that failed while the others work", (t) =>
	withScope(async (scope) => {
		const folder = await scope.folder();
		const polytap = await startPolytap(scope, {
			config: {
				plugins: [MODULE, RATE],
				metrics: METRICS,
				sources: {
					bad: { type: "faulty-source", fault: "batches-throw" },
					live: { type: "rate", per_second: 100 },
				},
				sinks: {
					broken: { type: "faulty-sink", fault: "open-throw" },
					file: { type: "jsonl", path: join(folder, "out.jsonl") },
				},
			},
		});
		const base = /http:\/\/\S+(?=\/metrics)/.exec(polytap.program.stderr)?.[0];
		const health = async () => (await (await fetch(`${base}/healthz`)).json()) as Health;
		await polytap.program.until(async () => (await health()).sources.bad?.state === "failed", 60_000);
		const response = await fetch(`${base}/healthz`);
		t.is(response.status, 200);
		const { status, sources, sinks, problems } = (await response.json()) as Health;
		t.is(status, "degraded");
		t.deepEqual(sources, { bad: { type: "faulty-source", state: "failed" }, live: { type: "rate", state: "running" } });
		t.deepEqual(sinks, { broken: { type: "faulty-sink", state: "failed" }, file: { type: "jsonl", state: "running" } });
		const named = problems.map(({ origin, code }) => `${origin} ${code}`).sort();
		t.deepEqual(named, ["bad SOURCE_FAILED", "broken SINK_FAILED"]);
		t.is((await fetch(`${base}/readyz`)).status, 200);
	}),
);
