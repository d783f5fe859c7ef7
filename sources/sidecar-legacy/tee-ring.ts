import type { Shared } from "./shared.js";

/** What a record says. `WRAP`: nothing, the next one is at the start of the ring. */
export const WRAP = 0;
export const OPEN = 1;
export const BYTES = 2;
export const END = 3;
export const CLOSE = 4;
/** Bytes of connections that nobody was told of. */
export const LOSS = 5;
/** A relay has started: whatever was open before is gone. */
export const RESTART = 6;

const HEADER_BYTES = 48;
/** Longer pieces are cut. */
export const MAX_RECORD_BYTES = 65_536;

export interface TeeRecord {
	kind: number;
	/** The relay's number of a connection through it. */
	hop: number;
	dir: 0 | 1;
	offset: number;
	tsUs: number;
	/** BYTES: microseconds from the read to the write; END: 0 fin, 1 reset, 2 unknown. */
	extra: number;
	/** Valid until the record's place in the ring is released. */
	data: Uint8Array;
}

const NOTHING = new Uint8Array(0);
const align = (bytes: number): number => (bytes + 7) & ~7;

/** One writer, one reader, no locks: the writer never waits, the reader never blocks the writer. */
export class TeeWriter {
	readonly #shared: Shared;
	readonly #ring: Uint8Array;
	readonly #view: DataView;
	readonly #size: number;
	#head: number;

	constructor(shared: Shared) {
		this.#shared = shared;
		this.#ring = shared.ring;
		this.#size = shared.ring.length;
		this.#view = new DataView(shared.ring.buffer);
		this.#head = shared.head;
	}

	/** Bytes of the ring that are free now. */
	get free(): number {
		return this.#size - ((this.#head - this.#shared.tail) >>> 0);
	}

	/** False: it does not fit beside `reserve` free bytes, and nothing was written. */
	write(
		kind: number,
		hop: number,
		dir: 0 | 1,
		offset: number,
		tsUs: number,
		extra: number,
		data: Uint8Array = NOTHING,
		reserve = 0,
	): boolean {
		const bytes = HEADER_BYTES + align(data.length);
		let at = this.#head & (this.#size - 1);
		const toEnd = this.#size - at;
		const needed = toEnd < bytes ? toEnd + bytes : bytes;
		if (this.free < needed + reserve) return false;
		const view = this.#view;
		if (toEnd < bytes) {
			view.setUint32(at, toEnd, true);
			view.setUint32(at + 4, WRAP, true);
			this.#head = (this.#head + toEnd) >>> 0;
			at = 0;
		}
		view.setUint32(at, bytes, true);
		view.setUint32(at + 4, kind, true);
		view.setUint32(at + 8, hop, true);
		view.setUint32(at + 12, dir, true);
		view.setFloat64(at + 16, offset, true);
		view.setFloat64(at + 24, tsUs, true);
		view.setFloat64(at + 32, extra, true);
		view.setUint32(at + 40, data.length, true);
		this.#ring.set(data, at + HEADER_BYTES);
		this.#head = (this.#head + bytes) >>> 0;
		this.#shared.head = this.#head;
		return true;
	}
}

export class TeeReader {
	readonly #shared: Shared;
	readonly #ring: Uint8Array;
	readonly #view: DataView;
	readonly #size: number;
	#at: number;
	/** The same object for each record. */
	readonly record: TeeRecord = { kind: WRAP, hop: 0, dir: 0, offset: 0, tsUs: 0, extra: 0, data: NOTHING };

	constructor(shared: Shared) {
		this.#shared = shared;
		this.#ring = shared.ring;
		this.#size = shared.ring.length;
		this.#view = new DataView(shared.ring.buffer);
		this.#at = shared.tail;
	}

	get size(): number {
		return this.#size;
	}

	get position(): number {
		return this.#at;
	}

	/** Bytes that wait to be read. */
	get waiting(): number {
		return (this.#shared.head - this.#at) >>> 0;
	}

	/** Fills `record` with the next one. False: there is none yet. */
	next(): boolean {
		while (this.#at !== this.#shared.head) {
			const at = this.#at & (this.#size - 1);
			const view = this.#view;
			const kind = view.getUint32(at + 4, true);
			this.#at = (this.#at + view.getUint32(at, true)) >>> 0;
			if (kind === WRAP) continue;
			const { record } = this;
			record.kind = kind;
			record.hop = view.getUint32(at + 8, true);
			record.dir = view.getUint32(at + 12, true) === 0 ? 0 : 1;
			record.offset = view.getFloat64(at + 16, true);
			record.tsUs = view.getFloat64(at + 24, true);
			record.extra = view.getFloat64(at + 32, true);
			const from = at + HEADER_BYTES;
			record.data = this.#ring.subarray(from, from + view.getUint32(at + 40, true));
			return true;
		}
		return false;
	}

	/** What was read so far may be written over. */
	release(): void {
		this.#shared.tail = this.#at;
	}
}
