import type { GapCause } from "../events.js";
import type { BodyGap, Completeness } from "../exchange.js";
import type { Slab, SlabPool } from "./slab.js";

interface Segment {
	readonly slab: Slab;
	readonly from: number;
	to: number;
	/** Position of the first byte in the body. */
	readonly bodyFrom: number;
	/** Position of the first byte in the connection's stream. */
	readonly streamFrom: number;
}

/** The payload of one message while it is collected: bytes up to the limit, and exact ranges of what is missing. */
export class Payload {
	/** True length so far, missing ranges of known length included. */
	bytes = 0;
	captured = 0;
	gaps: BodyGap[] | null = null;
	/** Most bodies lie in one piece; `#more` holds the others. */
	#first: Segment | null = null;
	#more: Segment[] | null = null;
	readonly #pool: SlabPool;

	constructor(pool: SlabPool) {
		this.#pool = pool;
	}

	append(data: Uint8Array, from: number, to: number, streamFrom: number, limit: number): void {
		let room = limit - this.bytes;
		if (room <= 0) {
			this.gap(to - from, "limit");
			return;
		}
		let at = from;
		const end = room >= to - from ? to : from + room;
		while (at < end) {
			const slab = this.#pool.writable();
			if (slab === null) {
				this.gap(to - at, "cap");
				return;
			}
			room = slab.bytes.length - ((slab.used + 3) & ~3);
			const take = Math.min(end - at, room);
			this.#copy(slab, data, at, take, streamFrom + (at - from));
			at += take;
		}
		if (end < to) this.gap(to - end, "limit");
	}

	/** `length` bytes are missing here; null: everything from here to an end that nobody saw. */
	gap(length: number | null, cause: GapCause): void {
		const from = this.bytes;
		const to = length === null ? null : from + length;
		if (length !== null) this.bytes += length;
		const gaps = (this.gaps ??= []);
		const last = gaps[gaps.length - 1];
		// to the end already
		if (length === null && last !== undefined && last.to === null && last.from === from) return;
		if (last !== undefined && last.to === from && last.cause === cause)
			gaps[gaps.length - 1] = { from: last.from, to, cause };
		else gaps.push({ from, to, cause });
	}

	/** Takes out again what lies at stream positions `from` to `to`: two copies of these bytes differed. */
	conflict(from: number, to: number): void {
		const all = this.#first === null ? [] : [this.#first, ...(this.#more ?? [])];
		const kept: Segment[] = [];
		for (const segment of all) {
			const length = segment.to - segment.from;
			const a = Math.max(0, from - segment.streamFrom);
			const b = Math.min(length, to - segment.streamFrom);
			if (a >= b) {
				kept.push(segment);
				continue;
			}
			this.captured -= b - a;
			(this.gaps ??= []).push({ from: segment.bodyFrom + a, to: segment.bodyFrom + b, cause: "position-conflict" });
			if (a > 0) kept.push({ ...segment, to: segment.from + a });
			if (b < length)
				kept.push({
					slab: segment.slab,
					from: segment.from + b,
					to: segment.to,
					bodyFrom: segment.bodyFrom + b,
					streamFrom: segment.streamFrom + b,
				});
			if (a > 0 && b < length) this.#pool.retain(segment.slab);
			if (a === 0 && b === length) this.#pool.release(segment.slab);
		}
		this.gaps?.sort((x, y) => x.from - y.from);
		this.#first = kept[0] ?? null;
		this.#more = kept.length > 1 ? kept.slice(1) : null;
	}

	get completeness(): Completeness {
		if (this.gaps === null) return "complete";
		return this.gaps.every((gap) => gap.cause === "limit") ? "truncated" : "gap";
	}

