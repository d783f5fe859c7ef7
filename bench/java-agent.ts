/**
 * What the Java agent costs an application: HTTPS over loopback with both ends in one JVM, without the agent, with it and
 * nobody to talk to, and with polytap; and the time that a JVM takes to start. Interleaved rounds, medians, ratios of one round:
 * `node dist/bench/java-agent.js [--rounds 5] [--seconds 4] [--reports FOLDER]`. Needs a JDK and the agent.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findJdks, JavaPrograms, missingJava } from "../test/e2e/support/java.js";
import { REPOSITORY, startPolytap } from "../test/e2e/support/polytap.js";
import { withScope } from "../test/e2e/support/scope.js";
import { describeMachine } from "./harness/machine.js";
import { publish } from "./harness/report.js";
import { interleave } from "./harness/rounds.js";
import { showSpread, spreadOf } from "./harness/stats.js";

const WARM_MS = 4_000;
/** The optimising compiler, which the tests do without. */
const OPTIONS = ["-XX:TieredStopAtLevel=4", "-Xmx512m"];

const AGENTS = ["none", "nobody listens", "polytap"] as const;
interface Kind {
	readonly name: string;
	readonly agent: (typeof AGENTS)[number];
	/** Null: the start of a JVM. */
	readonly bytes: number | null;
}

interface Result {
	readonly perSecond: number | null;
	readonly p50: number | null;
	readonly p99: number | null;
	readonly startMs: number | null;
	readonly dropped: number;
	readonly hookErrors: number;
}

const { values } = parseArgs({
	options: {
		rounds: { type: "string", default: "5" },
		seconds: { type: "string", default: "4" },
		reports: { type: "string" },
	},
});
const why = missingJava();
if (why !== null) throw new Error(why);
const jdk = findJdks()[0]!;

const kinds: Kind[] = [200, 16_384, null].flatMap((bytes) =>
	AGENTS.filter((agent) => bytes !== null || agent !== "polytap").map((agent) => ({
		name: `${bytes === null ? "start" : `${bytes} B`}, ${agent}`,
		agent,
		bytes,
	})),
);

const machine = describeMachine(REPOSITORY);
await withScope(async (scope) => {
	const programs = await JavaPrograms.compile(scope, ["../../../bench/java/Load.java"]);

	async function measure({ agent, bytes }: Kind): Promise<Result> {
		return withScope(async (inner) => {
			const path = join(await inner.folder(), "java.sock");
			const listen = agent === "none" ? null : `unix:${path}`;
			if (bytes === null) {
				const from = performance.now();
				await programs.run(jdk, listen, ["Load"], OPTIONS);
				return { perSecond: null, p50: null, p99: null, startMs: performance.now() - from, dropped: 0, hookErrors: 0 };
			}
			const polytap =
				agent === "polytap"
					? await startPolytap(inner, {
							config: {
								sources: { jvm: { type: "java-agent", listen: path } },
								sinks: { none: { type: "blackhole" } },
							},
						})
					: null;
			const ms = String(Number(values.seconds) * 1000);
			const args = ["Load", programs.keyStore, String(bytes), String(WARM_MS), ms];
			const said = /\{.*\}/.exec(await programs.run(jdk, listen, args, OPTIONS))?.[0] ?? "{}";
			const { perSecond, p50, p99 } = JSON.parse(said);
			const counters = (await polytap?.stop())?.totals.sources.jvm?.counters;
			const { agent_dropped_events: dropped = 0, agent_hook_errors: hookErrors = 0 } = counters ?? {};
			return { perSecond, p50, p99, startMs: null, dropped, hookErrors };
		});
	}

	const samples = await interleave(kinds, Number(values.rounds), measure);
	const rows = kinds.map(({ name, agent, bytes }) => {
		const own = samples.get(name) ?? [];
		const base = samples.get(`${bytes === null ? "start" : `${bytes} B`}, none`) ?? [];
		const of = (pick: (result: Result) => number | null) => own.map(pick);
		const ratio = spreadOf(
			own.map((result, i) => {
				const [a, b] = bytes === null ? [result.startMs, base[i]?.startMs] : [result.perSecond, base[i]?.perSecond];
				return a === null || a === undefined || !b ? null : a / b;
			}),
		);
		const main = bytes === null ? of(({ startMs }) => startMs) : of(({ perSecond }) => perSecond);
		return [
			bytes === null ? "start of a JVM, ms" : `${bytes} B, requests/s`,
			agent,
			showSpread(spreadOf(main)),
			showSpread(ratio, 2),
			showSpread(spreadOf(of(({ p50 }) => p50))),
			showSpread(spreadOf(of(({ p99 }) => p99))),
			String(own.reduce((sum, { dropped }) => sum + dropped, 0)),
		];
	});
	const report = {
		name: "java-agent",
		title: "What the Java agent costs an application",
		machine,
		command: `node dist/bench/java-agent.js --rounds ${values.rounds} --seconds ${values.seconds}`,
		method: [
			`JDK ${jdk.version}; HttpsServer and java.net.http in one JVM, one request after the other over one connection, so every exchange is captured at both ends: twice the work of a service that is one end.`,
			`${WARM_MS / 1000} s of warming up, then the seconds that are measured; each kind once a round, each round beginning with another one.`,
			"Verification of the JDK's own classes is switched on in all kinds; polytap parses everything and writes to the sink that counts.",
			"The ratio is that of the same round to the kind without agent; each cell is the median of the rounds, least and most in brackets.",
		],
		tables: [
			{
				title: "HTTPS over loopback, and start-up",
				head: ["what", "agent", "", "ratio", "p50 µs", "p99 µs", "events dropped"],
				rows,
			},
		],
		data: Object.fromEntries(samples),
	};
	if (values.reports === undefined) console.log(rows.map((row) => row.join("\t")).join("\n"));
	else publish(report, values.reports);
});
