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
			room = slab.bytes.length - slab.used;
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

	/** What was captured, in one piece; a view where it lies in one piece already. */
	contiguous(): Uint8Array {
		const first = this.#first;
		if (first === null) return EMPTY;
		const { buffer, byteOffset } = first.slab.bytes;
		if (this.#more === null) return new Uint8Array(buffer, byteOffset + first.from, first.to - first.from);
		const whole = Buffer.allocUnsafeSlow(this.captured);
		let at = 0;
		for (const { slab, from, to } of [first, ...this.#more]) {
			whole.set(slab.bytes.subarray(from, to), at);
			at += to - from;
		}
		return whole;
	}

	release(): void {
		if (this.#first !== null) this.#pool.release(this.#first.slab);
		if (this.#more !== null) for (const segment of this.#more) this.#pool.release(segment.slab);
		this.#first = null;
		this.#more = null;
	}

	#copy(slab: Slab, data: Uint8Array, from: number, length: number, streamFrom: number): void {
		const at = slab.used;
		// a view costs more than copying a few bytes one by one
		if (length <= 24) for (let i = 0; i < length; i++) slab.bytes[at + i] = data[from + i]!;
		else if (from === 0 && length === data.length) slab.bytes.set(data, at);
		else slab.bytes.set(new Uint8Array(data.buffer, data.byteOffset + from, length), at);
		slab.used = at + length;
		const bodyFrom = this.bytes;
		this.bytes += length;
		this.captured += length;
		const last = this.#more === null ? this.#first : this.#more[this.#more.length - 1]!;
		if (
			last !== null &&
			last.slab === slab &&
			last.to === at &&
			last.streamFrom + (at - last.from) === streamFrom &&
			last.bodyFrom + (at - last.from) === bodyFrom
		) {
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

const EMPTY = new Uint8Array(0);
