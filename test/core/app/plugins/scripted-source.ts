/** A live source that makes its own traffic: one connection for each exchange, over a host that outlives workers. */
import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { type CaptureEvent, PolytapError, type SourcePlugin, z } from "../../../../core/index.js";

const config = z.strictObject({
	/** Exchanges to make. */
	count: z.int(),
	/** Numbers of those whose request says something else than `hello`. */
	say: z.record(z.string(), z.string()).default({}),
	/** After that many it goes on to wait for its signal instead of ending. */
	wait: z.boolean().default(false),
	/** Before this number it waits until there is a file of that name. */
	hold_at: z.int().default(-1),
	hold_until: z.string().default(""),
	fail: z.enum(["no", "host", "open", "batches"]).default("no"),
});

type Config = z.output<typeof config>;

const scripted: SourcePlugin<Config> = {
	api: 1,
	kind: "source",
	type: "scripted",
	summary: "For tests.",
	config,
	host: (options) => ({
		open: async () => {
			if (options.fail === "host")
				throw new PolytapError("BPF_NOT_PERMITTED", "the host may not", "ask for more rights");
			return { next: new SharedArrayBuffer(4) };
		},
		close: async () => {},
		counters: () => ({ host_made: 1 }),
	}),
	create: (options, context) => {
		let made = 0;
		return {
			open: async () => {
				if (options.fail === "open") throw new Error("cannot open");
			},
			batches: async function* (signal) {
				if (options.fail === "batches") throw new Error("broke");
				const { next } = context.host as { next: SharedArrayBuffer };
				const cell = new Int32Array(next);
				while (!signal.aborted) {
					const number = Atomics.add(cell, 0, 1);
					if (number >= options.count) {
						if (!options.wait) return;
						await delay(5, undefined, { signal }).catch(() => undefined);
						continue;
					}
					while (number === options.hold_at && !existsSync(options.hold_until) && !signal.aborted) {
						await delay(5);
						yield [];
					}
					made++;
					yield connection(number, options.say[number] ?? "hello");
					if (number % 10 === 0) await delay(1);
				}
			},
			close: async () => {},
			counters: () => ({ made }),
		};
	},
};

export default scripted;

function connection(number: number, text: string): CaptureEvent[] {
	const tsUs = Date.now() * 1000;
	const at = { conn: number, tsUs };
	return [
		{
			kind: "open",
			...at,
			transport: "tcp",
			client: { address: "10.0.0.1", port: 10_000 + number },
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
		{ kind: "bytes", ...at, dir: 0, offset: 0, data: Buffer.from(`${text}\n`) },
		{ kind: "bytes", ...at, dir: 1, offset: 0, data: Buffer.from(`${text}\n`) },
		{ kind: "end", ...at, dir: 0, finalOffset: text.length + 1, how: "fin" },
		{ kind: "end", ...at, dir: 1, finalOffset: text.length + 1, how: "fin" },
		{ kind: "close", ...at },
	];
}
