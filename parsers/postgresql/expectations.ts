import type { Call } from "./call.js";
import type { Portal, Statement } from "./statements.js";
import { Back } from "./wire.js";

/** What the client said, as far as the server's answers depend on it. */
export type Ask =
	| "startup"
	| "query"
	| "parse"
	| "bind"
	| "describe-statement"
	| "describe-portal"
	| "execute"
	| "close"
	| "function-call"
	| "sync"
	| "flush"
	/** Data of a COPY, once for any number of messages, and its end. */
	| "copy-data"
	| "copy-end"
	/** Bytes of the client are missing here. */
	| "hole";

export interface Expectation {
	readonly ask: Ask;
	/** When it was sent, microseconds. */
	readonly us: number;
	/** Null for what belongs to no exchange. */
	readonly call: Call | null;
	readonly statement: Statement | null;
	readonly portal: Portal | null;
}

/** A client that sends more than this without an answer is none. */
export const MAX_EXPECTATIONS = 100_000;

/** What the server has not answered yet, oldest first. */
export class Expectations {
	readonly #all: Expectation[] = [];
	#head = 0;
	/** When the first question was asked that was seen, microseconds; 0: none was. */
	sinceUs = 0;

	get length(): number {
		return this.#all.length - this.#head;
	}

	/** The oldest, or null. */
	get first(): Expectation | null {
		return this.#all[this.#head] ?? null;
	}

	get last(): Expectation | null {
		return this.length === 0 ? null : this.#all[this.#all.length - 1]!;
	}

	at(index: number): Expectation | null {
		return this.#all[this.#head + index] ?? null;
	}

	push(
		ask: Ask,
		us: number,
		call: Call | null,
		statement: Statement | null = null,
		portal: Portal | null = null,
	): void {
		if (this.sinceUs === 0 && ask !== "hole") this.sinceUs = us;
		this.#all.push({ ask, us, call, statement, portal });
	}

	shift(): void {
		if (this.#head >= this.#all.length) return;
		this.#head++;
		if (this.#head === this.#all.length) {
			this.#all.length = 0;
			this.#head = 0;
		} else if (this.#head > 256 && this.#head * 2 > this.#all.length) {
			this.#all.splice(0, this.#head);
			this.#head = 0;
		}
	}

	/**
	 * A COPY from the client is over: its Execute stays first, what the client sent up to the end of its data is answered by
	 * nothing, every Sync before that included.
	 */
	dropCopy(): void {
		let last = -1;
		for (let i = 1; i < this.length; i++) {
			const ask = this.#all[this.#head + i]!.ask;
			if (ask === "copy-data" || ask === "copy-end") last = i;
			else if (ask !== "sync" && ask !== "flush") break;
			if (ask === "copy-end") break;
		}
		if (last > 0) this.#all.splice(this.#head + 1, last);
	}

	/** The data of a COPY that was asked first is over. */
	get isCopyOver(): boolean {
		for (let i = 1; i < this.length; i++) {
			const { ask } = this.at(i)!;
			if (ask === "copy-end") return true;
			if (ask !== "copy-data" && ask !== "sync" && ask !== "flush") return true;
		}
		return false;
	}

	/** How many round trips the client has begun by `us` and not seen the end of: each ends with the server being ready. */
	roundTripsBy(us: number): number {
		let count = 0;
		for (let i = 0; count < MAX_ROUND_TRIPS; count++) {
			const end = this.#endOfRoundTrip(i);
			if (end < 0 || this.at(end)!.us > us) break;
			i = end + 1;
		}
		return count;
	}

	/** All of a round trip, the first one is 0; nothing where it is not over. */
	roundTrip(index: number): readonly Expectation[] {
		let from = 0;
		for (let i = 0; i < index; i++) {
			const end = this.#endOfRoundTrip(from);
			if (end < 0) return [];
			from = end + 1;
		}
		return this.#all.slice(this.#head + from, this.#head + Math.max(from, this.#endOfRoundTrip(from) + 1));
	}

	/** How many round trips that ended by `us` lie before the first that `fits`, the very first aside; 0: none does. */
	roundTripsBefore(us: number, fits: (asks: readonly Expectation[]) => boolean): number {
		let from = this.#endOfRoundTrip(0) + 1;
		for (let count = 1; from > 0 && count < MAX_LOOKED_AT; count++) {
			const end = this.#endOfRoundTrip(from);
			if (end < 0 || this.at(end)!.us > us) return 0;
			if (fits(this.#all.slice(this.#head + from, this.#head + end + 1))) return count;
			from = end + 1;
		}
		return 0;
	}

	/** Takes the first `count` round trips out; returns what they consisted of. */
	dropRoundTrips(count: number): readonly Expectation[] {
		let end = 0;
		for (let i = 0; i < count; i++) end = Math.max(end, this.#endOfRoundTrip(end) + 1);
		const dropped = this.#all.slice(this.#head, this.#head + end);
		for (let i = 0; i < end; i++) this.shift();
		return dropped;
	}

	/** Index of the question that ends the round trip which begins at index `from`, or -1. */
	#endOfRoundTrip(from: number): number {
		for (let i = from; i < this.length; i++) {
			const { ask } = this.at(i)!;
			if (!endsRoundTrip(ask)) continue;
			const next = this.at(i + 1)?.ask;
			if (ask !== "sync" || (next !== "copy-data" && next !== "copy-end")) return i;
			// the server does not hear a Sync while it waits for data of a COPY
		}
		return -1;
	}
}

/** So many are counted, and compared with an answer, after a loss. */
const MAX_ROUND_TRIPS = 4096;
const MAX_LOOKED_AT = 64;

/** It is answered by something; what is left may stand between round trips. */
export function isAnswered(ask: Ask): boolean {
	return ask !== "flush" && ask !== "copy-data" && ask !== "copy-end";
}

/** The server says that it is ready after it. */
export function endsRoundTrip(ask: Ask): boolean {
	return ask === "sync" || ask === "query" || ask === "function-call" || ask === "startup";
}

const OF_RESULT: readonly number[] = [
	Back.dataRow,
	Back.commandComplete,
	Back.emptyQuery,
	Back.copyIn,
	Back.copyOut,
	Back.copyData,
	Back.copyDone,
];
const ANSWERS: Readonly<Record<Ask, readonly number[]>> = {
	startup: [Back.authentication, Back.backendKey],
	query: [...OF_RESULT, Back.rowDescription],
	parse: [Back.parseComplete],
	bind: [Back.bindComplete],
	"describe-statement": [Back.parameterDescription, Back.rowDescription, Back.noData],
	"describe-portal": [Back.rowDescription, Back.noData],
	execute: [...OF_RESULT, Back.portalSuspended],
	close: [Back.closeComplete],
	"function-call": [Back.functionResult],
	sync: [],
	flush: [],
	"copy-data": [],
	"copy-end": [],
	hole: [],
};

/** May a message of this type be an answer to it? */
export function answers(ask: Ask, type: number): boolean {
	return ANSWERS[ask].includes(type);
}
