/** What the applications are and what is asked of them. */
import { createReadStream, createWriteStream } from "node:fs";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { checkIntegrity } from "../../test/e2e/support/integrity.js";
import { type Nginx, startNginx } from "../../test/e2e/support/nginx.js";
import { freePort, isListening } from "../../test/e2e/support/port.js";
import { startPostgresql } from "../../test/e2e/support/postgresql.js";
import { Program, runProgram } from "../../test/e2e/support/program.js";
import type { Scope } from "../../test/e2e/support/scope.js";
import { type OpenLoop, runOpenLoop } from "../harness/openloop.js";
import { counted } from "./counted.js";
import { runH2load } from "./h2load.js";
import { startJavaHttps } from "./java-https.js";
import { folded, percentileOf } from "./latencies.js";

/** `java https`: TLS that a JVM does by itself. */
export type AppProtocol = "http/1.1" | "http/2" | "postgresql" | "redis" | "java https";

export interface Load {
	readonly requests: number;
	readonly requestsPerSecond: number;
	readonly failed: number;
	readonly p50Us: number;
	readonly p90Us: number | null;
	readonly p99Us: number;
	readonly p999Us: number | null;
	/** Percentile and microseconds. */
	readonly curve: readonly (readonly [number, number])[];
}

/** Of what the applications answered, what the capture has. */
export interface Seen {
	readonly answered: number;
	readonly captured: number;
	/** Bodies of both directions equal by SHA-256; null: the workload does not tell. */
	readonly intact: number | null;
	readonly examples: readonly string[];
}

export interface App {
	readonly ports: readonly number[];
	/** `isWarmUp`: what is asked then is not looked for afterwards. */
	load(ports: readonly number[], seconds: number, isWarmUp: boolean): Promise<Load>;
	/** What the application itself counted against the files of a capture. Stops the application. */
	seen(files: readonly string[], folder: string): Promise<Seen>;
}

export interface AppStart {
	readonly scope: Scope;
	/** Of the whole run, for what is made once. */
	readonly whole: Scope;
	/** Where a Java agent in the application is to report; null: it gets none. */
	readonly agentSocket: string | null;
	readonly instances: number;
	readonly loop: OpenLoop;
	/** Requests a second of the fixed rates. */
	readonly rate: number;
	/** The application answers so much later than it could: for the test of the benchmark itself. */
	readonly delayMs: number;
}

export interface Workload {
	readonly name: string;
	readonly protocol: AppProtocol;
	readonly isFixedRate: boolean;
	start(options: AppStart): Promise<App>;
}

const CONNECTIONS = 32;
/** First digits of ids. */
const LOAD = 100;
const WARM_UP = 101;

export const WORKLOADS: readonly Workload[] = [
	http1("HTTP/1.1 100 B, saturated", 100, false),
	http1("HTTP/1.1 100 B, fixed rate", 100, true),
	http1("HTTP/1.1 10 KiB, saturated", 10_240, false),
	http1("HTTP/1.1 10 KiB, fixed rate", 10_240, true),
	http1("HTTP/1.1 1 MiB, saturated", 1_048_576, false),
	http1("HTTP/1.1 1 MiB, fixed rate", 1_048_576, true),
	http1("HTTP/1.1 100 B, new connections", 100, false, true),
	{ name: "HTTP/2 96 B, saturated", protocol: "http/2", isFixedRate: false, start: startHttp2 },
	{ name: "PostgreSQL select, saturated", protocol: "postgresql", isFixedRate: false, start: startPgbench(false) },
	{ name: "PostgreSQL select, fixed rate", protocol: "postgresql", isFixedRate: true, start: startPgbench(true) },
	{ name: "Redis SET 100 B, saturated", protocol: "redis", isFixedRate: false, start: startRedis },
	{ name: "Java HTTPS 200 B, saturated", protocol: "java https", isFixedRate: false, start: startJavaHttps },
];

/** Bytes a second at a fixed rate are about the same whatever the size. */
const rateOf = (rate: number, size: number) => (size > 100_000 ? rate / 100 : size > 1_000 ? rate / 4 : rate);

function http1(name: string, size: number, isFixedRate: boolean, close = false): Workload {
	return {
		name,
		protocol: "http/1.1",
		isFixedRate,
		async start({ scope, instances, loop, rate, delayMs }) {
			const apps: Nginx[] = [];
			for (let i = 0; i < instances; i++) apps.push(await startNginx(scope, { accessLog: true, delayMs }));
			const connections = Math.max(CONNECTIONS, instances);
			return {
				ports: apps.map(({ port }) => port),
				async load(ports, seconds, isWarmUp) {
					const ids = { load: isWarmUp ? WARM_UP : LOAD, size };
					const common = { port: ports, path: "/echo/", connections, ids, close } as const;
					const fixed = rateOf(rate, size);
					const timing = isFixedRate ? { rate: fixed, count: Math.round(fixed * seconds) } : { rate: null, seconds };
					const { measured, requestsPerSecond, failed, fromDue, curve } = await runOpenLoop(loop, {
						...common,
						...timing,
					});
					return { ...fromDue, requests: measured, requestsPerSecond, failed, curve };
				},
				async seen(files, folder) {
					const log = join(folder, "access.log");
					await writeFile(log, "");
					for (const nginx of apps) {
						await nginx.stop();
						await appendFile(log, await readFile(nginx.accessLog));
					}
					const all = files.length === 1 ? files[0]! : await joined(files, join(folder, "all.jsonl"));
					const [report] = await checkIntegrity(all, log, [{ number: LOAD, name, kind: "echo", size }]);
					const { logged, missing, gaps, mismatches, examples } = report!;
					const captured = logged - missing;
					return { answered: logged, captured, intact: captured - gaps - mismatches, examples };
				},
			};
		},
	};
}

