import { type Fields, parseFields } from "./fields.js";
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

/** The field lines of a head and the bytes that they were parsed from. */
interface SeenFields {
	readonly fields: Fields;
	readonly length: number;
	readonly view: DataView;
}

/**
 * Heads that were seen before, of one engine: clients and servers repeat themselves, and comparing bytes costs a tenth of
 * parsing them. Where only the start line differs, the fields at least are known. One slot for each hash, newest wins, so at
 * most 4 MiB of bytes are kept for each of heads and fields in each direction.
 */
export class HeadMemory {
	/** The memory that `look` was last pointed at; a source's ring stays the same from call to call. */
	#buffer: ArrayBufferLike | null = null;
	#view: DataView<ArrayBufferLike> = EMPTY_VIEW;
	#whole: Buffer<ArrayBufferLike> = EMPTY_BUFFER;
	readonly #requests = new Slots<SeenHead>();
	readonly #responses = new Slots<SeenHead>();
	readonly #fields = new Slots<SeenFields>();
	readonly #takesContent: (mediaType: string) => boolean;

	constructor(takesContent: (mediaType: string) => boolean) {
		this.#takesContent = takesContent;
	}

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
		const isKept = isWorthKeeping(length);
		if (isKept) {
			const seen = slots.find(this.#view, from, length);
			if (seen !== null) return seen;
		}
		let newline = at;
		while (bytes[newline] !== LF) newline++;
		const fields = this.#recallFields(bytes, newline + 1, end);
		if (fields === null) return { why: "too-many-headers" };
		const startLine = this.#whole.toString("latin1", from, from + newline - at);
		const head = parseHead(startLine, fields, isResponse, this.#takesContent);
		if ("why" in head) return head;
		if (!isKept || !slots.comesAgain(this.#view, from, length))
			return { head, length: Number.POSITIVE_INFINITY, view: EMPTY_VIEW };
		const seen = { head, length, view: copyOf(bytes, at, end) };
		slots.keep(seen);
		return seen;
	}

	#recallFields(bytes: Uint8Array, at: number, end: number): Fields | null {
		const length = end - at;
		const from = bytes.byteOffset + at;
		const isKept = isWorthKeeping(length);
		if (isKept) {
			const seen = this.#fields.find(this.#view, from, length);
			if (seen !== null) return seen.fields;
		}
		const fields = parseFields(this.#whole.toString("latin1", from, from + length), 0);
		if (fields !== null && isKept && this.#fields.comesAgain(this.#view, from, length))
			this.#fields.keep({ fields, length, view: copyOf(bytes, at, end) });
		return fields;
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

/** What was seen before, by a hash of its bytes. */
class Slots<T extends { readonly length: number; readonly view: DataView }> {
	readonly #kept: (T | null)[] = new Array<T | null>(SLOTS).fill(null);
	/** Of each slot a hash of all the bytes that were there last: only what comes a second time is worth a copy. */
	readonly #once = new Int32Array(SLOTS);
	#slot = 0;

	/** What has exactly these bytes, or null. */
	find(view: DataView<ArrayBufferLike>, from: number, length: number): T | null {
		this.#slot = (quickHash(view, from, length) >>> 16) & (SLOTS - 1);
		const seen = this.#kept[this.#slot]!;
		return seen !== null && seen.length === length && equal(view, from, seen.view, length) ? seen : null;
	}

	/** Were the bytes that `find` just did not find there before? */
	comesAgain(view: DataView<ArrayBufferLike>, from: number, length: number): boolean {
		const mark = wholeHash(view, from, length);
		if (this.#once[this.#slot] === mark) return true;
		this.#once[this.#slot] = mark;
		return false;
	}

	/** Keeps what `find` last looked for. */
	keep(seen: T): void {
		this.#kept[this.#slot] = seen;
	}
}

/** Not shorter than any head can be: `equal` and the hash read four bytes at a time. */
function isWorthKeeping(length: number): boolean {
	return length <= MAX_REMEMBERED_BYTES && length >= 16;
}

function copyOf(bytes: Uint8Array, at: number, end: number): DataView {
	const copy = new ArrayBuffer(end - at);
	new Uint8Array(copy).set(bytes.subarray(at, end));
	return new DataView(copy);
}

const LF = 10;
const EMPTY_VIEW = new DataView(new ArrayBuffer(0));
const EMPTY_BUFFER = Buffer.alloc(0);

function equal(a: DataView<ArrayBufferLike>, from: number, b: DataView, length: number): boolean {
	const last = length - 4;
	if (a.getUint32(from + last) !== b.getUint32(last)) return false;
	for (let i = 0; i < last; i += 4) if (a.getUint32(from + i) !== b.getUint32(i)) return false;
	return true;
}

/** All bytes. */
function wholeHash(view: DataView<ArrayBufferLike>, from: number, length: number): number {
	let h = length;
	const last = length - 4;
	for (let i = 0; i < last; i += 4) h = Math.imul((h >>> 15) ^ h ^ view.getUint32(from + i), 0x9e3779b1);
	return Math.imul((h >>> 15) ^ h ^ view.getUint32(from + last), 0x85ebca6b);
}

/** Four words spread over the bytes, and their number. */
function quickHash(view: DataView<ArrayBufferLike>, from: number, length: number): number {
	const quarter = length >> 2;
	let h = length;
	h = Math.imul(h ^ view.getUint32(from + 5), 0x9e3779b1);
	h = Math.imul((h >>> 15) ^ h ^ view.getUint32(from + quarter), 0x85ebca6b);
	h = Math.imul((h >>> 13) ^ h ^ view.getUint32(from + quarter * 2), 0xc2b2ae35);
	h = Math.imul((h >>> 15) ^ h ^ view.getUint32(from + length - 12), 0x9e3779b1);
	return h;
}
