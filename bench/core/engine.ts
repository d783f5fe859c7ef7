/**
 * What the engine and the JSON writer cost for one small exchange, without source, parser and disk:
 * `node dist/bench/core/engine.js`. The parser here takes each chunk as one message with a head that it has seen before.
 * Processor time, garbage collection included: the clock on the wall tells what else the machine does.
 */
import { Engine } from "../../core/engine/engine.js";
import { type BytesEvent, type Exchange, MessageHead, type ParserPlugin, writeJson } from "../../core/index.js";

const REQUEST_BYTES = 41;
const HEAD_BYTES = 145;
const BODY_BYTES = 96;
const CONNECTIONS = 32;
const BATCH = 512;
const ROUNDS = 7;
const EXCHANGES = 400_000;

const requestHead = new MessageHead("GET /", { "http.request.method": "GET", "url.path": "/" }, [
	["Host", "127.0.0.1:8080"],
]);
const responseHead = new MessageHead("200", { "http.response.status_code": 200 }, [
	["Server", "nginx/1.22.1"],
	["Date", "Mon, 23 Nov 2026 22:00:00 GMT"],
	["Content-Type", "application/octet-stream"],
	["Content-Length", "96"],
	["Connection", "keep-alive"],
]);

const chunkParser: ParserPlugin = {
	api: 0,
	kind: "parser",
	protocol: "http/1.1",
	summary: "one message a chunk",
	readsOnly: true,
	detect: () => "yes",
	create: () => ({
		data(dir, bytes, out) {
			const message = out.begin(0);
			message.head(dir === 0 ? requestHead : responseHead);
			if (dir === 1) message.body(bytes, HEAD_BYTES, bytes.length);
			message.finish(bytes.length, "ok");
			return bytes.length;
		},
		gap: () => false,
		resync: () => ({ skip: 0 }),
		end: () => {},
	}),
};

const ring = new ArrayBuffer(8 << 20);
new Uint8Array(ring).fill(0x78);
const out = Buffer.allocUnsafeSlow(1 << 20);

function run(write: boolean): number {
	let at = 0;
	let written = 0;
	const release = (exchange: Exchange): void => {
		if (write) {
			if (at > out.length - 8192) at = 0;
			const end = writeJson(exchange, out, at);
			written += end - at;
			at = end;
		}
		(exchange as Exchange & { release(): void }).release();
	};
	const engine = new Engine({}, [chunkParser], release);
	const source = engine.addSource("bench", "ebpf");
	const offsets: [number, number][] = [];
	for (let conn = 0; conn < CONNECTIONS; conn++) {
		offsets.push([0, 0]);
		const client = { address: "127.0.0.1", port: 40_000 + conn };
		engine.ingest(
			source,
			[
				{
					kind: "open",
					conn,
					tsUs: 0,
					transport: "tcp",
					client,
					server: { address: "127.0.0.1", port: 8080 },
					role: "server",
					roleKnown: true,
					bases: [conn, conn],
					fromStart: true,
					netns: 1,
					process: { pid: 1, name: "nginx", executable: "/usr/sbin/nginx", cgroup: "/", container: null, pod: null },
					layer: "transport",
					lower: null,
				},
			],
			0,
		);
	}
	let nowUs = 1_700_000_000_000_000;
	let ringAt = 0;
	const started = process.cpuUsage();
	for (let done = 0; done < EXCHANGES; done += BATCH / 2) {
		const batch: BytesEvent[] = [];
		for (let i = 0; i < BATCH; i++) {
			const conn = (i >> 1) % CONNECTIONS;
			const dir = (i & 1) as 0 | 1;
			const length = dir === 0 ? REQUEST_BYTES : HEAD_BYTES + BODY_BYTES;
			const offset = offsets[conn]![dir];
			offsets[conn]![dir] = offset + length;
			if (ringAt + 512 > ring.byteLength) ringAt = 0;
			batch.push({ kind: "bytes", conn, dir, offset, tsUs: nowUs++, data: new Uint8Array(ring, ringAt, length) });
			ringAt += 512;
		}
		engine.ingest(source, batch, nowUs);
	}
	const used = process.cpuUsage(started);
	const ns = ((used.user + used.system) * 1000) / EXCHANGES;
	if (engine.totals.exchanges < EXCHANGES || (write && written < EXCHANGES * 1000))
		throw new Error("not all exchanges came out");
	return ns;
}

for (const write of [false, true]) {
	const rounds = Array.from({ length: ROUNDS }, () => run(write)).sort((a, b) => a - b);
	const median = rounds[ROUNDS >> 1]!;
	console.log(
		`${write ? "engine and JSON" : "engine alone   "}: ${median.toFixed(0)} ns an exchange (${rounds[0]!.toFixed(0)} to ${rounds.at(-1)!.toFixed(0)})`,
	);
}
