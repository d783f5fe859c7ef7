import type { Http1Head } from "./head.js";
import { parseHead } from "./head-parsing.js";

const MAX_REMEMBERED_BYTES = 4096;
const SLOTS = 1024;

/** A head and the bytes that it was parsed from. */
export interface SeenHead {
	readonly head: Http1Head;
	readonly length: number;
	readonly view: DataView;
}

/**
 * Heads that were seen before, of one engine: clients and servers repeat themselves, and comparing bytes costs a tenth of
 * parsing them. One slot for each hash, newest wins, so at most 4 MiB of bytes are kept for each direction.
 */
export class HeadMemory {
	/** The memory that `look` was last pointed at; a source's ring stays the same from call to call. */
	#buffer: ArrayBufferLike | null = null;
	#view: DataView<ArrayBufferLike> = EMPTY_VIEW;
	#whole: Buffer<ArrayBufferLike> = EMPTY_BUFFER;
	readonly #requests: (SeenHead | null)[] = new Array<SeenHead | null>(SLOTS).fill(null);
	readonly #responses: (SeenHead | null)[] = new Array<SeenHead | null>(SLOTS).fill(null);
	/** Of each slot the hash that was there last: only what comes a second time is worth a copy. */
	readonly #once = new Int32Array(SLOTS);

	/** Does `bytes` go on at `at` with exactly the bytes of `seen`? */
	repeats(seen: SeenHead, bytes: Uint8Array, at: number): boolean {
		if (bytes.length - at < seen.length) return false;
		this.#look(bytes);
		return equal(this.#view, bytes.byteOffset + at, seen.view, seen.length);
	}

	/** The head in `bytes` from `at` to `end`, its empty line included. */
	recall(bytes: Uint8Array, at: number, end: number, isResponse: boolean): SeenHead | { readonly why: string } {
		const length = end - at;
		const from = bytes.byteOffset + at;
		this.#look(bytes);
		const slots = isResponse ? this.#responses : this.#requests;
		// shorter than any head can be: `equal` and the hash read four bytes at a time
		const isKept = length <= MAX_REMEMBERED_BYTES && length >= 16;
		let slot = 0;
		let mark = 0;
		if (isKept) {
			mark = hash(this.#view, from, length);
			slot = (mark >>> 16) & (SLOTS - 1);
			const seen = slots[slot]!;
			if (seen !== null && seen.length === length && equal(this.#view, from, seen.view, length)) return seen;
		}
		const head = parseHead(this.#whole.toString("latin1", from, from + length), isResponse);
		if ("why" in head) return head;
		if (!isKept || this.#once[slot] !== mark) {
			this.#once[slot] = mark;
			return { head, length: Number.POSITIVE_INFINITY, view: EMPTY_VIEW };
		}
		const copy = new ArrayBuffer(length);
		new Uint8Array(copy).set(bytes.subarray(at, end));
		const seen = { head, length, view: new DataView(copy) };
		slots[slot] = seen;
		return seen;
	}

	/** Text of `bytes` from `at` to `end`, latin-1. */
	text(bytes: Uint8Array, at: number, end: number): string {
		this.#look(bytes);
		return this.#whole.toString("latin1", bytes.byteOffset + at, bytes.byteOffset + end);
	}

	#look(bytes: Uint8Array): void {
		const { buffer } = bytes;
		if (buffer === this.#buffer) return;
		this.#buffer = buffer;
		this.#view = new DataView(buffer);
		this.#whole = Buffer.from(buffer);
	}
}

const EMPTY_VIEW = new DataView(new ArrayBuffer(0));
const EMPTY_BUFFER = Buffer.alloc(0);

function equal(a: DataView<ArrayBufferLike>, from: number, b: DataView, length: number): boolean {
	const last = length - 4;
	if (a.getUint32(from + last) !== b.getUint32(last)) return false;
	for (let i = 0; i < last; i += 4) if (a.getUint32(from + i) !== b.getUint32(i)) return false;
	return true;
}

/** Four words spread over the head, and its length. */
function hash(view: DataView<ArrayBufferLike>, from: number, length: number): number {
	const quarter = length >> 2;
	let h = length;
	h = Math.imul(h ^ view.getUint32(from + 5), 0x9e3779b1);
	h = Math.imul((h >>> 15) ^ h ^ view.getUint32(from + quarter), 0x85ebca6b);
	h = Math.imul((h >>> 13) ^ h ^ view.getUint32(from + quarter * 2), 0xc2b2ae35);
	h = Math.imul((h >>> 15) ^ h ^ view.getUint32(from + length - 12), 0x9e3779b1);
	return h;
}
