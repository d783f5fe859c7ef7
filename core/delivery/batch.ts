import type { Exchange } from "../exchange.js";

/** Exchanges that are written together, from the queue or the spool until they are done. */
export class Batch {
	/** Given in the order of the first attempts. */
	number = 0;
	attempts = 0;
	/** What is not written yet. */
	exchanges: readonly Exchange[];
	/** Of `exchanges`, in the spool; null: it is in memory only. */
	sequences: readonly number[] | null;
	/** All that are to be settled at the end. */
	readonly all: readonly Exchange[];
	/** Of the attempt under way. */
	abort: AbortController | null = null;
	startedMs = 0;

	constructor(exchanges: readonly Exchange[], sequences: readonly number[] | null = null) {
		this.exchanges = exchanges;
		this.sequences = sequences;
		this.all = exchanges;
	}

	/** Keeps those at `indexes` only; returns the sequences of the others. */
	reduceTo(indexes: ReadonlySet<number>): readonly number[] {
		const { exchanges, sequences } = this;
		this.exchanges = exchanges.filter((_, index) => indexes.has(index));
		if (sequences === null) return [];
		this.sequences = sequences.filter((_, index) => indexes.has(index));
		return sequences.filter((_, index) => !indexes.has(index));
	}
}
