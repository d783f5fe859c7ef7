import { type Inflated, type InflateMemory, Inflater, type InflateSink } from "../../core/index.js";

const MAX_HEAD = 65_536;
const Flag = { checksum: 2, extra: 4, name: 8, comment: 16 } as const;

/** A content coding that is undone as its bytes come: `gzip` (RFC 1952), or `deflate` with and without zlib's two bytes. */
export class Coding {
	readonly #isGzip: boolean;
	readonly #inflater: Inflater;
	/** What was seen of the head; null: it is over. */
	#head: Uint8Array | null = new Uint8Array(0);
	#isOver = false;

	/** Null: another coding. */
	static of(name: string, memory: InflateMemory): Coding | null {
		if (name === "gzip" || name === "x-gzip") return new Coding(true, memory);
		return name === "deflate" ? new Coding(false, memory) : null;
	}

	private constructor(isGzip: boolean, memory: InflateMemory) {
		this.#isGzip = isGzip;
		this.#inflater = new Inflater(memory);
	}

	/** False: these bytes are not in that coding. What follows its end is left out. */
	write(bytes: Uint8Array, from: number, to: number, sink: InflateSink): boolean {
		if (this.#isOver) return true;
		let result: Inflated;
		if (this.#head === null) result = this.#inflater.write(bytes, from, to, sink);
		else {
			const before = this.#head.length;
			const head = new Uint8Array(before + to - from);
			head.set(this.#head, 0);
			head.set(bytes.subarray(from, to), before);
			const length = this.#isGzip ? gzipHead(head) : zlibHead(head);
			if (length < 0) return false;
			if (length === 0) {
				this.#head = head;
				return head.length <= MAX_HEAD;
			}
			this.#head = null;
			const start = length - 1;
			result = this.#inflater.write(head, start, head.length, sink, from + Math.max(0, start - before));
		}
		if (result === "ended") this.close();
		return result === "more" || result === "ended";
	}

	/** Gives its memory back. */
	close(): void {
		this.#isOver = true;
		this.#inflater.release();
	}
}

/** Bytes before the first block, plus one; 0: more would tell; below 0: none. */
function zlibHead(bytes: Uint8Array): number {
	if (bytes.length < 2) return 0;
	const isZlib = (bytes[0]! & 0x0f) === 8 && ((bytes[0]! << 8) | bytes[1]!) % 31 === 0;
	return isZlib ? 3 : 1;
}

function gzipHead(bytes: Uint8Array): number {
	const { length } = bytes;
	if ((length > 0 && bytes[0] !== 0x1f) || (length > 1 && bytes[1] !== 0x8b) || (length > 2 && bytes[2] !== 8))
		return -1;
	if (length < 10) return 0;
	const flags = bytes[3]!;
	let at = 10;
	if ((flags & Flag.extra) !== 0) {
		if (length < at + 2) return 0;
		at += 2 + (bytes[at]! | (bytes[at + 1]! << 8));
	}
	for (const flag of [Flag.name, Flag.comment]) {
		if ((flags & flag) === 0) continue;
		const zero = at < length ? bytes.indexOf(0, at) : -1;
		if (zero < 0) return 0;
		at = zero + 1;
	}
	if ((flags & Flag.checksum) !== 0) at += 2;
	return at <= length ? at + 1 : 0;
}
