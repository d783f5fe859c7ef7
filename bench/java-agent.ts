/**
 * What the Java agent costs an application: a record that an SSLEngine wraps and another unwraps, HTTPS over loopback with both
 * ends in one JVM, and the start of a JVM; without the agent, with it and nobody to talk to, and with polytap. Interleaved rounds, medians, ratios of one round:
 * `node dist/bench/java-agent.js [--rounds 5] [--seconds 4] [--reports FOLDER]`. Needs a JDK and the agent.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findJdks, JavaPrograms, missingJava } from "../test/e2e/support/java.js";
import { REPOSITORY, startPolytap } from "../test/e2e/support/polytap.js";
import { runProgram } from "../test/e2e/support/program.js";
import { withScope } from "../test/e2e/support/scope.js";
import { describeMachine } from "./harness/machine.js";
import { publish } from "./harness/report.js";
import { interleave } from "./harness/rounds.js";
import { showSpread, spreadOf } from "./harness/stats.js";

const WARM_MS = 4_000;
/** The optimising compiler, and no verification of the JDK's own classes: the tests have it the other way round. */
const OPTIONS = ["-XX:TieredStopAtLevel=4", "-Xmx512m", "-XX:-BytecodeVerificationLocal"];

const AGENTS = ["none", "nobody listens", "polytap"] as const;
/** What any agent costs: a JVM that has one resolves its modules anew. */
const EMPTY = "an agent that does nothing";
const STARTED = ["none", EMPTY, "nobody listens", "polytap"] as const;
const PROGRAMS = ["Engine", "Load", "start"] as const;
interface Kind {
	readonly name: string;
	readonly program: (typeof PROGRAMS)[number];
	readonly agent: (typeof STARTED)[number];
	readonly bytes: number;
}

interface Result {
	/** Engine: ns a record. Load: requests a second. start: ms. */
	readonly value: number;
	readonly p50: number | null;
	readonly p99: number | null;
	readonly dropped: number;
	readonly hookErrors: number;
}

const WHAT = { Engine: "wrap and unwrap, ns", Load: "requests/s", start: "start of a JVM, ms" } as const;

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

const baseOf = ({ program, bytes }: Kind) => `${program} ${bytes} B, none`;
const kinds: Kind[] = PROGRAMS.flatMap((program) =>
	(program === "start" ? [0] : [200, 16_000]).flatMap((bytes) =>
		(program === "start" ? STARTED : AGENTS).map(
			(agent): Kind => ({ name: `${program} ${bytes} B, ${agent}`, program, agent, bytes }),
		),
	),
);

const machine = describeMachine(REPOSITORY);
await withScope(async (scope) => {
	const programs = await JavaPrograms.compile(
		scope,
		["Load", "Engine", "Nothing"].map((name) => `../../../bench/java/${name}.java`),
	);
	const emptyJar = join(programs.folder, "nothing.jar");
	const manifest = join(programs.folder, "manifest");
	await writeFile(manifest, "Premain-Class: Nothing\n");
	const classes = ["-C", join(programs.folder, "classes"), "Nothing.class"];
	await runProgram(join(jdk.home, "bin/jar"), ["cfm", emptyJar, manifest, ...classes], 60_000);

	async function measure({ program, agent, bytes }: Kind): Promise<Result> {
		return withScope(async (inner) => {
			const path = join(await inner.folder(), "java.sock");
			const listen = agent === "none" || agent === EMPTY ? null : `unix:${path}`;
			const options = agent === EMPTY ? [...OPTIONS, `-javaagent:${emptyJar}`] : OPTIONS;
			const sources = { jvm: { type: "java-agent", listen: path } };
			const config = { sources, sinks: { none: { type: "blackhole" } } };
			const polytap = agent === "polytap" ? await startPolytap(inner, { config }) : null;
			const ms = String(Number(values.seconds) * 1000);
			const args = program === "start" ? ["Load"] : [program, programs.keyStore, String(bytes), String(WARM_MS), ms];
			const from = performance.now();
			const stdout = await programs.run(jdk, listen, args, options);
			const tookMs = performance.now() - from;
			const said = JSON.parse(/\{.*\}/.exec(stdout)?.[0] ?? "{}");
			if (program === "Load" && said.wrong !== 0) throw new Error(`${said.wrong} answers were wrong`);
			const counters = (await polytap?.stop())?.totals.sources.jvm?.counters;
			const { agent_dropped_events: dropped = 0, agent_hook_errors: hookErrors = 0 } = counters ?? {};
			const value = program === "start" ? tookMs : program === "Load" ? said.perSecond : said.nanos;
			return { value, p50: said.p50 ?? null, p99: said.p99 ?? null, dropped, hookErrors };
		});
	}

	const samples = await interleave(kinds, Number(values.rounds), measure);
	const rows = kinds.map((kind) => {
		const own = samples.get(kind.name) ?? [];
		const base = samples.get(baseOf(kind)) ?? [];
		const of = (pick: (result: Result, round: number) => number | null, digits = 0) =>
			showSpread(spreadOf(own.map(pick)), digits);
		const total = (pick: (result: Result) => number) => String(own.reduce((sum, result) => sum + pick(result), 0));
		return [
			kind.program === "start" ? WHAT.start : `${kind.bytes} B, ${WHAT[kind.program]}`,
			kind.agent,
			of(({ value }) => value),
			of(({ value }, i) => value / (base[i]?.value ?? Number.NaN), 2),
			kind.program === "Load" ? of(({ p50 }) => p50) : "–",
			kind.program === "Load" ? of(({ p99 }) => p99) : "–",
			total(({ dropped }) => dropped),
			total(({ hookErrors }) => hookErrors),
		];
	});
	const report = {
		name: "java-agent",
		title: "What the Java agent costs an application",
		machine,
		command: `node dist/bench/java-agent.js --rounds ${values.rounds} --seconds ${values.seconds}`,
		method: [
			`JDK ${jdk.version}. Requests: HttpsServer and java.net.http in one JVM, one request after the other over one connection, so every exchange is captured at both ends: twice the work of a service that is one end. Records: two SSLEngines in memory, one record after the other, no socket; with polytap more is made than anybody could read, so what does not fit into the queue is dropped. Start: a main that returns at once, the time that its process takes; with any agent a JVM does not use the archive of its resolved modules, so one that does nothing is measured, too.`,
			`${WARM_MS / 1000} s of warming up, then the seconds that are measured; each kind once a round, each round beginning with another one.`,
			"polytap runs on the same two processors, parses everything and writes to the sink that counts.",
			"The ratio is that of the same round to the kind without agent; each cell is the median of the rounds, least and most in brackets.",
		],
		tables: [
			{
				title: "HTTPS over loopback, records in memory, and start-up",
				head: ["what", "agent", "", "ratio", "p50 µs", "p99 µs", "events dropped", "hook errors"],
				rows,
			},
		],
		data: Object.fromEntries(samples),
	};
	if (values.reports === undefined) console.log(rows.map((row) => row.join("\t")).join("\n"));
	else publish(report, values.reports);
});
