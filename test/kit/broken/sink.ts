/** A sink that keeps its contract, what it writes to, and the ways to break it. */
import { setTimeout as delay } from "node:timers/promises";
import { type Exchange, Partial, Permanent, Retryable, type SinkPlugin, z } from "../../../core/index.js";
import type { SinkKitOptions, SinkWorld } from "../../testkit/index.js";

export type SinkFault =
	| "none"
	| "has a loose schema"
	| "opens in create"
	| "has no room"
	| "hangs in open"
	| "hangs in open when aborted"
	| "rejects close"
	| "leaves a timer"
	| "loses"
	| "reorders"
	| "changes"
	| "keeps"
	| "rejects anything"
	| "hangs"
	| "mixes retryable up"
	| "mixes permanent up"
	| "names what was written"
	| "names what is not there"
	| "ignores its signal"
	| "resolves too soon"
	| "counts in camel case";

/** What the sink writes to. */
class Store {
	readonly ids: string[] = [];
	mood: "fine" | "busy" | "closed" | "picky" | "asleep";

	constructor(mood: Store["mood"]) {
		this.mood = mood;
	}
}

const stores = new Map<number, Store>();

export function worlds(): SinkKitOptions {
	const make = (mood: Store["mood"]) => (): SinkWorld => {
		const store = new Store(mood);
		const number = stores.size;
		stores.set(number, store);
		return {
			config: { store: number },
			received: () => store.ids,
			heal: () => {
				store.mood = "fine";
			},
		};
	};
	return {
		world: make("fine"),
		retryable: make("busy"),
		permanent: make("closed"),
		partial: make("picky"),
		hanging: make("asleep"),
	};
}

export function sink(fault: SinkFault): SinkPlugin<{ store: number }> {
	const shape = { store: z.int().describe("Number of the store.") };
	return {
		api: 1,
		kind: "sink",
		type: "broken",
		summary: "For tests.",
		config: fault === "has a loose schema" ? z.looseObject(shape) : z.strictObject(shape),
		create({ store: number }) {
			const store = stores.get(number)!;
			const kept: Exchange[] = [];
			let isClosed = false;
			if (fault === "opens in create") setTimeout(() => {}, 5000);
			return {
				maxInFlight: fault === "has no room" ? 0 : 2,
				open: async (signal) => {
					if (fault === "hangs in open" || (fault === "hangs in open when aborted" && signal.aborted))
						await new Promise(() => {});
				},
				write: async (batch, signal) => {
					if (fault === "hangs") await new Promise(() => {});
					if (fault === "rejects anything") throw new Error("no");
					if (fault === "changes") Object.assign(batch[0]!, { protocol: "another" });
					if (fault === "keeps") kept.push(...batch);
					await put(fault, store, batch, signal);
				},
				close: async () => {
					if (fault === "rejects close" && isClosed) throw new Error("twice");
					if (fault === "leaves a timer" && !isClosed) setTimeout(() => {}, 5000);
					isClosed = true;
					for (const { id } of kept) if (id === "") store.ids.push(id);
				},
				counters: (): Record<string, number> => (fault === "counts in camel case" ? { bytesOut: 1 } : { bytes_out: 1 }),
			};
		},
	};
}

async function put(fault: SinkFault, store: Store, batch: readonly Exchange[], signal: AbortSignal): Promise<void> {
	const ids = batch.map(({ id }) => id);
	switch (store.mood) {
		case "busy":
			if (fault === "mixes retryable up") throw new Permanent("busy");
			throw new Retryable("busy");
		case "closed":
			if (fault === "mixes permanent up") throw new Retryable("closed");
			throw new Permanent("closed");
		case "picky": {
			store.ids.push(ids[0]!);
			if (fault === "names what is not there") throw new Partial("picky", [ids.length], true);
			const failed = ids.map((_, index) => index).slice(fault === "names what was written" ? 0 : 1);
			throw new Partial("picky", failed, true);
		}
		case "asleep":
			if (fault === "resolves too soon") return;
			while (!signal.aborted || fault === "ignores its signal") await delay(5, undefined, { ref: false });
			throw new Retryable("asleep");
	}
	if (fault === "loses") ids.shift();
	if (fault === "reorders") ids.reverse();
	store.ids.push(...ids);
}
