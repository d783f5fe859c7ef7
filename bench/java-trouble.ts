/**
 * What an application notices when polytap is in trouble: HTTPS at a fixed rate with both ends in one JVM, the agent in it, and
 * polytap well, away, stopped (SIGSTOP), killed, killed and started again, on a full disk, of another version. Interleaved rounds,
 * medians, ratios of one round: `node dist/bench/java-trouble.js [--rounds 5] [--seconds 6] [--rate 300] [--reports FOLDER]`.
 * Needs root (a small tmpfs), a JDK and the agent.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findJdks, JavaPrograms, missingJava } from "../test/e2e/support/java.js";
import { type Polytap, REPOSITORY, startPolytap } from "../test/e2e/support/polytap.js";
import { pause } from "../test/e2e/support/program.js";
import { type Scope, withScope } from "../test/e2e/support/scope.js";
import { describeMachine } from "./harness/machine.js";
import { publish } from "./harness/report.js";
import { interleave } from "./harness/rounds.js";
import { showSpread, spreadOf } from "./harness/stats.js";

const WARM_MS = 4_000;
const BYTES = "2000";
const OPTIONS = ["-XX:TieredStopAtLevel=4", "-Xmx512m", "-XX:-BytecodeVerificationLocal"];
const TROUBLES = [
	{ name: "no agent" },
	{ name: "polytap is well" },
	{ name: "polytap is away" },
	{ name: "polytap is stopped" },
	{ name: "polytap is killed" },
	{ name: "polytap is killed and started again" },
	{ name: "polytap's disk is full" },
	{ name: "polytap is of another version" },
] as const;
type Trouble = (typeof TROUBLES)[number];

interface Result {
	readonly requests: number;
	readonly wrong: number;
	readonly p50: number;
	readonly p99: number;
	/** Of the polytap that was there at the end. */
	readonly dropped: number | null;
	readonly hookErrors: number | null;
}

const { values } = parseArgs({
	options: {
		rounds: { type: "string", default: "5" },
		seconds: { type: "string", default: "6" },
		rate: { type: "string", default: "300" },
		reports: { type: "string" },
	},
});
const why = missingJava();
if (why !== null) throw new Error(why);
const jdk = findJdks()[0]!;
const ms = Number(values.seconds) * 1000;

/** Agents are told that this is another version. */
async function refuse(scope: Scope, path: string): Promise<void> {
	const server = createServer((socket) => {
		socket.on("error", () => undefined);
		const error = { code: -32002, message: "version", data: "this is version 2" };
		socket.once("data", () => socket.end(`${JSON.stringify({ jsonrpc: "2.0", id: 1, error })}\n`));
	});
	await new Promise<void>((resolve) => server.listen(path, resolve));
	scope.defer(() => {
		server.close();
	});
}

/** A folder with room for one mebibyte. */
async function smallDisk(scope: Scope): Promise<string> {
	const folder = join(await scope.folder(), "small");
	mkdirSync(folder);
	execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "polytap-bench", folder]);
	scope.defer(() => {
		execFileSync("umount", ["-l", folder]);
	});
	return folder;
}

async function measure(programs: JavaPrograms, { name }: Trouble): Promise<Result> {
	return withScope(async (scope) => {
		const path = join(await scope.folder(), "java.sock");
		const sink =
			name === "polytap's disk is full"
				? { type: "jsonl", path: join(await smallDisk(scope), "records.jsonl") }
				: { type: "blackhole" };
		const config = { sources: { jvm: { type: "java-agent", listen: path } }, sinks: { out: sink } };
		const without: readonly string[] = ["no agent", "polytap is away", "polytap is of another version"];
		let polytap: Polytap | null = without.includes(name) ? null : await startPolytap(scope, { config });
		if (name === "polytap is of another version") await refuse(scope, path);
		const listen = name === "no agent" ? null : `unix:${path}`;
		const args = ["Load", programs.keyStore, BYTES, String(WARM_MS), String(ms)];
		const program = programs.start(jdk, listen, args, [...OPTIONS, `-Drate=${values.rate}`]);
		scope.defer(() => program.stop("SIGKILL"));
		await program.until(() => program.stdout.includes("warm"), 60_000);
		if (name === "polytap is stopped") polytap?.program.kill("SIGSTOP");
		if (name.startsWith("polytap is killed")) {
			await pause(ms / 4);
			await polytap?.program.stop("SIGKILL");
			polytap = name.endsWith("again") ? await startPolytap(scope, { config }) : null;
		}
		const { code } = await program.exited;
		if (code !== 0) throw new Error(`${name}: ${program.stderr}`);
		const { requests, wrong, p50, p99 } = JSON.parse(/\{.*\}/.exec(program.stdout)?.[0] ?? "{}");
		polytap?.program.kill("SIGCONT");
		const counters = polytap === null ? null : (await polytap.stop()).totals.sources.jvm?.counters;
		const { agent_dropped_events: dropped = null, agent_hook_errors: hookErrors = null } = counters ?? {};
		return { requests, wrong, p50, p99, dropped, hookErrors };
	});
}

const machine = describeMachine(REPOSITORY);
await withScope(async (scope) => {
	const programs = await JavaPrograms.compile(scope, ["../../../bench/java/Load.java"]);
	const samples = await interleave(TROUBLES, Number(values.rounds), (trouble) => measure(programs, trouble));
	const base = samples.get("no agent") ?? [];
	const rows = TROUBLES.map(({ name }) => {
		const own = samples.get(name) ?? [];
		const total = (pick: (result: Result) => number | null) =>
			own.some((result) => pick(result) !== null)
				? String(own.reduce((sum, result) => sum + (pick(result) ?? 0), 0))
				: "–";
		const ratio = (pick: (result: Result) => number) =>
			showSpread(spreadOf(own.map((result, i) => (base[i] === undefined ? null : pick(result) / pick(base[i])))), 2);
		return [
			name,
			total(({ requests }) => requests),
			total(({ wrong }) => wrong),
			showSpread(spreadOf(own.map(({ p50 }) => p50))),
			ratio(({ p50 }) => p50),
			showSpread(spreadOf(own.map(({ p99 }) => p99))),
			ratio(({ p99 }) => p99),
			total(({ dropped }) => dropped),
			total(({ hookErrors }) => hookErrors),
		];
	});
	const report = {
		name: "java-trouble",
		title: "What an application notices when polytap is in trouble",
		machine,
		command: `node dist/bench/java-trouble.js --rounds ${values.rounds} --seconds ${values.seconds} --rate ${values.rate}`,
		method: [
			`JDK ${jdk.version}; HttpsServer and java.net.http in one JVM, ${values.rate} requests a second with ${BYTES} bytes of answer over one connection, each answer compared; latency from when a request should have begun.`,
			`${WARM_MS / 1000} s of warming up with polytap well, then the trouble begins and the seconds are measured; each kind once a round, each round beginning with another one.`,
			"The ratio is that of the same round to the kind without agent; each cell is the median of the rounds, least and most in brackets. polytap shares the machine's processors with the application.",
			"Drops and failures of hooks are those of the polytap that was there at the end.",
		],
		tables: [
			{
				title: "HTTPS at a fixed rate",
				head: ["", "answers", "wrong", "p50 µs", "ratio", "p99 µs", "ratio", "events dropped", "hook errors"],
				rows,
			},
		],
		data: Object.fromEntries(samples),
	};
	if (values.reports === undefined) console.log(rows.map((row) => row.join("\t")).join("\n"));
	else publish(report, values.reports);
});
