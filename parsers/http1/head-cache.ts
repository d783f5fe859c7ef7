import type { Http1Head } from "./head.js";

/** Longer heads are parsed each time. */
const MAX_HEAD_BYTES = 4096;
const SLOTS = 1024;

/**
 * Heads that were seen before on any connection. One slot for each hash, so its size is bounded; a head that does not come
 * again is replaced by the next one of its slot. Also keeps the view for comparing, because making one costs more than using
 * it and the memory behind the bytes (the kernel's ring) stays the same.
 */
export class HeadCache {
	readonly #slots: (Http1Head | null)[] = Array.from({ length: SLOTS }, () => null);
	#buffer: ArrayBufferLike | null = null;
	#view: DataView = new DataView(new ArrayBuffer(0));

	/** True where the head's bytes stand in `bytes` at `at`. */
	isAt(head: Http1Head, bytes: Uint8Array, at: number): boolean {
		const { raw, view } = head;
		const { length } = raw;
		if (length > bytes.length - at) return false;
		if (bytes.buffer !== this.#buffer) {
			this.#buffer = bytes.buffer;
			this.#view = new DataView(bytes.buffer);
		}
		const other = this.#view;
		const from = bytes.byteOffset + at;
		const words = length & ~3;
		// the end differs most often: a date, a length
		let i = 0;
		for (; i < words; i += 4) if (view.getInt32(i, true) !== other.getInt32(from + i, true)) return false;
		for (; i < length; i++) if (raw[i] !== bytes[at + i]) return false;
		return true;
	}

	/** The head that stands in `bytes` from `at` to `end`, if it was seen before. */
	find(bytes: Uint8Array, at: number, end: number, isRequest: boolean): Http1Head | null {
		const head = this.#slots[slotOf(bytes, at, end)] ?? null;
		if (head === null || head.raw.length !== end - at || (head.status === 0) !== isRequest) return null;
		return this.isAt(head, bytes, at) ? head : null;
	}

	add(head: Http1Head): void {
		const { raw } = head;
		if (raw.length <= MAX_HEAD_BYTES) this.#slots[slotOf(raw, 0, raw.length)] = head;
	}
}

/** Every fifth byte or so: heads of one service differ in many places or in none. */
function slotOf(bytes: Uint8Array, at: number, end: number): number {
	let hash = end - at;
	for (let i = at; i < end; i += 5) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
	return (hash ^ (hash >>> 15)) & (SLOTS - 1);
}
