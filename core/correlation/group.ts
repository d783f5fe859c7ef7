import type { ConnectionEnds } from "../engine/facts.js";
import type { ExchangeKind } from "../exchange.js";
import type { Entry } from "./entry.js";
import type { HopTimes } from "./legs.js";

/** What stays of a record that was emitted, so that a later observation of the same exchange is known for what it is. */
export interface Emitted {
	readonly position: number;
	readonly id: string;
	readonly ordinal: number;
	readonly kind: ExchangeKind;
	readonly protocol: string;
	readonly sources: readonly string[];
	/** By the clock of the proxy whose leg it is, or null. */
	readonly times: HopTimes | null;
}

/** Records of one connection that went on and are known again. */
const MOST_EMITTED = 32;

/** One connection, as however many sources know it. */
export class Group {
	readonly keys: string[];
	/** Each source's own connection; one source has two where it sees both sides of an address translation. */
	readonly members: { readonly source: string; readonly ends: ConnectionEnds }[] = [];
	/** How many of the members may still say something. */
	open = 0;
	/** Since when none of them does. */
	closedUs = 0;
	/** True sequence numbers of both offsets 0, where anybody knows them. */
	bases: readonly [number, number] | null;
	/** By position. Null where nothing ever waited: most connections are seen once. */
	#waiting: Map<number, Entry> | null = null;
	#emitted: Emitted[] | null = null;
	#emittedAt = 0;
	/** In the order in which they came and must leave. */
	readonly queue: Entry[] = [];
	/** True where a record waited in vain for other sources: the next ones do not. */
	isAlone = false;
	touchedUs = 0;
	/** Of a proxy, whose leg it is. */
	hop: string | null = null;

	constructor(keys: string[], bases: readonly [number, number] | null) {
		this.keys = keys;
		this.bases = bases;
	}

	waitingAt(position: number): Entry | undefined {
		return this.#waiting?.get(position);
	}

	wait(entry: Entry): void {
		this.queue.push(entry);
		(this.#waiting ??= new Map()).set(entry.position, entry);
	}

	leave(entry: Entry): void {
		this.#waiting?.delete(entry.position);
	}

	hasSource(source: string): boolean {
		return this.members.some((member) => member.source === source);
	}

	/** What went on at that position, if it was one of the last. */
	emittedAt(position: number): Emitted | null {
		if (this.#emitted !== null) for (const each of this.#emitted) if (each.position === position) return each;
		return null;
	}

	remember(emitted: Emitted): void {
		this.#emitted ??= [];
		this.#emitted[this.#emittedAt] = emitted;
		this.#emittedAt = (this.#emittedAt + 1) % MOST_EMITTED;
	}
}
