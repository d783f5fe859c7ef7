/** Plugins of others, for tests and bench: a live source that makes connections at a fixed rate, and a parser of lines. */
import { existsSync, unlinkSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { type CaptureEvent, MessageHead, type ParserPlugin, type SourcePlugin, z } from "../../../core/index.js";

const MOST_AT_ONCE = 500;

const config = z.strictObject({
	per_second: z.int(),
	turn_ms: z.int().default(10),
	/** Number of the first connection. */
	from: z.int().default(0),
	/** So many, then it is silent. */
	most: z.int().default(2 ** 31),
	/** When there is such a file it is removed, and the next connection hangs the parser. */
	loop_file: z.string().default(""),
});

const source: SourcePlugin<z.output<typeof config>> = {
	api: 1,
	kind: "source",
	type: "rate",
	summary: "For tests.",
	config,
	// numbers go on where a worker that hung had come to
	host: ({ from }) => ({
		open: async () => {
			const next = new SharedArrayBuffer(4);
			new Int32Array(next)[0] = from;
			return next;
		},
		close: async () => {},
	}),
	create: ({ per_second, turn_ms, most, loop_file }, { host }) => {
		let made = 0;
		return {
			open: async () => {},
			batches: async function* (signal) {
				const next = new Int32Array(host as SharedArrayBuffer);
				const started = performance.now();
				while (!signal.aborted) {
					const due = Math.floor(((performance.now() - started) * per_second) / 1000);
					const batch: CaptureEvent[] = [];
					const say = (text: (number: number) => string) => {
						const number = Atomics.add(next, 0, 1);
						batch.push(...connection(number, text(number), Date.now() * 1000));
					};
					// bounded: on a busy machine one batch of all that is due would look like a plugin that hangs
					const until = Math.min(due, most, made + MOST_AT_ONCE);
					for (; made < until; made++) say((number) => `?${number}\n`);
					if (isRemoved(loop_file)) say(() => LOOP);
					yield batch;
					await delay(turn_ms);
				}
			},
			close: async () => {},
			counters: () => ({ made }),
		};
	},
};

function isRemoved(file: string): boolean {
	if (file === "" || !existsSync(file)) return false;
	unlinkSync(file);
	return true;
}

/** A parser that is told so never comes back. */
const LOOP = "?loop\n";

/** The same text each way. */
export function connection(number: number, text: string, tsUs: number): CaptureEvent[] {
	const at = { conn: number, tsUs };
	const data = new TextEncoder().encode(text);
	return [
		{
			kind: "open",
			...at,
			transport: "tcp",
			client: { address: "10.0.0.1", port: 1_024 + (number % 60_000) },
			server: { address: "10.0.0.2", port: 80 },
			role: "server",
			roleKnown: true,
			bases: [number, number],
			fromStart: true,
			netns: null,
			process: null,
			layer: "transport",
			lower: null,
		},
		{ kind: "bytes", ...at, dir: 0, offset: 0, data },
		{ kind: "bytes", ...at, dir: 1, offset: 0, data },
		{ kind: "close", ...at },
	];
}

const parser: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "lines",
	summary: "For tests.",
	detect: (client) => (client[0] === 0x3f ? "yes" : "no"),
	create: () => ({
		data(_dir, bytes, out) {
			const end = bytes.indexOf(0x0a);
			if (end < 0) return 0;
			while (end === LOOP.length - 1 && bytes[1] === 0x6c) {}
			const message = out.begin(0);
			message.head(new MessageHead(String.fromCharCode(...bytes.subarray(1, end)), {}, []));
			message.finish(end + 1, "ok");
			return end + 1;
		},
		gap: () => false,
		resync: () => ({ need: 0 }),
		end: () => {},
	}),
};

export default [source, parser];
