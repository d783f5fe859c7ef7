/** The ways of watching that are compared. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { startHaproxy } from "../../test/e2e/support/haproxy.js";
import { captureConfig, type Polytap, startPolytap } from "../../test/e2e/support/polytap.js";
import type { Program } from "../../test/e2e/support/program.js";
import type { Scope } from "../../test/e2e/support/scope.js";
import { startEnvoy } from "./envoy.js";
import type { AppProtocol } from "./workloads.js";

export interface ModeStart {
	readonly scope: Scope;
	/** One for each instance of the application. */
	readonly ports: readonly number[];
	readonly protocol: AppProtocol;
	/** For what is captured. */
	readonly folder: string;
}

/** A mode at work. */
export interface Running {
	/** Where the load goes, one for each instance. */
	readonly ports: readonly number[];
	/** The processes that the mode needs, and nothing else, at the start. */
	readonly programs: readonly Program[];
	/** Whatever waits has been worked off. */
	settled(): Promise<void>;
	stop(): Promise<ModeEnd>;
}

export interface ModeEnd {
	/** Files of exchanges as JSON lines; null: it does not know what an exchange is. */
	readonly files: readonly string[] | null;
	readonly bytesOnDisk: number;
	/** Bytes that it says itself are lost. */
	readonly lostBytes: number;
}

export interface Mode {
	readonly name: string;
	/** One sentence for the report. */
	readonly what: string;
	/** It stands in the path of requests. */
	readonly isProxy: boolean;
	/** Null: fine; else why this mode cannot take part. */
	suits(protocol: AppProtocol): string | null;
	/** Where an agent inside the application is to report, in the folder for what is captured. */
	agentSocket?(folder: string): string;
	start(options: ModeStart): Promise<Running>;
}

const anything = () => null;

export const none: Mode = {
	name: "none",
	what: "Nothing watches.",
	isProxy: false,
	suits: anything,
	start: async ({ ports }) => ({
		ports,
		programs: [],
		settled: async () => {},
		stop: async () => ({ files: null, bytesOnDisk: 0, lostBytes: 0 }),
	}),
};

/** Of one target. */
const MOST_PORTS = 32;

export const ebpf: Mode = {
	name: "ebpf",
	what: "One polytap for all instances, eBPF source, whole payloads as JSON lines.",
	isProxy: false,
	suits: (protocol) => (protocol === "java https" ? "Java encrypts by itself, which no library shows" : null),
	async start({ scope, ports, folder }) {
		const path = join(folder, "ebpf.jsonl");
		const targets: { readonly ports: readonly number[] }[] = [];
		for (let at = 0; at < ports.length; at += MOST_PORTS) targets.push({ ports: ports.slice(at, at + MOST_PORTS) });
		const polytap = await startPolytap(scope, {
			config: captureConfig({ ports, path, vantage: "server", source: { targets } }),
		});
		return {
			ports,
			programs: [polytap.program],
			settled: () => polytap.settled(),
			stop: () => ending([polytap], [path]),
		};
	},
};

export const sidecar: Mode = {
	name: "sidecar",
	what: "One polytap with the sidecar-legacy source for each instance, whole payloads as JSON lines.",
	isProxy: true,
	suits: anything,
	async start({ scope, ports, protocol, folder }) {
		const tls = { mode: "intercept", ca_folder: join(folder, "ca"), upstream_verify: false };
		const files = ports.map((_, index) => join(folder, `sidecar-${index}.jsonl`));
		const all = await someAtOnce(ports, (port, index) => {
			const source = {
				type: "sidecar-legacy",
				listen: "127.0.0.1:0",
				upstream: `127.0.0.1:${port}`,
				legs: "downstream",
				...(protocol === "java https" ? { tls } : {}),
			};
			const sinks = { file: { type: "jsonl", path: files[index] } };
			return startPolytap(scope, { config: { sources: { legacy: source }, sinks } });
		});
		return {
			ports: all.map(({ program }) => Number(/listens on \S+:(\d+)/.exec(program.stderr)?.[1])),
			programs: all.map(({ program }) => program),
			settled: async () => {
				await Promise.all(all.map((polytap) => polytap.settled()));
			},
			stop: () => ending(all, files),
		};
	},
};

