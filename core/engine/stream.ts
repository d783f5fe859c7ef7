import type { GapCause } from "../events.js";
import { add, type EngineTotals } from "./totals.js";

/** Where a stream's bytes go once their order is known. */
export interface StreamReader {
	/** In order and without holes; `data` is valid during the call only. */
	onBytes(data: Uint8Array, offset: number, tsUs: number): void;
	/** `length` null: an unknown number, at the end of the stream. */
	onGap(offset: number, length: number, cause: GapCause, tsUs: number): void;
}

interface LateChunk {
	offset: number;
	data: Uint8Array;
	tsUs: number;
}

interface KnownGap {
	from: number;
	/** Infinity: to wherever bytes go on. */
	to: number;
	cause: GapCause;
}

export interface StreamLimits {
	readonly mergeWindowUs: number;
	readonly maxLateBytes: number;
}

const NO_CHUNKS: LateChunk[] = [];
const NO_KNOWN: KnownGap[] = [];
const NO_GAPS = new Map<GapCause, number>();

/**
 * Reassembly of one direction by stream position. The chunk that is next goes straight through as the view it came in;
 * chunks behind a hole are copied and wait, in a bounded list, until the hole is filled or its time is over.
 */
export class Stream {
	/** Position of the first byte that belongs to what we watch; -1 until something was delivered. */
	first = -1;
	/** Position of the next byte to deliver. */
	next = 0;
	capturedBytes = 0;
	gapBytes = 0;
	/** When the hole at `next` is given up; 0: there is none. */
	deadlineUs = 0;
	/** Position after the last byte, once known; -1 before. */
	finalOffset = -1;
	gapsByCause: Map<GapCause, number> = NO_GAPS;
	lateBytes = 0;
	/** The first byte that comes is where watching began: nothing is waited for that lies before it. */
	startsAnywhere: boolean;
	// most streams never need a list of their own
	#late: LateChunk[] = NO_CHUNKS;
	#known: KnownGap[] = NO_KNOWN;
	readonly #limits: StreamLimits;
	/** The cause of a hole at the very start that nothing else explains. */
	readonly #startCause: GapCause;
	readonly #totals: EngineTotals;
	reader: StreamReader;

	constructor(
		reader: StreamReader,
		limits: StreamLimits,
		startCause: GapCause,
		totals: EngineTotals,
		startsAnywhere = false,
	) {
		this.startsAnywhere = startsAnywhere;
		this.reader = reader;
		this.#totals = totals;
		this.#limits = limits;
		this.#startCause = startCause;
	}

	/** True while something waits behind a hole or a hole is known. */
	get isHoled(): boolean {
		return this.#late.length > 0 || this.#known.length > 0 || this.finalOffset > this.next;
	}

	bytes(data: Uint8Array, offset: number, tsUs: number, nowUs: number): void {
		if (offset === this.next) {
			this.#deliver(data, offset, tsUs);
			if (this.deadlineUs !== 0) this.#advance(nowUs);
			return;
		}
		const end = offset + data.length;
		if (end <= this.next) {
			this.#passed(offset, end);
			return;
		}
		if (offset < this.next) {
			this.#passed(offset, this.next);
			this.#deliver(data.subarray(this.next - offset), this.next, tsUs);
			if (this.deadlineUs !== 0) this.#advance(nowUs);
			return;
		}
		if (this.startsAnywhere && this.first < 0 && !this.isHoled) {
			this.#deliver(data, offset, tsUs);
			return;
		}
		this.#keepLate(data, offset, tsUs);
		this.#arm(nowUs);
		if (this.lateBytes > this.#limits.maxLateBytes) this.giveUp(nowUs);
	}

	gap(offset: number, length: number | null, cause: GapCause, nowUs: number): void {
		const to = length === null ? Number.POSITIVE_INFINITY : offset + length;
		if (to <= this.next || length === 0) return;
		if (this.#known === NO_KNOWN) this.#known = [];
		this.#known.push({ from: Math.max(offset, this.next), to, cause });
		this.#arm(nowUs);
	}

	end(finalOffset: number, nowUs: number): void {
		this.finalOffset = finalOffset;
		if (finalOffset > this.next) this.#arm(nowUs);
	}

	/** Ends every hole that is known now: what is missing is missing, with its cause. */
	giveUp(nowUs: number): void {
		for (;;) {
			this.#drain();
			const upTo = this.#holeEnd();
			if (upTo <= this.next) break;
			this.#deliverGap(upTo, nowUs);
		}
		this.deadlineUs = 0;
		this.#forgetPassed();
	}

	/** A second copy, or bytes that came too late to be put before those that watching began with. */
	#passed(from: number, to: number): void {
		const early = Math.max(0, Math.min(to, this.first) - from);
		this.#totals.bytesOrphaned += early;
		this.#totals.bytesDuplicate += to - from - early;
	}

	#arm(nowUs: number): void {
		if (this.deadlineUs === 0) this.deadlineUs = nowUs + this.#limits.mergeWindowUs;
	}

