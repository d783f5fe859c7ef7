import { afterNumber, INCOMPLETE, INVALID, LF, lineEnd, NULL, readNumber, STREAMED, Type } from "./wire.js";

/** Streamed values inside each other; more is not what a server says. */
const MAX_STREAMED = 32;

/**
 * Finds where values end without making anything of them, in pieces of any size. Aggregates inside aggregates only raise the
 * number of values that are still to come, so nesting costs nothing.
 */
export class Walker {
	/** Values that are still to come before this one is over. */
	left = 0;
	/** Payload bytes of the bulk string at hand that are still to come; -1: none is at hand. */
	bulk = -1;
	/** The bytes do not belong to any value. */
	isBroken = false;
	/** What was left around each streamed value that is open. */
	#around: number[] | null = null;
	/** Bytes of an unfinished line that hold no line end. */
	#scanned = 0;

	/** `streamed`: they end with `.`, whatever their number. */
	start(values: number, streamed = false): void {
		this.left = streamed ? Number.POSITIVE_INFINITY : values;
		this.bulk = -1;
		this.isBroken = false;
		this.#around = streamed ? [1] : null;
		this.#scanned = 0;
	}

	get isDone(): boolean {
		return this.left === 0;
	}

	/** Goes on from `at`, at the most up to `to`; returns how far it came. */
	walk(bytes: Uint8Array, from: number, to: number): number {
		let at = from;
		while (at < to && this.left > 0) {
			if (this.bulk > 0) {
				const take = Math.min(this.bulk, to - at);
				this.bulk -= take;
				at += take;
				continue;
			}
			if (this.bulk === 0) {
				if (to - at < 2) return at;
				if (bytes[at] !== 13 || bytes[at + 1] !== LF) return this.#broken(at);
				this.bulk = -1;
				this.left--;
				at += 2;
				continue;
			}
			const next = this.#token(bytes, at, to);
			if (next === INCOMPLETE) return at;
			if (next === INVALID) return this.#broken(at);
			at = next;
		}
		return at;
	}

	#token(bytes: Uint8Array, at: number, to: number): number {
		const type = bytes[at]!;
		switch (type) {
			case Type.simpleString:
			case Type.simpleError:
			case Type.integer:
			case Type.null:
			case Type.boolean:
			case Type.double:
			case Type.bigNumber: {
				const end = lineEnd(bytes, at, to, at + this.#scanned);
				if (end === INCOMPLETE) this.#scanned = Math.max(0, to - at - 1);
				if (end < 0) return end;
				this.#scanned = 0;
				this.left--;
				return end + 2;
			}
			case Type.bulkString:
			case Type.bulkError:
			case Type.verbatim: {
				const length = readNumber(bytes, at + 1, to);
				if (length === STREAMED && type === Type.bulkString) {
					if (!this.#open()) return INVALID;
				} else if (length === NULL && type === Type.bulkString) this.left--;
				else if (length < 0) return length === INCOMPLETE ? INCOMPLETE : INVALID;
				else this.bulk = length;
				return afterNumber(bytes, at + 1);
			}
			case Type.array:
			case Type.set:
			case Type.push:
			case Type.map:
			case Type.attribute: {
				const count = readNumber(bytes, at + 1, to);
				if (count === STREAMED && type !== Type.attribute) {
					if (!this.#open()) return INVALID;
				} else if (count === NULL && type === Type.array) this.left--;
				else if (count < 0) return count === INCOMPLETE ? INCOMPLETE : INVALID;
				else if (type === Type.attribute) this.left += 2 * count;
				else this.left += (type === Type.map ? 2 * count : count) - 1;
				return afterNumber(bytes, at + 1);
			}
			case Type.chunk: {
				const length = readNumber(bytes, at + 1, to);
				if (this.#around === null || length < 0) return length === INCOMPLETE ? INCOMPLETE : INVALID;
				if (length === 0) this.#close();
				else this.bulk = length;
				return afterNumber(bytes, at + 1);
			}
			case Type.end:
				if (to - at < 3) return INCOMPLETE;
				if (this.#around === null || bytes[at + 1] !== 13 || bytes[at + 2] !== LF) return INVALID;
				this.#close();
				return at + 3;
			default:
				return INVALID;
		}
	}

	#open(): boolean {
		const around = (this.#around ??= []);
		if (around.length >= MAX_STREAMED) return false;
		around.push(this.left);
		this.left = Number.POSITIVE_INFINITY;
		return true;
	}

	#close(): void {
		const around = this.#around!;
		this.left = around.pop()! - 1;
		if (around.length === 0) this.#around = null;
	}

	#broken(at: number): number {
		this.isBroken = true;
		return at;
	}
}

/** Where the value that begins at `at` ends; `INCOMPLETE` or `INVALID`. */
export function valueEnd(bytes: Uint8Array, at: number, to: number, values = 1): number {
	const walker = new Walker();
	walker.start(values);
	const end = walker.walk(bytes, at, to);
	if (walker.isBroken) return INVALID;
	return walker.isDone ? end : INCOMPLETE;
}
