import type { Call } from "./call.js";
import type { Portal, Statement } from "./statements.js";

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

	/** A round trip that has not ended. */
	get hasRoundTrip(): boolean {
		for (let i = this.#head; i < this.#all.length; i++) if (endsRoundTrip(this.#all[i]!.ask)) return true;
		return false;
	}

	push(
		ask: Ask,
		us: number,
		call: Call | null,
		statement: Statement | null = null,
		portal: Portal | null = null,
	): void {
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

	/** How many round trips the client has begun by `us` and not seen the end of: each ends with the server being ready. */
	roundTripsBy(us: number): number {
		let count = 0;
		for (let i = this.#head; i < this.#all.length; i++) {
			const { ask, us: at } = this.#all[i]!;
			if (at <= us && endsRoundTrip(ask)) count++;
		}
		return count;
	}
}

/** The server says that it is ready after it. */
export function endsRoundTrip(ask: Ask): boolean {
	return ask === "sync" || ask === "query" || ask === "function-call" || ask === "startup";
}