async function startHttp2({ scope, instances, delayMs }: AppStart): Promise<App> {
	if (instances !== 1) throw new Error("HTTP/2 is shown with one instance");
	const nginx = await startNginx(scope, { http2: true, delayMs });
	const folder = await scope.folder();
	return {
		ports: [nginx.port],
		async load([port], seconds) {
			return runH2load(folder, seconds, ["-c8", "-m8", `http://127.0.0.1:${port}/small`]);
		},
		async seen(files) {
			const answered = await nginx.requests();
			await nginx.stop();
			return counted(files, answered, (line) => line.includes('"http.response.status_code":200'));
		},
	};
}

function startPgbench(isFixedRate: boolean): (options: AppStart) => Promise<App> {
	return async ({ scope, instances, rate }) => {
		if (instances !== 1) throw new Error("PostgreSQL is shown with one instance");
		const cluster = await startPostgresql(scope);
		await cluster.run("pgbench", ["-i", "-q", "-s", "1", "postgres"]);
		const folder = await scope.folder();
		let answered = 0;
		const run = async (port: number, seconds: number, prefix: string): Promise<string> => {
			const limit = isFixedRate ? ["-R", String(rate / 4)] : [];
			const args = ["-n", "-S", "-M", "prepared", "-c", "8", "-j", "1", "-T", String(seconds), ...limit];
			const log = ["-l", `--log-prefix=${join(folder, prefix)}`];
			const program = await cluster.run("pgbench", [...args, ...log, "-p", String(port), "postgres"], 120_000);
			answered += Number(/actually processed: (\d+)/.exec(program.stdout)?.[1]);
			return program.stdout;
		};
		return {
			ports: [cluster.port],
			async load([port], seconds) {
				const prefix = `load-${answered}`;
				const said = await run(port!, Math.max(1, Math.round(seconds)), prefix);
				const log = await runProgram("sh", ["-c", `cat ${join(folder, prefix)}*`], 30_000);
				const latencies = log.stdout
					.split("\n")
					.map((line) => Number(line.split(" ")[2]))
					.filter((us) => us > 0);
				const requests = Number(/actually processed: (\d+)/.exec(said)?.[1]);
				const requestsPerSecond = Number(/tps = ([\d.]+)/.exec(said)?.[1]);
				return { requests, requestsPerSecond, failed: 0, ...folded(latencies) };
			},
			seen: (files) =>
				counted(files, answered, (line) => line.includes("SELECT abalance") && line.includes('"kind":"exchange"')),
		};
	};
}

const REDIS_REQUESTS = 200_000;
const REDIS_WARM_UP = 20_000;

async function startRedis({ scope, instances }: AppStart): Promise<App> {
	if (instances !== 1) throw new Error("Redis is shown with one instance");
	const port = await freePort();
	const folder = await scope.folder();
	const server = new Program("redis-server", [
		"--port",
		String(port),
		"--save",
		"",
		"--dir",
		folder,
		"--bind",
		"127.0.0.1",
	]);
	scope.defer(() => server.stop());
	await server.until(() => isListening(server.pid, port), 10_000);
	let answered = 0;
	return {
		ports: [port],
		async load([at], _seconds, isWarmUp) {
			const requests = isWarmUp ? REDIS_WARM_UP : REDIS_REQUESTS;
			const args = [
				"-p",
				String(at),
				"-c",
				String(CONNECTIONS),
				"-n",
				String(requests),
				"-t",
				"set",
				"-d",
				"100",
				"--csv",
			];
			const { stdout } = await runProgram("redis-benchmark", args, 120_000);
			const row = /^"SET",(.*)$/m.exec(stdout)?.[1];
			if (row === undefined) throw new Error(`unreadable redis-benchmark: ${stdout}`);
			const [rps = 0, , , p50 = 0, p95 = 0, p99 = 0, max = 0] = row
				.split(",")
				.map((cell) => Number(cell.replaceAll('"', "")));
			answered += requests;
			const curve = [
				[50, p50 * 1000],
				[95, p95 * 1000],
				[99, p99 * 1000],
				[99.999, max * 1000],
			] as const;
			const [p50Us, p99Us] = [percentileOf(curve, 50), percentileOf(curve, 99)];
			return { requests, requestsPerSecond: rps, failed: 0, p50Us, p90Us: null, p99Us, p999Us: null, curve };
		},
		seen: (files) =>
			counted(files, answered, (line) => line.includes('"operation":"SET') && line.includes('"outcome":"ok"')),
	};
}

async function joined(files: readonly string[], into: string): Promise<string> {
	await writeFile(into, "");
	for (const file of files) await pipeline(createReadStream(file), createWriteStream(into, { flags: "a" }));
	return into;
}