	#advance(nowUs: number): void {
		this.#drain();
		this.#forgetPassed();
		this.deadlineUs = 0;
		if (this.isHoled) this.#arm(nowUs);
	}

	#forgetPassed(): void {
		if (this.#known.length > 0) this.#known = this.#known.filter((gap) => gap.to > this.next);
	}

	/** How far the hole at `next` reaches as far as is known now. */
	#holeEnd(): number {
		let end = this.#late[0]?.offset ?? Number.POSITIVE_INFINITY;
		if (this.finalOffset >= 0 && this.finalOffset < end) end = this.finalOffset;
		if (end !== Number.POSITIVE_INFINITY) return end;
		let known = -1;
		for (const gap of this.#known) if (gap.to > known && gap.to !== Number.POSITIVE_INFINITY) known = gap.to;
		return known;
	}

	#deliver(data: Uint8Array, offset: number, tsUs: number): void {
		if (this.first < 0) this.first = offset;
		this.next = offset + data.length;
		this.capturedBytes += data.length;
		this.#totals.bytesCaptured += data.length;
		this.reader.onBytes(data, offset, tsUs);
	}

	#drain(): void {
		const late = this.#late;
		let taken = 0;
		while (taken < late.length && late[taken]!.offset <= this.next) {
			const chunk = late[taken++]!;
			this.lateBytes -= chunk.data.length;
			const skip = this.next - chunk.offset;
			if (skip < chunk.data.length)
				this.#deliver(skip > 0 ? chunk.data.subarray(skip) : chunk.data, this.next, chunk.tsUs);
			this.#totals.bytesDuplicate += Math.min(skip, chunk.data.length);
		}
		if (taken > 0) late.splice(0, taken);
	}

	#deliverGap(upTo: number, nowUs: number): void {
		const atStart = this.first < 0;
		while (this.next < upTo) {
			let to = upTo;
			let cause: GapCause | null = null;
			for (const gap of this.#known) {
				if (gap.from > this.next) {
					to = Math.min(to, gap.from);
				} else if (gap.to > this.next) {
					// a source that learned the reason later than the hole says both
					if (cause === null || cause === "missed") cause = gap.cause;
					to = Math.min(to, gap.to);
				}
			}
			const from = this.next;
			if (cause === null && atStart && this.first < 0 && this.#startCause === "joined-late") {
				// nothing was missed: watching began here
				this.next = to;
				continue;
			}
			const named = cause ?? (atStart ? this.#startCause : "missed");
			if (this.first < 0) this.first = from;
			this.next = to;
			this.gapBytes += to - from;
			if (this.gapsByCause === NO_GAPS) this.gapsByCause = new Map();
			add(this.gapsByCause, named, to - from);
			this.#totals.missing(to - from, named);
			this.reader.onGap(from, to - from, named, nowUs);
		}
	}

	/** Copies the parts of `data` that no waiting chunk holds already. */
	#keepLate(data: Uint8Array, offset: number, tsUs: number): void {
		if (this.#late === NO_CHUNKS) this.#late = [];
		const late = this.#late;
		const end = offset + data.length;
		let i = late.length;
		while (i > 0 && late[i - 1]!.offset >= offset) i--;
		let from = offset;
		const before = late[i - 1];
		if (before !== undefined) from = Math.max(from, before.offset + before.data.length);
		while (from < end) {
			const following = late[i];
			const to = following === undefined ? end : Math.min(end, following.offset);
			if (to > from) {
				// a copy into memory of its own: the view ends with this call
				const copy = Uint8Array.prototype.slice.call(data, from - offset, to - offset);
				late.splice(i, 0, { offset: from, data: copy, tsUs });
				this.lateBytes += copy.length;
				i++;
			}
			if (following === undefined) break;
			from = Math.max(from, following.offset + following.data.length);
			i++;
		}
	}
}
