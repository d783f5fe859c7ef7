/**
 * What the Java bridge takes from one agent: rows of three sizes in three framings, over a real Unix socket from a thread of
 * its own, checked and turned into capture events; nobody parses them. Interleaved rounds, medians:
 * `node dist/bench/java-bridge.js [--rounds 5] [--reports FOLDER]`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import plugin from "../sources/java-agent/index.js";
import type { JavaSource } from "../sources/java-agent/source.js";
import { REPOSITORY } from "../test/e2e/support/polytap.js";
import { describeMachine } from "./harness/machine.js";
import { publish } from "./harness/report.js";
import { interleave } from "./harness/rounds.js";
import { showSpread, spreadOf } from "./harness/stats.js";

const SIZES = [200, 1_400, 16_384] as const;
const FRAMINGS = ["base64, a row a line", "raw bytes, a row a line", "raw bytes, 64 rows a line"] as const;
type Framing = (typeof FRAMINGS)[number];

interface Way {
	readonly name: string;
	readonly framing: Framing;
	readonly size: number;
	readonly rows: number;
}

/** About 100 MiB for large rows, 200,000 rows for small ones. */
const rowsOf = (size: number) => Math.min(200_000, Math.floor((100 << 20) / size / 64) * 64);

const line = (message: object) => Buffer.from(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);

/** All messages of a run, one after the other. */
function messages({ framing, size, rows }: Way): Buffer {
	const payload = Buffer.alloc(size, "x");
	const text = payload.toString("base64");
	const pieces: Buffer[] = [];
	const row = (n: number) => [1, 0, n * size, 1_767_323_045_123_456 + n, 1, n * (size + 22), size, 0];
	const each = framing === FRAMINGS[2] ? 64 : 1;
	for (let n = 0; n < rows; n += each) {
		const e = Array.from({ length: each }, (_, i) => row(n + i));
		if (framing === FRAMINGS[0]) pieces.push(line({ method: "data", params: { e, b64: text } }));
		else
			pieces.push(
				line({ method: "data", params: { e, bin: size * each } }),
				...Array.from({ length: each }, () => payload),
			);
	}
	return Buffer.concat(pieces);
}

async function send(path: string, way: Way): Promise<void> {
	const bytes = messages(way);
	const socket = connect(path);
	await new Promise((resolve) => socket.once("connect", resolve));
	socket.resume();
	const clock = { kind: "wall", nowUs: 1_767_323_045_123_456 };
	const caps = { attachments: true };
	socket.write(
		line({
			id: 1,
			method: "initialize",
			params: { protocol: "1", agent: "bench", instance: "bench-bench", pid: process.pid, clock, caps },
		}),
	);
	const opening = {
		l: ["127.0.0.1", 1],
		r: ["127.0.0.1", 2],
		role: "client",
		fromStart: true,
		offsets: [0, 0],
		tls: null,
	};
	socket.write(line({ method: "conn.open", params: { c: 1, at: 1, ...opening } }));
	socket.write(line({ method: "thread", params: { i: 1, name: "worker", id: 1 } }));
	for (let at = 0; at < bytes.length; at += 1 << 18)
		if (!socket.write(bytes.subarray(at, at + (1 << 18))))
			await new Promise((resolve) => socket.once("drain", resolve));
	await new Promise((resolve) => socket.once("close", resolve));
}

/** Rows a second, from the first that came to the last. */
async function run(way: Way): Promise<number> {
	const folder = mkdtempSync(join(tmpdir(), "polytap-bench-"));
	const path = join(folder, "java.sock");
	const config = plugin.config.parse({ listen: path, credit_bytes: 1 << 28, max_held_bytes: 1 << 28 });
	const diagnostics = { warn: (code: string, message: string) => console.error(code, message), info: () => {} };
	const source = plugin.create(config, { name: "jvm", diagnostics, host: null }) as JavaSource;
	const stop = new AbortController();
	await source.open(stop.signal);
	const sender = new Worker(new URL(import.meta.url), { workerData: { path, way } });
	let rows = 0;
	let startedMs = 0;
	let endedMs = 0;
	for await (const batch of source.batches(stop.signal)) {
		for (const event of batch) if (event.kind === "bytes") rows++;
		if (startedMs === 0 && rows > 0) {
			startedMs = performance.now();
			rows = 0;
			way = { ...way, rows: way.rows - batch.filter(({ kind }) => kind === "bytes").length };
		}
		if (rows < way.rows) continue;
		endedMs = performance.now();
		break;
	}
	await source.close();
	await sender.terminate();
	rmSync(folder, { recursive: true });
	return (rows / (endedMs - startedMs)) * 1000;
}

if (!isMainThread) {
	await send(workerData.path, workerData.way);
} else {
	const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" }, reports: { type: "string" } } });
	const ways: Way[] = SIZES.flatMap((size) =>
		FRAMINGS.map((framing) => ({ name: `${framing}, ${size} B`, framing, size, rows: rowsOf(size) })),
	);
	const machine = describeMachine(REPOSITORY);
	const samples = await interleave(ways, Number(values.rounds), run);
	const rows = ways.map(({ name, framing, size }) => {
		const spread = spreadOf(samples.get(name) ?? []);
		const megabytes = spread === null ? 0 : (spread.median * size) / 1e6;
		const us = spread === null ? 0 : 1e6 / spread.median;
		return [framing, String(size), showSpread(spread), megabytes.toFixed(0), us.toFixed(2)];
	});
	const report = {
		name: "java-bridge",
		title: "The Java bridge: rows a second from one agent",
		machine,
		command: `node dist/bench/java-bridge.js --rounds ${values.rounds}`,
		method: [
			"The sender is a thread of the same process with its messages ready; the receiver is the source as it runs, with a loop that counts events.",
			"Every row is checked, gets its connection, its thread's annotation and its time; payload is not copied where a chunk of the socket holds it whole.",
			"Time runs from the first batch to the last; each cell is the median of the rounds, least and most in brackets.",
		],
		tables: [{ title: "Framings", head: ["framing", "bytes a row", "rows/s", "MB/s", "µs a row"], rows }],
		data: Object.fromEntries(samples),
	};
	if (values.reports === undefined) console.log(rows.map((row) => row.join("\t")).join("\n"));
	else publish(report, values.reports);
}