	/** What was captured, in one piece: a view where it lies in one already, else in `memory` where that has room. */
	contiguous(memory: Uint8Array = EMPTY): Uint8Array {
		const first = this.#first;
		if (first === null) return EMPTY;
		if (this.#more === null) return new Uint8Array(first.slab.memory, first.from, first.to - first.from);
		const { captured } = this;
		const whole = captured <= memory.length ? memory.subarray(0, captured) : Buffer.allocUnsafeSlow(captured);
		let at = 0;
		for (const { slab, from, to } of [first, ...this.#more]) {
			whole.set(slab.bytes.subarray(from, to), at);
			at += to - from;
		}
		return whole;
	}

	/** What was captured, in the pieces that it lies in. */
	views(): Uint8Array[] {
		const first = this.#first;
		if (first === null) return [];
		return [first, ...(this.#more ?? [])].map(({ slab, from, to }) => slab.bytes.subarray(from, to));
	}

	/** What was captured, in the pieces that it lies in, each with its position in the body. */
	pieces(): { readonly at: number; readonly bytes: Uint8Array }[] {
		const first = this.#first;
		if (first === null) return [];
		return [first, ...(this.#more ?? [])].map(({ slab, from, to, bodyFrom }) => ({
			at: bodyFrom,
			bytes: slab.bytes.subarray(from, to),
		}));
	}

	/** True where JSON takes the bytes as they are: ASCII without control characters, quotes and backslashes. */
	isPlainText(): boolean {
		if (this.#first === null || !isPlainSegment(this.#first)) return this.#first === null;
		return this.#more === null || this.#more.every(isPlainSegment);
	}

	/** Copies what was captured to `out` from `at` on; returns the position after it. */
	copyTo(out: Uint8Array, at: number): number {
		const first = this.#first;
		if (first === null) return at;
		let end = copySegment(first, out, at);
		if (this.#more !== null) for (const segment of this.#more) end = copySegment(segment, out, end);
		return end;
	}

	release(): void {
		if (this.#first !== null) this.#pool.release(this.#first.slab);
		if (this.#more !== null) for (const segment of this.#more) this.#pool.release(segment.slab);
		this.#first = null;
		this.#more = null;
	}

	#copy(slab: Slab, data: Uint8Array, from: number, length: number, streamFrom: number): void {
		const last = this.#more === null ? this.#first : this.#more[this.#more.length - 1]!;
		const isNext =
			last !== null &&
			last.slab === slab &&
			last.to === slab.used &&
			last.streamFrom + (slab.used - last.from) === streamFrom &&
			last.bodyFrom + (slab.used - last.from) === this.bytes;
		// a segment begins on a word, for isPlainText
		const at = isNext ? slab.used : (slab.used + 3) & ~3;
		// a view costs more than copying a few bytes one by one
		if (length <= 24) for (let i = 0; i < length; i++) slab.bytes[at + i] = data[from + i]!;
		else if (from === 0 && length === data.length) slab.bytes.set(data, at);
		else slab.bytes.set(new Uint8Array(data.buffer, data.byteOffset + from, length), at);
		slab.used = at + length;
		const bodyFrom = this.bytes;
		this.bytes += length;
		this.captured += length;
		if (isNext) {
			last.to = slab.used;
			return;
		}
		this.#pool.retain(slab);
		const segment: Segment = { slab, from: at, to: slab.used, bodyFrom, streamFrom };
		if (this.#first === null) this.#first = segment;
		else if (this.#more === null) this.#more = [segment];
		else this.#more.push(segment);
	}
}

function copySegment({ slab, from, to }: Segment, out: Uint8Array, at: number): number {
	out.set(new Uint8Array(slab.memory, from, to - from), at);
	return at + to - from;
}

/** Four bytes at a time, by the usual carry tricks: is one of them below 0x20, above 0x7f, a quote or a backslash? */
function isPlainSegment({ slab, from, to }: Segment): boolean {
	const { words, bytes } = slab;
	const lastWord = to >> 2;
	let i = from >> 2;
	for (; i + 4 <= lastWord; i += 4) {
		const a = words[i]!;
		const b = words[i + 1]!;
		const c = words[i + 2]!;
		const d = words[i + 3]!;
		if (((specials(a) | specials(b) | specials(c) | specials(d)) & 0x8080_8080) !== 0) return false;
	}
	for (i <<= 2; i < to; i++) {
		const byte = bytes[i]!;
		if (byte < 0x20 || byte > 0x7f || byte === 0x22 || byte === 0x5c) return false;
	}
	return true;
}

/** The highest bit of a byte is set where one of the four is not plain: beyond ASCII, a control character, `"` or `\\`. */
function specials(word: number): number {
	return word | (word - 0x2020_2020) | ((word ^ 0x2222_2222) - 0x0101_0101) | ((word ^ 0x5c5c_5c5c) - 0x0101_0101);
}

const EMPTY = new Uint8Array(0);
