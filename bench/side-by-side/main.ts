/**
 * Every way of watching in one run: `polytap bench`, or `node dist/bench/side-by-side/main.js [--rounds 5] [--seconds 4]
 * [--rate 4000] [--instances 1,5,20,50] [--modes "WORD;WORD"] [--workloads "WORD;WORD"] [--envoy auto|off|PATH] [--out FOLDER]`
 */
import { tmpdir } from "node:os";
import { missingJava } from "../../test/e2e/support/java.js";
import { missing } from "../../test/e2e/support/needs.js";
import { REPOSITORY } from "../../test/e2e/support/polytap.js";
import { withScope } from "../../test/e2e/support/scope.js";
import { needBpftool } from "../harness/bpf-cost.js";
import { describeMachine } from "../harness/machine.js";
import { buildOpenLoop } from "../harness/openloop.js";
import { BadOption, main, readOptions } from "../harness/options.js";
import { REPORTS } from "../harness/report.js";
import { findEnvoy } from "./envoy.js";
import { ReportFiles } from "./files.js";
import type { Conditions } from "./measure.js";
import { ebpf, envoy, haproxy, javaAgent, type Mode, none, sidecar } from "./modes.js";
import { plan } from "./plan.js";
import type { SideBySide } from "./report.js";
import { Run } from "./run.js";
import { WORKLOADS, type Workload } from "./workloads.js";

const options = readOptions({
	rounds: 5,
	seconds: 4,
	warmup: 1,
	rate: 4_000,
	instances: "1,5,20,50",
	modes: "",
	workloads: "",
	envoy: "auto",
	delay: "",
	drop: "",
	dir: tmpdir(),
	out: REPORTS,
});
/** The workload on which instances are multiplied. */
const MANY = "HTTP/1.1 100 B, fixed rate";

await main(() =>
	withScope(async (scope) => {
		const warn = (text: string) => process.stderr.write(`${text}\n`);
		const machine = describeMachine(REPOSITORY);
		const java = missingJava() ?? missing("h2load", "curl");
		if (java !== null) warn(`SKIPPED: Java and its agent: ${java}`);
		const executable = await findEnvoy(scope, options.envoy, warn);
		const modes = chosen(
			[
				none,
				{ ...none, name: "none again" },
				ebpf,
				sidecar,
				...(java === null ? [javaAgent] : []),
				haproxy,
				...(executable === null ? [] : [envoy(executable, false), envoy(executable, true)]),
			],
			options.modes,
			"none",
		);
		const workloads = chosen(
			WORKLOADS.filter(({ protocol }) => java === null || protocol !== "java https"),
			options.workloads,
		);
		for (const why of absences(modes, workloads)) warn(why);
		const instances = options.instances
			.split(",")
			.map(Number)
			.filter((n) => n > 0);
		const given: Conditions = {
			whole: scope,
			loop: await buildOpenLoop(scope),
			seconds: options.seconds,
			warmupSeconds: options.warmup,
			rate: options.rate,
			dir: options.dir,
			hasBpftool: await hasBpftool(warn),
			delayMs: byMode(options.delay),
			dropOneIn: byMode(options.drop),
		};
		const report: SideBySide = {
			date: new Date().toISOString(),
			machine,
			command: `polytap bench ${shown()}`,
			modes: modes.map(({ name, what, isProxy }) => ({ name, what, isProxy })),
			worsened: { delay: options.delay, drop: options.drop },
			extent: { begun: [new Date().toISOString()], pieces: 0, done: [], failed: [] },
			method: method(),
			cells: [],
			kills: [],
		};
		const many = { workload: MANY, instances };
		const pieces = plan({ modes, workloads, rounds: options.rounds, many });
		const { failed } = await new Run(report, pieces, given, new ReportFiles(options.out)).all(modes);
		if (failed.length > 0) throw new Error(`${failed.length} pieces failed:\n${failed.join("\n")}`);
	}),
);

/** By a part of the name, several parts separated by semicolons; `always` stays whatever is chosen. */
function chosen<T extends { readonly name: string }>(all: readonly T[], words: string, always?: string): readonly T[] {
	if (words === "") return all;
	const wanted = words.split(";");
	const found = all.filter(({ name }) => name === always || wanted.some((word) => name.includes(word)));
	if (found.length > (always === undefined ? 0 : 1)) return found;
	throw new BadOption(`nothing is called "${words}"; there are: ${all.map(({ name }) => name).join("; ")}`);
}

/** Who does not take part in what, and why. */
function absences(modes: readonly Mode[], workloads: readonly Workload[]): ReadonlySet<string> {
	const all = new Set<string>();
	for (const { protocol } of workloads)
		for (const mode of modes) {
			const why = mode.suits(protocol);
			if (why !== null) all.add(`${mode.name} not with ${protocol}: ${why}`);
		}
	return all;
}

/** `ebpf:2,sidecar:5`. */
function byMode(text: string): ReadonlyMap<string, number> {
	const pairs = text.split(",").filter(Boolean);
	return new Map(
		pairs.map((pair) => {
			const at = pair.lastIndexOf(":");
			return [pair.slice(0, at), Number(pair.slice(at + 1))];
		}),
	);
}

async function hasBpftool(warn: (text: string) => void): Promise<boolean> {
	try {
		await needBpftool();
		return true;
	} catch {
		warn("SKIPPED: time in BPF programs: bpftool is not installed (apt-get install bpftool)");
		return false;
	}
}

function shown(): string {
	const { dir: _, out: __, envoy: ___, ...rest } = options;
	return Object.entries(rest)
		.filter(([, value]) => value !== "")
		.map(([name, value]) => `--${name} ${value}`)
		.join(" ");
}

function method(): string[] {
	return [
		`${options.rounds} rounds, in each everything once, and of each workload all modes one after the other, beginning with another one each time; the application, and what watches it, are started anew for each cell; ${options.warmup} s of load that is not measured, then ${options.seconds} s that are (Redis: 200,000 requests).`,
		"Application and mode run in a control group (version 2) of their own each; processor time is the group's, until everything that waited was worked off.",
		`HTTP/1.1: nginx (one worker) gives each request's body back, which is made from the request's id; bench/openloop.c asks over 32 connections. At a fixed rate (${options.rate}/s at 100 B, a quarter at 10 KiB, a hundredth at 1 MiB) latency counts from the moment a request was due: free of coordinated omission. Saturated: from sending.`,
		"HTTP/2: h2load, 8 connections of 8 streams, latency by its own log. Java: HttpsServer, TLS 1.3, h2load over 8 connections of HTTP/1.1, 4 s of warm-up; the agent's own time is the application's; the sidecar opens the TLS, the other proxies pass it through. PostgreSQL: pgbench -S -M prepared, 8 clients; at a fixed rate latency counts from the schedule (a quarter of the rate). Redis: redis-benchmark SET, 32 clients.",
		"Captured: exchanges in the files against what the application's own log or count has as answered. Intact: bodies of both directions equal by SHA-256 to those made again from the id.",
		"Time in BPF programs: from a pass of its own with kernel.bpf_stats_enabled=1; it is part of the application's processor time already.",
		"PSS divides shared pages by those who share them: N processes of one program share its text.",
		"Figures are medians, with minimum and maximum; everything shares the machine's processors, nothing is pinned. `none again` shows the noise.",
	];
}
