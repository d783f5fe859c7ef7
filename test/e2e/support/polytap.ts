import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { metricName } from "../../../core/app/metrics.js";
import type { Totals } from "../../../core/app/totals.js";
import { patient } from "./patience.js";
import { Program, pause } from "./program.js";
import type { Scope } from "./scope.js";
import { callsReturned, cpuUs, isRunnable, type MemoryUse, memoryUse } from "./usage.js";

/** The repository, seen from the compiled file. */
export const REPOSITORY = fileURLToPath(new URL("../../../../", import.meta.url));
export const CLI = join(REPOSITORY, "dist/core/app/cli.js");

/** For a config: the endpoint that counters are asked of. */
export const METRICS = { listen: "127.0.0.1:0" };

/** Looks at it, 50 ms apart. */
const QUIET_LOOKS = 6;

export interface PolytapOptions {
	/** The config file's content without `version`; see `captureConfig`. */
	readonly config: Readonly<Record<string, unknown>>;
	readonly nodeArgs?: readonly string[];
	readonly env?: Readonly<Record<string, string>>;
}

export interface PolytapEnd {
	readonly code: number | null;
	readonly totals: Totals;
	readonly stderr: string;
}

export interface Polytap {
	readonly program: Program;
	readonly pid: number;
	/** Its config file: change it and send SIGHUP. */
	readonly configPath: string;
	cpuUs(): number;
	memory(): MemoryUse;
	/** The backlog is worked off: see the function. */
	settled(timeoutMs?: number): Promise<void>;
	/** Resolves when the counter of a source is at least that. The config must have `metrics: METRICS`. */
	counted(source: string, counter: string, least?: number): Promise<void>;
	/** The counter of a source by now; 0 where it counted nothing. As above. */
	counter(source: string, counter: string): Promise<number>;
	/** SIGTERM when what it watches has returned from its calls, and the totals it wrote. Rejects when it does not end within 60 s or wrote none. */
	stop(): Promise<PolytapEnd>;
}

export interface CaptureConfigOptions {
	readonly ports: readonly number[];
	/** File of the `jsonl` sink. */
	readonly path: string;
	readonly vantage?: "auto" | "server" | "client" | "both";
	/** More options of the source. */
	readonly source?: Readonly<Record<string, unknown>>;
	readonly capture?: Readonly<Record<string, unknown>>;
	/** More options of the sink. */
	readonly sink?: Readonly<Record<string, unknown>>;
}

/** eBPF on some ports into one file of whole exchanges. */
export function captureConfig(options: CaptureConfigOptions): Record<string, unknown> {
	return {
		sources: {
			node: {
				type: "ebpf",
				targets: [{ ports: options.ports }],
				vantage: options.vantage ?? "server",
				...options.source,
			},
		},
		...(options.capture === undefined ? {} : { capture: options.capture }),
		sinks: { file: { type: "jsonl", path: options.path, ...options.sink } },
	};
}

/** Resolves when what it watches has returned from its calls and it has wanted no processor time to speak of for 300 ms since. */
export async function settled(program: Program, timeoutMs = patient(60_000)): Promise<void> {
	await callsReturned();
	const { pid } = program;
	const deadline = Date.now() + timeoutMs;
	let cpu = cpuUs(pid);
	for (let quiet = 0; quiet < QUIET_LOOKS && Date.now() < deadline && program.isRunning; ) {
		await pause(50);
		const now = cpuUs(pid);
		// On a busy machine it may use nothing because it gets nothing.
		quiet = now - cpu <= 10_000 && !isRunnable(pid) ? quiet + 1 : 0;
		cpu = now;
	}
}

/** Starts the built command line and resolves when it says that it captures. */
export async function startPolytap(scope: Scope, options: PolytapOptions): Promise<Polytap> {
	const folder = await scope.folder();
	const config = join(folder, "polytap.yaml");
	const totalsFile = join(folder, "totals.json");
	await writeFile(config, stringify({ version: 1, ...options.config }));
	const program = new Program(
		process.execPath,
		[...(options.nodeArgs ?? []), CLI, "run", "-c", config, "--totals", totalsFile],
		{ env: options.env ?? {} },
	);
	scope.defer(() => program.stop("SIGTERM"));
	await program.until(() => /^ready: /m.test(program.stderr), 60_000);
	const { pid } = program;
	const counter = async (source: string, name: string): Promise<number> => {
		const url = /http:\/\/\S+\/metrics/.exec(program.stderr)?.[0];
		if (url === undefined) throw new Error(`no metrics: ${program.stderr}`);
		const text = await (await fetch(url)).text();
		const line = new RegExp(`^${metricName("polytap_source", name)}\\{source="${source}",.*\\} (.*)$`, "m");
		return Number(line.exec(text)?.[1] ?? 0);
	};
	return {
		program,
		pid,
		configPath: config,
		cpuUs: () => cpuUs(pid),
		memory: () => memoryUse(pid),
		counter,
		counted: (source, name, least = 1) => program.until(async () => (await counter(source, name)) >= least, 60_000),
		settled: (timeoutMs) => settled(program, timeoutMs),
		async stop() {
			await callsReturned();
			const { code, signal } = await program.stop("SIGTERM", 60_000);
			if (signal !== null) throw new Error(`polytap ended by ${signal}: ${program.stderr}`);
			const totals: Totals = JSON.parse(await readFile(totalsFile, "utf8"));
			return { code, totals, stderr: program.stderr };
		},
	};
}
