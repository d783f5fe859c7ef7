/**
 * MySQL through the whole engine on one core, payload touched byte by byte, without JSON:
 * `node dist/bench/parsers/mysql.js`. Processor time, garbage collection included; medians of several rounds.
 */
import { Engine } from "../../core/engine/engine.js";
import { type BytesEvent, type Exchange, payloadFacts } from "../../core/index.js";
import mysql from "../../parsers/mysql/index.js";
import * as wire from "../../test/parsers/mysql/wire.js";

const ROUNDS = 5;
const CONNECTIONS = 16;
const CHUNK_BYTES = 65_536;
let sum = 0;

function touch(exchange: Exchange): void {
	for (const side of ["request", "response"] as const)
		for (const piece of payloadFacts(exchange, side)?.pieces() ?? [])
			for (let i = 0; i < piece.length; i++) sum = (sum + piece[i]!) | 0;
}

/** Microseconds of processor time for `count` exchanges. */
function measure(request: Buffer, response: Buffer, count: number): number {
	let done = 0;
	const engine = new Engine({ maxBodyBytes: 64 << 20, maxHeldBytes: 256 << 20 }, [mysql], (exchange) => {
		if (exchange.kind === "exchange") done++;
		touch(exchange);
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
		const server = { address: "127.0.0.1", port: 3306 };
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
		for (const [dir, ...packets] of wire.handshake()) say(conn, dir, Buffer.concat(packets));
	}
	const before = process.cpuUsage();
	for (let i = 0; i < count; i++) {
		say(i % CONNECTIONS, 0, request);
		say(i % CONNECTIONS, 1, response);
	}
	const used = process.cpuUsage(before);
	engine.sourceEnded(source, nowUs);
	if (done !== count + CONNECTIONS) throw new Error(`${done} of ${count} exchanges`);
	return used.user + used.system;
}

function report(name: string, request: Buffer, response: Buffer, count: number): void {
	measure(request, response, count);
	const rounds = Array.from({ length: ROUNDS }, () => measure(request, response, count)).sort((a, b) => a - b);
	const us = rounds[ROUNDS >> 1]!;
	const megabytes = ((request.length + response.length) * count) / 1e6;
	console.log(
		`${name.padEnd(32)} ${Math.round((count / us) * 1e6)} exchanges/s, ${Math.round(megabytes / (us / 1e6))} MB/s`,
	);
}

const COLUMNS = [
	{ name: "id", type: 3 },
	{ name: "text", type: 253 },
] as const;
const QUERY = wire.query("select id, text from t where id = 7");
report("query, one small row", QUERY, wire.result(COLUMNS, [["7", "x".repeat(20)]]), 100_000);
report("update, OK", wire.query("update t set text = 'x' where id = 7"), wire.ok(1, { affected: 1 }), 100_000);
const rows = Array.from({ length: 32_768 }, () => ["7", "x".repeat(1024)]);
report("32,768 rows of 1 KiB", wire.query("select id, text from t"), wire.result(COLUMNS, rows), 10);
if (sum === 0.5) console.log(sum);
