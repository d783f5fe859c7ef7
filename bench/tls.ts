/**
 * What plaintext above TLS costs. `node dist/bench/tls.js [--rounds 5] [--seconds 4] [--rate 5000] [--dir /tmp]`
 *
 * nginx over TLS at a fixed rate (h2load), and plain HTTP at full speed (wrk): a library that is watched costs every socket call
 * of the node a look, TLS or not.
 */
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificate } from "../test/e2e/support/certificate.js";
import { type Nginx, startNginx } from "../test/e2e/support/nginx.js";
import { captureConfig, type Polytap, REPOSITORY, startPolytap } from "../test/e2e/support/polytap.js";
import { runProgram } from "../test/e2e/support/program.js";
import { type Scope, withScope } from "../test/e2e/support/scope.js";
import { cpuUs } from "../test/e2e/support/usage.js";
import { runWrk } from "../test/e2e/support/wrk.js";
import { describeMachine } from "./harness/machine.js";
import { main, readOptions } from "./harness/options.js";
import { publish, REPORTS } from "./harness/report.js";
import { interleave } from "./harness/rounds.js";
import { showSpread, spreadOf } from "./harness/stats.js";

const options = readOptions({ rounds: 5, seconds: 4, rate: 5_000, connections: 20, dir: tmpdir(), reports: REPORTS });
const KINDS = [
	{ name: "none", tls: null },
	{ name: "none again", tls: null },
	{ name: "polytap, tls: off", tls: "off" },
	{ name: "polytap, tls: auto", tls: "auto" },
] as const;
type Kind = (typeof KINDS)[number];

interface Sample {
	readonly requests: number;
	readonly requestsPerSecond: number;
	readonly p50Us: number;
	readonly p99Us: number;
	/** Processor time of the server for each request. */
	readonly serverUs: number;
	readonly agentUs: number | null;
	/** Exchanges in the file for each request. */
	readonly captured: number | null;
	readonly lost: number | null;
}

interface Load {
	readonly requests: number;
	readonly requestsPerSecond: number;
	readonly p50Us: number;
	readonly p99Us: number;
}

async function encryptedLoad(scope: Scope, port: number): Promise<Load> {
	const log = join(await scope.folder(), "requests");
	const { rate, seconds, connections } = options;
	const args = ["--h1", "-t1", `-c${connections}`, `--rps=${rate / connections}`, `-D${seconds}`, `--log-file=${log}`];
	await runProgram("h2load", [...args, `https://127.0.0.1:${port}/small`], (seconds + 20) * 1000);
	const times = (await readFile(log, "latin1"))
		.trim()
		.split("\n")
		.map((line) => Number(line.split("\t")[2]))
		.sort((a, b) => a - b);
	const at = (share: number): number => times[Math.floor(times.length * share)] ?? Number.NaN;
	return { requests: times.length, requestsPerSecond: times.length / seconds, p50Us: at(0.5), p99Us: at(0.99) };
}

async function plainLoad(scope: Scope, port: number): Promise<Load> {
	const { seconds } = options;
	const wrk = await runWrk(scope, { url: `http://127.0.0.1:${port}/small`, seconds, connections: 16 });
	const { requests, requestsPerSecond, p50Us, p99Us } = wrk;
	return { requests, requestsPerSecond, p50Us, p99Us };
}

type SendLoad = (scope: Scope, port: number) => Promise<Load>;

async function startCapture(scope: Scope, kind: Kind, port: number): Promise<Polytap | null> {
	if (kind.tls === null) return null;
	const path = join(await scope.folder(options.dir), "out.jsonl");
	return startPolytap(scope, { config: captureConfig({ ports: [port], path, source: { tls: kind.tls } }) });
}

async function serverCpuUs(nginx: Nginx): Promise<number> {
	return (await nginx.workers()).reduce((sum, pid) => sum + cpuUs(pid), 0);
}

