/**
 * WebSocket through the whole engine on one core, payload touched byte by byte, and beside it as JSON lines:
 * `node dist/bench/parsers/websocket.js`. Processor time, garbage collection included; medians of several rounds.
 */
import { Engine } from "../../core/engine/engine.js";
import { type BytesEvent, type Exchange, leastJsonBytes, payloadFacts, writeJson } from "../../core/index.js";
import http1 from "../../parsers/http1/index.js";
import websocket from "../../parsers/websocket/index.js";
import { Compressor, type FrameOptions, frame, handshake } from "../../test/parsers/websocket/wire.js";

const ROUNDS = 5;
const CONNECTIONS = 16;
const CHUNK_BYTES = 65_536;
const MASK = [0x37, 0xfa, 0x21, 0x3d];
let sum = 0;
let out = Buffer.allocUnsafeSlow(1 << 20);

function touch(exchange: Exchange): void {
	for (const side of ["request", "response"] as const)
		for (const piece of payloadFacts(exchange, side)?.pieces() ?? [])
			for (let i = 0; i < piece.length; i++) sum = (sum + piece[i]!) | 0;
}

function toJsonLine(exchange: Exchange): void {
	const least = leastJsonBytes(exchange);
	if (out.length < least) out = Buffer.allocUnsafeSlow(least * 2);
	let end = writeJson(exchange, out, 0);
	while (end < 0) {
		out = Buffer.allocUnsafeSlow(out.length * 2);
		end = writeJson(exchange, out, 0);
	}
	sum = (sum + out[end - 1]!) | 0;
}

/** Microseconds of processor time for `count` times the same frames in each direction. */
function measure(
	frames: readonly [Buffer, Buffer],
	messages: number,
	count: number,
	extensions: string | null,
	use: (exchange: Exchange) => void,
): number {
	let done = 0;
	const engine = new Engine({ maxBodyBytes: 64 << 20, maxHeldBytes: 256 << 20 }, [http1, websocket], (exchange) => {
		if (exchange.kind === "message") {
			if (exchange.flags.length > 0) throw new Error(exchange.flags.join());
			done++;
		}
		use(exchange);
		(exchange as Exchange & { release(): void }).release();
	});
	const source = engine.addSource("bench", "bench");
	const offsets = Array.from({ length: CONNECTIONS }, (): [number, number] => [0, 0]);
	let nowUs = 1;
	const say = (conn: number, dir: 0 | 1, all: Buffer): void => {
		for (let from = 0; from < all.length; from += CHUNK_BYTES) {
			const data = all.subarray(from, from + CHUNK_BYTES);
			const event: BytesEvent = { kind: "bytes", conn, dir, offset: offsets[conn]![dir], tsUs: ++nowUs, data };
			offsets[conn]![dir] += data.length;
			engine.ingest(source, [event], nowUs);
		}
	};
	for (let conn = 0; conn < CONNECTIONS; conn++) {
		const client = { address: "127.0.0.1", port: 1024 + conn };
		const server = { address: "127.0.0.1", port: 80 };
		const fixed = {
			kind: "open",
			tsUs: 0,
			transport: "tcp",
			role: "server",
			roleKnown: true,
			fromStart: true,
		} as const;
		const rest = { netns: 1, process: null, layer: "transport", lower: null } as const;
		engine.ingest(source, [{ ...fixed, ...rest, conn, client, server, bases: [conn, conn] }], 1);
		for (const [dir, text] of handshake(extensions)) say(conn, dir, Buffer.from(text, "latin1"));
	}
	const before = process.cpuUsage();
	for (let i = 0; i < count; i++) {
		say(i % CONNECTIONS, 0, frames[0]);
		say(i % CONNECTIONS, 1, frames[1]);
	}
	const used = process.cpuUsage(before);
	engine.sourceEnded(source, nowUs);
	if (done !== count * messages) throw new Error(`${done} of ${count * messages} messages`);
	return used.user + used.system;
}

/** `payload` is what it decodes to; `bodies` what a client and a server send of it. */
function report(
	name: string,
	payload: Buffer,
	coded: Buffer,
	count: number,
	options: FrameOptions,
	extensions: string | null = null,
	fragments = 1,
): void {
	const framesOf = (mask: readonly number[] | null): Buffer =>
		Buffer.concat(
			Array.from({ length: fragments }, (_, n) => {
				const [from, to] = [n, n + 1].map((at) => Math.floor((coded.length * at) / fragments));
				const first = n === 0 ? options : { opcode: 0 };
				return frame(coded.subarray(from, to), { ...first, mask, fin: n === fragments - 1 });
			}),
		);
	const frames = [framesOf(MASK), framesOf(null)] as const;
	for (const [how, use] of [
		["", touch],
		[", JSON lines", toJsonLine],
	] as const) {
		measure(frames, 2, Math.max(1, count >> 1), extensions, use);
		const rounds = Array.from({ length: ROUNDS }, () => measure(frames, 2, count, extensions, use));
		const us = rounds.sort((a, b) => a - b)[ROUNDS >> 1]!;
		const perSecond = Math.round((2 * count) / (us / 1e6));
		const megabytes = Math.round((2 * count * payload.length) / us);
		console.log(`${(name + how).padEnd(52)} ${perSecond} messages/s, ${megabytes} MB/s of payload`);
	}
}

const small = Buffer.from(JSON.stringify({ order: 4711, state: "shipped", total: 12.5 }));
const large = Buffer.from(JSON.stringify({ order: 4711, state: "shipped" }).repeat((1 << 20) / 33));
const order = (n: number): string =>
	JSON.stringify({ order: n * 7919, state: n % 3 === 0 ? "shipped" : "paid", total: n / 8 });
const varied = Buffer.from(Array.from({ length: 25_000 }, (_, n) => order(n)).join(","));
const alone = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const deflated = (bytes: Buffer): Buffer => new Compressor({ takesOver: false }).message(bytes);
report(`text of ${small.length} bytes`, small, small, 100_000, {});
report(`text of ${small.length} bytes, compressed`, small, deflated(small), 50_000, { rsv: 4 }, alone);
report("text of 1 KiB", large.subarray(0, 1024), large.subarray(0, 1024), 100_000, {});
report("text of 1 MiB", large, large, 200, {});
report("text of 1 MiB in 64 fragments", large, large, 200, {}, null, 64);
report("binary of 16 MiB", Buffer.alloc(16 << 20, 0xa7), Buffer.alloc(16 << 20, 0xa7), 10, { opcode: 2 });
report(`text of ${varied.length} bytes, compressed`, varied, deflated(varied), 40, { rsv: 4 }, alone);
if (sum === 0.5) console.log(sum);
