import { setTimeout as delay } from "node:timers/promises";
import { type CaptureEvent, type OpenEvent, type SourcePlugin, z } from "polytap";

const config = z.strictObject({
	text: z.string().min(1).default("info hello").describe("What each connection says."),
	every_ms: z.int().min(1).default(100).describe("Time between two connections, milliseconds."),
});

/** Makes up a connection from time to time. Put what you capture in its place. */
const plugin: SourcePlugin<z.output<typeof config>> = {
	api: 1,
	kind: "source",
	type: "__NAME__",
	summary: "Says something from time to time.",
	config,
	create({ text, every_ms }) {
		let connections = 0;
		let isClosed = false;
		return {
			// touch the world here: open files, sockets
			async open() {},
			async *batches(signal) {
				while (!signal.aborted && !isClosed) {
					yield connection(++connections, Buffer.from(`${text}\n`));
					await delay(every_ms, undefined, { signal }).catch(() => {});
				}
			},
			async close() {
				isClosed = true;
			},
			counters: () => ({ connections_made: connections }),
		};
	},
};

function connection(conn: number, data: Uint8Array): CaptureEvent[] {
	const tsUs = Date.now() * 1000;
	const open: OpenEvent = {
		kind: "open",
		conn,
		tsUs,
		transport: "tcp",
		client: { address: "192.0.2.1", port: 1024 + (conn % 60_000) },
		server: { address: "192.0.2.2", port: 9999 },
		role: "client",
		roleKnown: true,
		bases: null,
		fromStart: true,
		netns: null,
		process: null,
		layer: "transport",
		lower: null,
	};
	return [
		open,
		{ kind: "bytes", conn, dir: 0, offset: 0, tsUs, data },
		{ kind: "end", conn, dir: 0, tsUs, finalOffset: data.length, how: "fin" },
		{ kind: "end", conn, dir: 1, tsUs, finalOffset: 0, how: "fin" },
		{ kind: "close", conn, tsUs },
	];
}

export default plugin;