const measuring =
	(nginx: Nginx, send: SendLoad) =>
	(kind: Kind): Promise<Sample> =>
		withScope(async (scope) => {
			const polytap = await startCapture(scope, kind, nginx.port);
			// what is compiled on the way is not what it costs
			await send(scope, nginx.port);
			await polytap?.settled();
			const [server, agent] = [await serverCpuUs(nginx), polytap?.cpuUs() ?? 0];
			const load = await send(scope, nginx.port);
			await polytap?.settled();
			const serverUs = ((await serverCpuUs(nginx)) - server) / load.requests;
			const agentUs = polytap === null ? null : (polytap.cpuUs() - agent) / load.requests;
			process.stderr.write(`${Math.round(load.requestsPerSecond)}/s p50 ${load.p50Us} p99 ${load.p99Us}`);
			if (polytap === null) return { ...load, serverUs, agentUs, captured: null, lost: null };
			const { totals } = await polytap.stop();
			const captured = (totals.engine.exchanges ?? 0) / load.requests / 2;
			const lost = Object.values(totals.bytes.lost).reduce((sum, bytes) => sum + bytes, 0);
			return { ...load, serverUs, agentUs, captured, lost };
		});

function rowsOf(samples: ReadonlyMap<string, readonly Sample[]>): string[][] {
	const bare = samples.get(KINDS[0].name)!;
	return [...samples].map(([name, rounds]) => {
		const column = (pick: (sample: Sample, bare: Sample) => number | null, digits = 0) =>
			showSpread(spreadOf(rounds.map((sample, i) => pick(sample, bare[i]!))), digits);
		return [
			name,
			column((s) => s.requestsPerSecond),
			column((s, b) => s.requestsPerSecond / b.requestsPerSecond, 2),
			column((s) => s.p50Us),
			column((s, b) => s.p50Us - b.p50Us),
			column((s) => s.p99Us),
			column((s) => s.serverUs, 1),
			column((s, b) => s.serverUs - b.serverUs, 1),
			column((s) => s.agentUs, 1),
			column((s) => (s.captured === null ? null : 100 * s.captured), 1),
			column((s) => s.lost),
		];
	});
}

const HEAD = [
	"row",
	"requests/s",
	"of none",
	"p50 µs",
	"added p50",
	"p99 µs",
	"server CPU µs/request",
	"added",
	"agent CPU µs/request",
	"captured %",
	"lost",
];

await main(() =>
	withScope(async (scope) => {
		const machine = describeMachine(REPOSITORY);
		const secure = await startNginx(scope, { tls: await makeCertificate(scope) });
		const plain = await startNginx(scope);
		const encrypted = await interleave(KINDS, options.rounds, measuring(secure, encryptedLoad));
		const unencrypted = await interleave(KINDS, options.rounds, measuring(plain, plainLoad));
		const { rounds, seconds, rate, connections } = options;
		publish(
			{
				name: "tls",
				title: "Plaintext above TLS",
				machine,
				command: `node dist/bench/tls.js --rounds ${rounds} --seconds ${seconds} --rate ${rate} --connections ${connections}`,
				method: [
					`TLS: h2load sends GET /small to nginx (one worker, OpenSSL 3, TLS 1.2, 96-byte answers) over ${connections} kept-alive connections, ${rate} requests/s in sum; a request is two probed calls that move bytes, four with those that find nothing, at two probes each.`,
					"With `tls: off` a connection is one record (0 % captured); with `auto` each request is an exchange.",
					"Plain: wrk, one thread, 16 connections, as fast as it goes: what watching libraries costs those who do not use them.",
					`${rounds} rounds, every row once in each, beginning with another one each time; ${seconds} s not measured, then ${seconds} s. Added: against \`none\` of the same round; \`none again\` is the noise of the machine. Median (min–max).`,
				],
				tables: [
					{ title: `TLS at ${rate.toLocaleString("en-US")} requests/s`, head: HEAD, rows: rowsOf(encrypted) },
					{ title: "Plain HTTP at full speed", head: HEAD, rows: rowsOf(unencrypted) },
				],
				data: { options, encrypted: Object.fromEntries(encrypted), unencrypted: Object.fromEntries(unencrypted) },
			},
			options.reports,
		);
	}),
);
