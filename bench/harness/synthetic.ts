/** Capture events in memory, for benchmarks of what comes after a source. */
import type { Engine } from "../../core/engine/engine.js";
import {
	type BytesEvent,
	type CaptureEvent,
	type Exchange,
	MessageHead,
	type OpenEvent,
	type ParserPlugin,
	type ProcessIdentity,
} from "../../core/index.js";

/** When they happen: sixteen digits, as today's. */
export const SYNTHETIC_US = 1_700_000_000_000_000;

export const NGINX: ProcessIdentity = {
	pid: 4711,
	name: "nginx",
	executable: "/usr/sbin/nginx",
	cgroup: "/system.slice/nginx.service",
	container: null,
	pod: null,
	runtime: null,
	unit: null,
	uid: null,
};

/** A connection on the loopback interface, seen at its server. */
export function opened(conn: number, process: ProcessIdentity | null = null): OpenEvent {
	return {
		kind: "open",
		conn,
		tsUs: SYNTHETIC_US,
		transport: "tcp",
		client: { address: "127.0.0.1", port: 40_000 + conn },
		server: { address: "127.0.0.1", port: 8080 },
		role: "server",
		roleKnown: true,
		bases: [1000 + conn, 2000 + conn],
		fromStart: true,
		netns: 1,
		process,
		layer: "transport",
		lower: null,
	};
}

/** Requests and their answers in turn, on connection 1. */
export function talk(exchanges: number, said: (dir: 0 | 1, number: number) => Uint8Array): BytesEvent[] {
	const at: [number, number] = [0, 0];
	return Array.from({ length: 2 * exchanges }, (_, i): BytesEvent => {
		const dir = (i & 1) as 0 | 1;
		const data = said(dir, i >> 1);
		const offset = at[dir];
		at[dir] += data.length;
		return { kind: "bytes", conn: 1, dir, offset, tsUs: SYNTHETIC_US + i * 10, data };
	});
}

const BATCH = 512;

/** In batches, as a source gives them. `between` is called after each. */
export async function feed(
	engine: Engine,
	source: number,
	events: readonly CaptureEvent[],
	between: () => Promise<void> | void = () => {},
): Promise<void> {
	for (let i = 0; i < events.length; i += BATCH) {
		engine.ingest(source, events.slice(i, i + BATCH), SYNTHETIC_US + i * 10);
		const pause = between();
		if (pause !== undefined) await pause;
	}
}

/** Gives its memory back. */
export function release(exchange: Exchange): void {
	(exchange as Exchange & { release(): void }).release();
}

const REQUEST = new MessageHead("GET /", { "http.request.method": "GET", "url.path": "/" }, [
	["Host", "127.0.0.1:8080"],
]);
const RESPONSE = new MessageHead("200", { "http.response.status_code": 200 }, [
	["Server", "nginx/1.22.1"],
	["Date", "Mon, 23 Nov 2026 22:00:00 GMT"],
	["Content-Type", "application/octet-stream"],
	["Content-Length", "96"],
	["Connection", "keep-alive"],
]);

/** A parser that costs nothing: each chunk is a message with a head that it has seen before; a response's body is behind `headBytes`. */
export function chunkParser(headBytes: number): ParserPlugin {
	return {
		api: 1,
		kind: "parser",
		protocol: "http/1.1",
		summary: "one message a chunk",
		readsOnly: true,
		detect: () => "yes",
		create: () => ({
			data(dir, bytes, out) {
				const message = out.begin(0);
				message.head(dir === 0 ? REQUEST : RESPONSE);
				if (dir === 1) message.body(bytes, headBytes, bytes.length);
				message.finish(bytes.length, "ok");
				return bytes.length;
			},
			gap: () => false,
			resync: () => ({ skip: 0 }),
			end: () => {},
		}),
	};
}
