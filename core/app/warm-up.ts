import { Engine } from "../engine/engine.js";
import type { BytesEvent, CaptureEvent } from "../events.js";
import type { Exchange, ParserPlugin } from "../index.js";
import { writeJson } from "../wire/json.js";

const CONNECTIONS = 16;
const ROUNDS = 1500;
/** A slow machine starts with what it got done. */
const LONGEST_MS = 500;

/**
 * Lets the JavaScript engine compile the hot way before anything depends on it: each parser's example goes through an engine
 * of its own and is written as JSON, some thousand times. Without this the first second of a heavy load runs ten times
 * slower than the rest, and a ring that is drained ten times slower overflows.
 */
export function warmUp(parsers: readonly ParserPlugin[]): void {
	const until = performance.now() + LONGEST_MS;
	for (const parser of parsers) if (parser.example !== undefined) practise(parser, parser.example, until);
}

type Example = NonNullable<ParserPlugin["example"]>;

function practise(parser: ParserPlugin, example: Example, until: number): void {
	const out = Buffer.allocUnsafeSlow(1 << 16);
	const engine = new Engine({}, [parser], (exchange) => {
		writeJson(exchange, out, 0);
		(exchange as Exchange & { release(): void }).release();
	});
	const source = engine.addSource("warm-up", "warm-up");
	for (let conn = 0; conn < CONNECTIONS; conn++) engine.ingest(source, [openEvent(conn)], 0);
	const chunks = example.map(
		({ from, text }) => ({ dir: from === "client" ? 0 : 1, data: Buffer.from(text, "latin1") }) as const,
	);
	const offsets: [number, number] = [0, 0];
	let nowUs = 1;
	for (let round = 0; round < ROUNDS && performance.now() < until; round++) {
		const batch: CaptureEvent[] = [];
		const before: [number, number] = [offsets[0], offsets[1]];
		for (let conn = 0; conn < CONNECTIONS; conn++) {
			[offsets[0], offsets[1]] = before;
			for (const { dir, data } of chunks) {
				const view = new Uint8Array(data.buffer, data.byteOffset, data.length);
				const event: BytesEvent = { kind: "bytes", conn, dir, offset: offsets[dir], tsUs: nowUs++, data: view };
				batch.push(event);
				offsets[dir] += data.length;
			}
		}
		engine.ingest(source, batch, nowUs);
	}
	engine.sourceEnded(source, nowUs);
}

function openEvent(conn: number): CaptureEvent {
	return {
		kind: "open",
		conn,
		tsUs: 0,
		transport: "tcp",
		client: { address: "127.0.0.1", port: 1024 + conn },
		server: { address: "127.0.0.1", port: 80 },
		role: "server",
		roleKnown: true,
		bases: [conn, conn],
		fromStart: true,
		netns: 1,
		process: null,
		layer: "transport",
		lower: null,
	};
}
