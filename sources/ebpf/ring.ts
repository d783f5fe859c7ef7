import { PolytapError } from "../../core/index.js";
import { libc, type Pointer, view } from "./libbpf.js";

const PAGE = 4096;
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const BUSY = 0x8000_0000;
const DISCARDED = 0x4000_0000;
const RECORD_HEADER = 8;

/** x86 keeps reads in their order. Elsewhere the content could be read before the header that says that it is there. */
const READS_IN_ORDER = process.arch === "x64";

/** Memory that holds records, in the widths in which they are read. */
export interface RecordMemory {
	readonly memory: ArrayBuffer;
	readonly words: Uint32Array;
	readonly halves: Uint16Array;
	readonly bytes: Uint8Array;
}

/**
 * The consumer's end of a BPF ring buffer. The data pages are mapped twice in a row, so a record is never in two pieces; they
 * are read-only for us: a write is a segmentation fault.
 */
export class Ring implements RecordMemory {
	/** All records lie in this buffer, at positions that `next` returns. */
	readonly memory: ArrayBuffer;
	readonly words: Uint32Array;
	readonly halves: Uint16Array;
	readonly bytes: Uint8Array;
	readonly size: number;
	/** Where the next record begins, counted since the ring was made. */
	position: number;
	/** Producer's position as far as this reader knows it. */
	limit = 0;
	#released = -1;
	readonly #consumer: BigUint64Array;
	readonly #producer: BigUint64Array;
	readonly #mappings: readonly [Pointer, number][];

	constructor(fd: number, size: number) {
		this.size = size;
		const system = libc();
		const map = (length: number, protection: number, offset: number): Pointer => {
			const pointer = system.mmap(null, length, protection, MAP_SHARED, fd, offset);
			if (pointer === null) throw new PolytapError("BPF_LOAD_FAILED", "a ring buffer could not be mapped");
			return pointer;
		};
		const consumer = map(PAGE, PROT_READ | PROT_WRITE, 0);
		const data = map(PAGE + 2 * size, PROT_READ, PAGE);
		this.#mappings = [
			[consumer, PAGE],
			[data, PAGE + 2 * size],
		];
		this.#consumer = new BigUint64Array(view(consumer, PAGE));
		this.memory = view(data, PAGE + 2 * size);
		this.#producer = new BigUint64Array(this.memory, 0, 1);
		this.words = new Uint32Array(this.memory);
		this.halves = new Uint16Array(this.memory);
		this.bytes = new Uint8Array(this.memory);
		this.position = this.consumed;
	}

	get consumed(): number {
		return Number(Atomics.load(this.#consumer, 0));
	}

	/** Bytes that are not given back to the kernel yet. */
	get used(): number {
		return Number(Atomics.load(this.#producer, 0)) - this.consumed;
	}

	/** Looks how far the kernel has come. */
	refresh(): void {
		this.limit = Number(Atomics.load(this.#producer, 0));
	}

	/**
	 * Byte index in `memory` of the next record's content, or -1: there is none, or it is still being written. Moves on; what
	 * was returned stays valid until `release`.
	 */
	next(): number {
		while (this.position < this.limit) {
			const at = PAGE + (this.position & (this.size - 1));
			const header = READS_IN_ORDER ? this.words[at >>> 2]! : Atomics.load(this.words, at >>> 2);
			if ((header & BUSY) !== 0) return -1;
			this.position += ((header & 0x3fff_ffff) + RECORD_HEADER + 7) & ~7;
			if ((header & DISCARDED) === 0) return at + RECORD_HEADER;
		}
		return -1;
	}

	/** Goes back to before the record that `next` returned last. */
	putBack(before: number): void {
		this.position = before;
	}

	/** Gives everything before `position` back to the kernel. One 64-bit store: two halves would tear every 4 GiB. */
	release(): void {
		if (this.position === this.#released) return;
		this.#released = this.position;
		Atomics.store(this.#consumer, 0, BigInt(this.position));
	}

	unmap(): void {
		for (const [pointer, length] of this.#mappings) libc().munmap(pointer, length);
	}
}