export const javaAgent: Mode = {
	name: "java-agent",
	what: "The agent in the JVM, and one polytap with the java-agent source, whole payloads as JSON lines.",
	isProxy: false,
	suits: (protocol) => (protocol === "java https" ? null : "there is no JVM"),
	agentSocket: (folder) => join(folder, "java.sock"),
	async start({ scope, ports, folder }) {
		const path = join(folder, "java-agent.jsonl");
		const polytap = await startPolytap(scope, {
			config: {
				sources: { jvm: { type: "java-agent", listen: join(folder, "java.sock") } },
				sinks: { file: { type: "jsonl", path } },
			},
		});
		return {
			ports,
			programs: [polytap.program],
			settled: () => polytap.settled(),
			stop: () => ending([polytap], [path]),
		};
	},
};

export const haproxy: Mode = {
	name: "haproxy",
	what: "HAProxy in TCP mode, one process with one thread for each instance; it captures nothing.",
	isProxy: true,
	suits: anything,
	async start({ scope, ports }) {
		return proxies(await someAtOnce(ports, (port) => startHaproxy(scope, port)));
	},
};

/** `tap`: the tap filter writes whole bodies. */
export function envoy(executable: string, tap: boolean): Mode {
	return {
		name: tap ? "envoy, tap" : "envoy",
		what: tap
			? "Envoy, one process with one worker for each instance, its tap filter writing whole bodies into a file for each exchange."
			: "Envoy, one process with one worker for each instance: HTTP connection manager for HTTP, TCP proxy for the rest; it captures nothing.",
		isProxy: true,
		suits: (protocol) => (tap && protocol !== "http/1.1" ? "the tap filter is for HTTP, and shown on HTTP/1.1" : null),
		async start({ scope, ports, protocol, folder }) {
			const isHttp1 = protocol === "http/1.1";
			const all = await someAtOnce(ports, (upstreamPort, index) => {
				const tapFolder = tap ? join(folder, `tap-${index}`) : null;
				return startEnvoy(scope, { executable, upstreamPort, isHttp1, tapFolder });
			});
			return proxies(all);
		},
	};
}

/** Fifty programs that start all at once get in each other's way, one after the other they take long. */
const AT_ONCE = 4;

async function someAtOnce<T>(
	ports: readonly number[],
	start: (port: number, index: number) => Promise<T>,
): Promise<readonly T[]> {
	const all: T[] = [];
	for (let at = 0; at < ports.length; at += AT_ONCE)
		all.push(...(await Promise.all(ports.slice(at, at + AT_ONCE).map((port, index) => start(port, at + index)))));
	return all;
}

function proxies(all: readonly { readonly port: number; readonly program: Program }[]): Running {
	return {
		ports: all.map(({ port }) => port),
		programs: all.map(({ program }) => program),
		settled: async () => {},
		stop: async () => {
			await Promise.all(all.map(({ program }) => program.stop()));
			return { files: null, bytesOnDisk: 0, lostBytes: 0 };
		},
	};
}

async function ending(all: readonly Polytap[], files: readonly string[]): Promise<ModeEnd> {
	let lostBytes = 0;
	for (const { code, totals, stderr } of await Promise.all(all.map((polytap) => polytap.stop()))) {
		if (code !== 0) throw new Error(`polytap ended with ${code}: ${stderr}`);
		for (const bytes of Object.values(totals.bytes.lost)) lostBytes += bytes;
	}
	let bytesOnDisk = 0;
	for (const file of files) bytesOnDisk += (await stat(file)).size;
	return { files, bytesOnDisk, lostBytes };
}
