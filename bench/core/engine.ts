/**
 * What the engine and the JSON writer cost for one small exchange, without source, parser and disk:
 * `node dist/bench/core/engine.js`. The parser here takes each chunk as one message with a head that it has seen before.
 * Processor time, garbage collection included: the clock on the wall tells what else the machine does.
 */
import { Engine } from "../../core/engine/engine.js";
import { type BytesEvent, type Exchange, writeJson } from "../../core/index.js";
import { chunkParser, NGINX, opened, release, SYNTHETIC_US } from "../harness/synthetic.js";

const REQUEST_BYTES = 41;
const HEAD_BYTES = 145;
const BODY_BYTES = 96;
const CONNECTIONS = 32;
const BATCH = 512;
const ROUNDS = 7;
const EXCHANGES = 400_000;

const ring = new ArrayBuffer(8 << 20);
new Uint8Array(ring).fill(0x78);
const out = Buffer.allocUnsafeSlow(1 << 20);

function run(write: boolean): number {
	let at = 0;
	let written = 0;
	const emit = (exchange: Exchange): void => {
		if (write) {
			if (at > out.length - 8192) at = 0;
			const end = writeJson(exchange, out, at);
			written += end - at;
			at = end;
		}
		release(exchange);
	};
	const engine = new Engine({}, [chunkParser(HEAD_BYTES)], emit);
	const source = engine.addSource("bench", "ebpf");
	const offsets: [number, number][] = [];
	for (let conn = 0; conn < CONNECTIONS; conn++) {
		offsets.push([0, 0]);
		engine.ingest(source, [opened(conn, NGINX)], 0);
	}
	let nowUs = SYNTHETIC_US;
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
