/** SIGHUP under load: nothing is lost, what cannot change is said, a bad file changes nothing; and the endpoint for metrics. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { stringify } from "yaml";
import type { Totals } from "../../core/app/totals.js";
import { CLI, startPolytap } from "./support/polytap.js";
import { Program, pause } from "./support/program.js";
import { withScope } from "./support/scope.js";
import { memoryUse } from "./support/usage.js";

const MODULE = new URL("./support/rate-plugins.js", import.meta.url).pathname;
/** The full proof: POLYTAP_RELOADS=100 */
const RELOADS = Number(process.env.POLYTAP_RELOADS ?? 12);
const LARGE = { max_exchanges: 1_000_000, max_bytes: 1_073_741_824 };

test("reloads under load lose nothing", (t) =>
	withScope(async (scope) => {
		t.timeout(300_000);
		const folder = await scope.folder();
		const config = join(folder, "c.yaml");
		const out = join(folder, "out.jsonl");
		const totalsFile = join(folder, "totals.json");
		const write = (number: number, perSecond = 2_000) =>
			writeFile(
				config,
				stringify({
					version: 1,
					plugins: [MODULE],
					metrics: { listen: "127.0.0.1:0" },
					capture: { max_body_bytes: 1_000 + number },
					redact: number % 2 === 0 ? [] : [{ headers: [`x-${number}`] }],
					sources: { live: { type: "rate", per_second: perSecond } },
					sinks: {
						// a queue that a busy machine does not fill: what a reload itself would lose is looked for
						file: { type: "jsonl", path: out, queue: { batch_exchanges: 256 + (number % 3), ...LARGE } },
						...(number % 2 === 0 ? {} : { extra: { type: "blackhole" } }),
						some: { type: "blackhole", filter: { ports: [80 + number] } },
					},
				}),
			);
		await write(0);
		const program = new Program(process.execPath, [CLI, "run", "-c", config, "--totals", totalsFile]);
		scope.defer(() => program.stop("SIGKILL"));
		await program.until(() => /^ready: /m.test(program.stderr), 60_000);
		const base = /http:\/\/\S+(?=\/metrics)/.exec(program.stderr)?.[0] ?? "";
		const told = () => program.stderr.match(/^reload: applied: /gm)?.length ?? 0;
		const resident: number[] = [];
		for (let number = 1; number <= RELOADS; number++) {
			await write(number);
			process.kill(program.pid, "SIGHUP");
			await program.until(() => told() === number, 60_000);
			await pause(100);
			resident.push(memoryUse(program.pid).rssBytes);
		}
		await write(RELOADS, 3_000);
		process.kill(program.pid, "SIGHUP");
		await program.until(
			() => /not applied: sources\.live\.per_second \(needs a restart\)/.test(program.stderr),
			60_000,
		);
		await writeFile(config, (await readFile(config, "utf8")).replace("blackhole", "blckhole"));
		process.kill(program.pid, "SIGHUP");
		await program.until(() => /^error\[RELOAD_FAILED\]/m.test(program.stderr), 60_000);
		t.regex(program.stderr, /c\.yaml:\d+:\d+: .*unknown sink type "blckhole" \(did you mean "blackhole"\?\)/);

		const metrics = await (await fetch(`${base}/metrics`)).text();
		t.regex(metrics, new RegExp(`^polytap_reloads_total\\{result="applied"\\} ${RELOADS + 1}$`, "m"));
		t.regex(metrics, /^polytap_sink_written_total\{sink="file",type="jsonl"\} \d+$/m);
		t.regex(metrics, /^# TYPE process_cpu_seconds_total counter$/m);
		for (const line of metrics.split("\n"))
			if (line !== "") t.regex(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{.*\})? [-+.e\d]+)$/);
		for (const path of ["healthz", "readyz"]) {
			const response = await fetch(`${base}/${path}`);
			t.is(response.status, 200);
			t.is(((await response.json()) as { status: string }).status, "ok");
		}
		t.is((await fetch(`${base}/other`)).status, 404);
		t.is((await fetch(`${base}/metrics`, { method: "POST" })).status, 405);

		const { code } = await program.stop("SIGTERM", 60_000);
		t.is(code, 0, program.stderr);
		const totals: Totals = JSON.parse(await readFile(totalsFile, "utf8"));
		const { made = -1 } = totals.sources.live?.counters ?? {};
		const lines = (await readFile(out, "utf8")).split("\n").slice(0, -1);
		const numbers = lines.map((line) =>
			Number((JSON.parse(line) as { summary: { operation: string } }).summary.operation),
		);
		t.is(numbers.length, made);
		t.true(
			numbers.every((number, index) => number === index),
			"each once, in order",
		);
		t.is(totals.sinks.file?.counters.written, made);
		t.is(totals.worker.restarts, 0);
		const mib = (at: number) => Math.round((resident.at(at) ?? 0) / 2 ** 20);
		t.log(
			`${RELOADS} reloads, ${made} exchanges, 0 lost; resident MiB ${mib(0)}, ${mib(Math.floor(RELOADS / 2))}, ${mib(-1)}`,
		);
	}));

test("a log changes its format, and back", (t) =>
	withScope(async (scope) => {
		const config = (log: Readonly<Record<string, string>>) => ({
			plugins: [MODULE],
			log,
			sources: { live: { type: "rate", per_second: 10 } },
			sinks: { out: { type: "blackhole" } },
		});
		const polytap = await startPolytap(scope, { config: config({}) });
		const reload = async (log: Readonly<Record<string, string>>, told: RegExp) => {
			await writeFile(polytap.configPath, stringify({ version: 1, ...config(log) }));
			process.kill(polytap.pid, "SIGHUP");
			await polytap.program.until(() => told.test(polytap.program.stderr), 60_000);
		};
		await reload({ format: "json" }, /^\{"level":"info",.*"msg":"reload: applied: log\.format"\}$/m);
		await reload({}, /^reload: applied: log\.format$/m);
		t.notRegex(polytap.program.stderr, /not applied/);
	}));
