/**
 * Packet capture in, exchanges out, one processor: `polytap read` against tshark on the same file. `node
 * dist/bench/offline.js [--exchanges 160000] [--rounds 3] [--dir /tmp]`
 */
import { open, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countLines } from "../test/e2e/support/lines.js";
import { startNginx } from "../test/e2e/support/nginx.js";
import { CLI, REPOSITORY } from "../test/e2e/support/polytap.js";
import { Program } from "../test/e2e/support/program.js";
import { type Scope, withScope } from "../test/e2e/support/scope.js";
import { startTcpdump } from "../test/e2e/support/tcpdump.js";
import { cpuUs, memoryUse } from "../test/e2e/support/usage.js";
import { describeMachine } from "./harness/machine.js";
import { buildOpenLoop, runOpenLoop } from "./harness/openloop.js";
import { main, readOptions } from "./harness/options.js";
import { publish, REPORTS } from "./harness/report.js";
import { interleave } from "./harness/rounds.js";
import { showSpread, spreadOf } from "./harness/stats.js";

const options = readOptions({ exchanges: 160_000, rounds: 3, dir: tmpdir(), only: "", reports: REPORTS });
/** Of a classic packet capture: a file with nothing but this is an empty capture. */
const PCAP_HEADER_BYTES = 24;

interface Reader {
	readonly name: string;
	readonly command: string;
	readonly args: (file: string) => readonly string[];
	/** How many exchanges are in what it printed. */
	readonly count: (output: string) => Promise<number>;
}

interface Sample {
	readonly seconds: number;
	/** The same command on an empty capture. */
	readonly startSeconds: number;
	readonly cpuSeconds: number;
	readonly peakRssBytes: number;
	readonly exchanges: number;
}

const FIELDS = [
	"http.request.method",
	"http.request.uri",
	"http.response.code",
	"http.content_length",
	"frame.time_epoch",
];

const READERS: readonly Reader[] = [
	{
		name: "polytap read",
		command: process.execPath,
		args: (file) => [CLI, "read", file],
		count: countLines,
	},
	{
		name: "tshark -T fields",
		command: "tshark",
		args: (file) => ["-r", file, "-Y", "http", "-T", "fields", ...FIELDS.flatMap((field) => ["-e", field])],
		// A line for each request and one for each response.
		count: async (output) => Math.floor((await countLines(output)) / 2),
	},
];

await main(() =>
	withScope(async (scope) => {
		const machine = describeMachine(REPOSITORY);
		const folder = await scope.folder(options.dir);
		const file = join(folder, "small.pcap");
		const empty = join(folder, "empty.pcap");
		await record(scope, file);
		await copyHead(file, empty);
		const bytes = (await stat(file)).size;
		const readers = READERS.filter(({ name }) => name.includes(options.only));
		const samples = await interleave(readers, options.rounds, async (reader) => {
			const start = await time(reader, empty, join(folder, "out"));
			const whole = await time(reader, file, join(folder, "out"));
			process.stderr.write(`${whole.exchanges} in ${whole.seconds.toFixed(2)} s`);
			return { ...whole, startSeconds: start.seconds };
		});
		const rows = [...samples].map(([name, rounds]) => {
			const column = (pick: (sample: Sample) => number, digits = 0) => showSpread(spreadOf(rounds.map(pick)), digits);
			return [
				name,
				column((s) => s.exchanges),
				column((s) => s.seconds, 2),
				column((s) => s.startSeconds, 2),
				column((s) => s.exchanges / s.seconds),
				column((s) => s.exchanges / (s.seconds - s.startSeconds)),
				column((s) => bytes / 1e6 / (s.seconds - s.startSeconds), 1),
				column((s) => s.cpuSeconds, 2),
				column((s) => s.peakRssBytes / 1e6),
			];
		});
		publish(
			{
				name: "offline",
				title: "Reading a packet capture on one processor",
				machine,
				command: `node dist/bench/offline.js --exchanges ${options.exchanges} --rounds ${options.rounds}`,
				method: [
					`The capture: ${options.exchanges.toLocaleString("en-US")} exchanges of GET /small (96-byte answers) over 64 connections, recorded by tcpdump on loopback, ${(bytes / 1e6).toFixed(1)} MB, in the page cache.`,
					"Each reader runs under taskset on one processor and writes its output to a file; polytap whole exchange records as JSON lines, tshark method, URI, status, length and time of each message.",
					"Start-up is the same command on an empty capture. Median (min–max) of the rounds, readers interleaved.",
				],
				tables: [
					{
						title: "Rate",
						head: [
							"row",
							"exchanges",
							"wall s",
							"of it start-up s",
							"exchanges/s",
							"… without start-up",
							"MB/s without start-up",
							"CPU s",
							"peak RSS MB",
						],
						rows,
					},
				],
				data: { options, fileBytes: bytes, samples: Object.fromEntries(samples) },
			},
			options.reports,
		);
	}),
);

/** The capture must hold everything: dropped packets would make it another benchmark. */
async function record(scope: Scope, file: string): Promise<void> {
	const nginx = await startNginx(scope);
	const loop = await buildOpenLoop(scope);
	const tcpdump = await startTcpdump(scope, nginx.port, file);
	await runOpenLoop(loop, { port: nginx.port, rate: 30_000, count: options.exchanges, path: "/small" });
	const { dropped } = await tcpdump.stop();
	await nginx.stop();
	if (dropped > 0) throw new Error(`tcpdump dropped ${dropped} packets: the machine is too busy`);
}

async function copyHead(file: string, copy: string): Promise<void> {
	const from = await open(file);
	const to = await open(copy, "w");
	const head = Buffer.alloc(PCAP_HEADER_BYTES);
	await from.read(head, 0, head.length, 0);
	await to.write(head);
	await from.close();
	await to.close();
}

async function time(reader: Reader, file: string, output: string): Promise<Omit<Sample, "startSeconds">> {
	const out = await open(output, "w");
	await truncate(output);
	const startedMs = performance.now();
	const program = new Program(reader.command, reader.args(file), { cpu: 1, stdoutFd: out.fd });
	let cpu = 0;
	let peakRssBytes = 0;
	const watch = setInterval(() => {
		try {
			cpu = cpuUs(program.pid);
			peakRssBytes = memoryUse(program.pid).peakRssBytes || peakRssBytes;
		} catch {
			// It has just ended.
		}
	}, 50);
	const { code } = await program.exited;
	const seconds = (performance.now() - startedMs) / 1000;
	clearInterval(watch);
	await out.close();
	if (code !== 0) throw new Error(`${reader.name} ended with ${code}: ${program.stderr}`);
	return { seconds, cpuSeconds: cpu / 1e6, peakRssBytes, exchanges: await reader.count(output) };
}
