import type { Attributes } from "../../core/index.js";

/** Streams that are over, of which frames may still come. */
const MAX_RESET = 512;
/** Requests that may still come of streams whose end was read. */
const MAX_OVERTAKEN = 8192;

/** A stream that the server reset or will not look at: the code, and as annotations tell it. */
export interface Refusal {
	readonly code: number;
	readonly reason: Attributes;
	/** By RST_STREAM: frames of the stream may still come, and mean nothing. */
	readonly isReset: boolean;
}

/** What was read of a stream before its request was. */
export type Overtaker = Refusal | typeof ANSWER;
export const ANSWER = "answer";

/** What is known of streams that are no longer open, or not yet: one direction may be read long before the other. */
export class AbsentStreams {
	readonly #reset = new Set<number>();
	readonly #overtaken = new Map<number, Overtaker>();
	/** Of the server's GOAWAY: what lies beyond its last stream is not answered. */
	#goneAfter = Number.POSITIVE_INFINITY;
	#gone: Refusal | null = null;

	isReset(id: number): boolean {
		return this.#reset.has(id);
	}

	reset(id: number): void {
		this.#reset.add(id);
		if (this.#reset.size > MAX_RESET) drop(this.#reset);
	}

	/** The end of a stream of the client was read, whose request may still come: it must not wait. */
	overtake(id: number, overtaker: Overtaker): void {
		this.#overtaken.set(id, overtaker);
		if (this.#overtaken.size > MAX_OVERTAKEN) drop(this.#overtaken);
	}

	goneAfter(last: number, refusal: Refusal): void {
		this.#goneAfter = last;
		this.#gone = refusal;
	}

	/** For a request that begins: what the server did to its stream before; null: nothing. */
	take(id: number): Overtaker | null {
		const found = this.#overtaken.get(id);
		if (found !== undefined) {
			this.#overtaken.delete(id);
			return found;
		}
		return id > this.#goneAfter ? this.#gone : null;
	}
}

/** Forgets the oldest of them. */
function drop(ids: Set<number> | Map<number, unknown>): void {
	const oldest = ids.keys().next().value;
	if (oldest !== undefined) ids.delete(oldest);
}
