/** WebSocket through the whole engine on one core: `node dist/bench/parsers/websocket.js`. */
import http1 from "../../parsers/http1/index.js";
import websocket from "../../parsers/websocket/index.js";
import { Compressor, type FrameOptions, frame, handshake } from "../../test/parsers/websocket/wire.js";
import { main } from "../harness/options.js";
import { benchParser, type Talk } from "../harness/parser-throughput.js";

const MASK = [0x37, 0xfa, 0x21, 0x3d];
const ALONE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

const opening = (extensions: string | null) =>
	handshake(extensions).map(([dir, text]) => [dir, Buffer.from(text, "latin1")] as const);

/** The same message from the client, masked, and from the server. */
function talk(name: string, payload: Uint8Array, times: number, options: FrameOptions = {}, fragments = 1): Talk {
	const frames = (mask: readonly number[] | null): Buffer =>
		Buffer.concat(
			Array.from({ length: fragments }, (_, n) => {
				const [from, to] = [n, n + 1].map((at) => Math.floor((payload.length * at) / fragments));
				const first = n === 0 ? options : { opcode: 0 };
				return frame(payload.subarray(from, to), { ...first, mask, fin: n === fragments - 1 });
			}),
		);
	return { name, request: frames(MASK), response: frames(null), times, exchanges: 2 };
}

function compressed(name: string, payload: Buffer, times: number): Talk {
	const coded = new Compressor({ takesOver: false }).message(payload);
	return { ...talk(name, coded, times, { rsv: 4 }), opening: opening(ALONE), bytes: 2 * payload.length };
}

const small = Buffer.from(JSON.stringify({ order: 4711, state: "shipped", total: 12.5 }));
const large = Buffer.from(JSON.stringify({ order: 4711, state: "shipped" }).repeat((1 << 20) / 33));
const order = (n: number): string =>
	JSON.stringify({ order: n * 7919, state: n % 3 === 0 ? "shipped" : "paid", total: n / 8 });
const varied = Buffer.from(Array.from({ length: 25_000 }, (_, n) => order(n)).join(","));

await main(() =>
	benchParser({
		parser: websocket,
		others: [http1],
		name: "websocket",
		port: 80,
		opening: opening(null),
		openingExchanges: 0,
		unit: "message",
		talks: [
			talk(`text of ${small.length} bytes`, small, 100_000),
			compressed(`text of ${small.length} bytes, compressed`, small, 50_000),
			talk("text of 1 KiB", large.subarray(0, 1024), 100_000),
			talk("text of 1 MiB", large, 200),
			talk("text of 1 MiB in 64 fragments", large, 200, {}, 64),
			talk("binary of 16 MiB", Buffer.alloc(16 << 20, 0xa7), 10, { opcode: 2 }),
			compressed(`text of ${varied.length} bytes, compressed`, varied, 40),
		],
	}),
);
