/**
 * DEFLATE (RFC 1951) undone as its bytes come, with a window that may live from one message to the next (RFC 7692). What
 * Node.js has does this with callbacks, or of whole messages only.
 */
import {
	buildTable,
	type CodeTable,
	DISTANCE_BASE,
	DISTANCE_EXTRA,
	type InflateMemory,
	LENGTH_BASE,
	LENGTH_EXTRA,
} from "./inflate-memory.js";

/** Takes what was decoded; the bytes are valid during the call. `index`: where the input stood. False: no more of it. */
export type InflateSink = (bytes: Uint8Array, from: number, to: number, index: number) => boolean;

/** `more`: the input is used up. `ended`: the last block is over. `failed`: it is not DEFLATE, or there was no memory. */
export type Inflated = "more" | "ended" | "failed" | "stopped";

const State = { block: 0, stored: 1, codes: 2, ended: 3, failed: 4, stopped: 5 } as const;
type State = (typeof State)[keyof typeof State];

const LONGEST_MATCH = 258;
const LEAST_BUFFER = 1024;
/** Input that one symbol and its extra bits may take, and what the bits already read may be short of. */
const FAST_INPUT = 10;
const END_OF_BLOCK = 256;
/** In which order the lengths of the code of lengths come. */
const LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/** What a sender of RFC 7692 takes away from the end of each message. */
const TAIL = Uint8Array.from([0, 0, 0xff, 0xff]);
const SHORT = -1;
const BAD = -2;

export interface InflaterOptions {
	/** 8 to 15: the window is two to that power. */
	readonly windowBits?: number;
	/** A block that says it is the last one is followed by others (RFC 7692, section 7.2.3.4). */
	readonly continues?: boolean;
}

export class Inflater {
	readonly #memory: InflateMemory;
	readonly #windowBytes: number;
	readonly #maxBuffer: number;
	readonly #continues: boolean;
	/** The window, and what was decoded after it; everything before `#pos` is there. */
	#buffer: Uint8Array = NOTHING;
	#pos = 0;
	/** Up to here the sink has it. */
	#told = 0;
	#state: State = State.block;
	#isLast = false;
	#storedLeft = 0;
	#isFixed = true;
	/** Code lengths of the block, so that the tables can be made anew when somebody else used their memory. */
	#lengths: Uint8Array | null = null;
	#literalCount = 0;
	#distanceCount = 0;
	// the input: bits that were read and not used, bytes that were not enough for what they begin
	#bits = 0;
	#count = 0;
	#carry: Uint8Array = NOTHING;
	#input: Uint8Array = NOTHING;
	#at = 0;
	#end = 0;
	/** From positions in the input to the caller's indexes, and which of them may be told. */
	#shift = 0;
	#firstIndex = 0;
	#lastIndex = 0;
	#sink: InflateSink = () => true;

	constructor(memory: InflateMemory, { windowBits = 15, continues = false }: InflaterOptions = {}) {
		this.#memory = memory;
		this.#windowBytes = 1 << windowBits;
		this.#maxBuffer = Math.max(2 * this.#windowBytes, 2 * LEAST_BUFFER);
		this.#continues = continues;
	}

	/**
	 * Input bytes `from` to `to`; `index` is what the sink shall be told for the first. The sink is called at the end of each
	 * block, and when the buffer is full: at places that do not depend on how the input is cut.
	 */
	write(bytes: Uint8Array, from: number, to: number, sink: InflateSink, index = from): Inflated {
		this.#sink = sink;
		this.#firstIndex = index;
		this.#lastIndex = bytes === TAIL ? index : index + to - from;
		const carried = this.#carry.length;
		if (carried === 0) {
			this.#input = bytes;
			this.#at = from;
			this.#end = to;
			this.#shift = index - from;
		} else {
			const input = new Uint8Array(carried + to - from);
			input.set(this.#carry, 0);
			input.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), carried);
			this.#carry = NOTHING;
			this.#input = input;
			this.#at = 0;
			this.#end = input.length;
			this.#shift = index - carried;
		}
		this.#run();
		this.#putBack();
		this.#input = NOTHING;
		return NAMES[this.#state];
	}

	/** Gives the sink what it does not have yet; what the sink says. */
	flush(sink: InflateSink, index: number): boolean {
		this.#sink = sink;
		return this.#tell(index);
	}

	/** A message of RFC 7692 is over. False: its bytes did not end where they may. */
	endMessage(sink: InflateSink, index: number): boolean {
		this.write(TAIL, 0, TAIL.length, sink, index);
		this.#tell(index);
		return this.#state === State.block && this.#count === 0 && this.#carry.length === 0;
	}

	/** Bytes of the last `write` that lie behind the end of the last block. */
	get unused(): number {
		return this.#carry.length;
	}

	/** Begins anew, with an empty window. */
	reset(): void {
		this.#pos = 0;
		this.#told = 0;
		this.#state = State.block;
		this.#bits = 0;
		this.#count = 0;
		this.#carry = NOTHING;
	}

	/** Gives its memory back; it may begin anew afterwards. */
	release(): void {
		this.reset();
		this.#memory.release(this.#buffer.length);
		this.#buffer = NOTHING;
		this.#lengths = null;
		if (this.#memory.owner === this) this.#memory.owner = null;
	}

	// ------------------------------------------------------------------------------------------------------ inside

	#run(): void {
		for (;;) {
			switch (this.#state) {
				case State.block:
					if (!this.#blockHead()) return;
					break;
				case State.stored:
					if (!this.#copyStored()) return;
					break;
				case State.codes:
					if (!this.#codes()) return;
					break;
				default:
					return;
			}
		}
	}

	#blockHead(): boolean {
		const start = this.#at;
		const startBits = this.#bits;
		const startCount = this.#count;
		const verdict = this.#readHead();
		if (verdict === BAD) this.#state = State.failed;
		if (verdict >= 0) return true;
		if (verdict === SHORT) {
			this.#at = start;
			this.#bits = startBits;
			this.#count = startCount;
		}
		return false;
	}

	#readHead(): number {
		if (!this.#need(3)) return SHORT;
		const isLast = this.#take(1) === 1;
		const type = this.#take(2);
		if (type === 0) {
			this.#take(this.#count & 7);
			if (!this.#need(16)) return SHORT;
			const length = this.#take(16);
			if (!this.#need(16)) return SHORT;
			if ((this.#take(16) ^ 0xffff) !== length) return BAD;
			this.#storedLeft = length;
			this.#state = State.stored;
		} else if (type === 1) {
			this.#isFixed = true;
			this.#state = State.codes;
		} else {
			const verdict = type === 2 ? this.#readCodes() : BAD;
			if (verdict < 0) return verdict;
			this.#isFixed = false;
			this.#state = State.codes;
		}
		this.#isLast = isLast;
		return 1;
	}

	#readCodes(): number {
		if (!this.#need(14)) return SHORT;
		const literals = this.#take(5) + 257;
		const distances = this.#take(5) + 1;
		const count = this.#take(4) + 4;
		if (literals > 286 || distances > 30) return BAD;
		const lengths = (this.#lengths ??= new Uint8Array(320));
		lengths.fill(0, 0, 19);
		for (let i = 0; i < count; i++) {
			if (!this.#need(3)) return SHORT;
			lengths[LENGTH_ORDER[i]!] = this.#take(3);
		}
		const { lengthCode, literals: literalTable, distances: distanceTable } = this.#memory;
		if (!buildTable(lengthCode, lengths, 0, 19, false)) return BAD;
		const total = literals + distances;
		for (let i = 0; i < total; ) {
			const symbol = this.#symbol(lengthCode);
			if (symbol < 0) return symbol;
			if (symbol < 16) {
				lengths[i++] = symbol;
				continue;
			}
			const extra = symbol === 16 ? 2 : symbol === 17 ? 3 : 7;
			if (!this.#need(extra)) return SHORT;
			const times = this.#take(extra) + (symbol === 18 ? 11 : 3);
			if (i + times > total || (symbol === 16 && i === 0)) return BAD;
			lengths.fill(symbol === 16 ? lengths[i - 1]! : 0, i, i + times);
			i += times;
		}
		if (lengths[END_OF_BLOCK] === 0) return BAD;
		this.#literalCount = literals;
		this.#distanceCount = distances;
		this.#memory.owner = null;
		if (!buildTable(literalTable, lengths, 0, literals, true)) return BAD;
		if (!buildTable(distanceTable, lengths, literals, total, true)) return BAD;
		this.#memory.owner = this;
		return 1;
	}

	#copyStored(): boolean {
		// whole bytes that were read as bits
		this.#at -= this.#count >> 3;
		this.#bits = 0;
		this.#count = 0;
		while (this.#storedLeft > 0) {
			if (this.#at >= this.#end) return false;
			if (this.#pos >= this.#buffer.length && !this.#makeRoom()) return false;
			const room = this.#buffer.length - this.#pos;
			const length = Math.min(this.#storedLeft, this.#end - this.#at, room);
			this.#buffer.set(this.#input.subarray(this.#at, this.#at + length), this.#pos);
			this.#pos += length;
			this.#at += length;
			this.#storedLeft -= length;
		}
		return this.#endBlock();
	}

	#endBlock(): boolean {
		this.#state = State.block;
		if (this.#isLast) {
			this.#take(this.#count & 7);
			if (!this.#continues) this.#state = State.ended;
		}
		return this.#tell(this.#index()) && this.#state === State.block;
	}

	/** Symbols of a block. True: the block is over. */
	#codes(): boolean {
		const memory = this.#memory;
		if (!this.#isFixed && memory.owner !== this) {
			const lengths = this.#lengths;
			if (lengths === null) return false;
			buildTable(memory.literals, lengths, 0, this.#literalCount, true);
			buildTable(memory.distances, lengths, this.#literalCount, this.#literalCount + this.#distanceCount, true);
			memory.owner = this;
		}
		const literals = this.#isFixed ? memory.fixedLiterals : memory.literals;
		const distances = this.#isFixed ? memory.fixedDistances : memory.distances;
		for (;;) {
			if (this.#pos + LONGEST_MATCH > this.#buffer.length && !this.#makeRoom()) return false;
			if (this.#end - this.#at >= FAST_INPUT) {
				const verdict = this.#fast(literals, distances);
				if (verdict === BAD) this.#state = State.failed;
				if (verdict === BAD) return false;
				if (verdict === END_OF_BLOCK) return this.#endBlock();
				continue;
			}
			const start = this.#at;
			const startBits = this.#bits;
			const startCount = this.#count;
			const verdict = this.#slow(literals, distances);
			if (verdict === BAD) this.#state = State.failed;
			if (verdict === SHORT) {
				this.#at = start;
				this.#bits = startBits;
				this.#count = startCount;
			}
			if (verdict < 0) return false;
			if (verdict === END_OF_BLOCK) return this.#endBlock();
		}
	}

	/** While there is room, and input enough for whatever comes next. */
	#fast(literals: CodeTable, distances: CodeTable): number {
		const input = this.#input;
		const buffer = this.#buffer;
		const lastInput = this.#end - FAST_INPUT;
		const lastPos = buffer.length - LONGEST_MATCH;
		const literalEntries = literals.entries;
		const distanceEntries = distances.entries;
		const literalMask = (1 << literals.bits) - 1;
		const distanceMask = (1 << distances.bits) - 1;
		const windowBytes = this.#windowBytes;
		let at = this.#at;
		let bits = this.#bits;
		let count = this.#count;
		let pos = this.#pos;
		let verdict = 0;
		while (at <= lastInput && pos <= lastPos) {
			while (count <= 24) {
				bits |= input[at++]! << count;
				count += 8;
			}
			let entry = literalEntries[bits & literalMask]!;
			bits >>>= entry & 15;
			count -= entry & 15;
			let symbol = entry >>> 4;
			if (symbol < 256) {
				if (entry === 0) {
					verdict = BAD;
					break;
				}
				buffer[pos++] = symbol;
				// often another one follows, and there is enough left of the bits
				entry = literalEntries[bits & literalMask]!;
				if (entry === 0 || entry >>> 4 > 255 || (entry & 15) > count || pos > lastPos) continue;
				bits >>>= entry & 15;
				count -= entry & 15;
				buffer[pos++] = entry >>> 4;
				continue;
			}
			if (symbol === END_OF_BLOCK) {
				verdict = END_OF_BLOCK;
				break;
			}
			symbol -= 257;
			if (symbol > 28) {
				verdict = BAD;
				break;
			}
			let extra = LENGTH_EXTRA[symbol]!;
			const length = LENGTH_BASE[symbol]! + (bits & ((1 << extra) - 1));
			bits >>>= extra;
			count -= extra;
			while (count <= 24) {
				bits |= input[at++]! << count;
				count += 8;
			}
			entry = distanceEntries[bits & distanceMask]!;
			bits >>>= entry & 15;
			count -= entry & 15;
			symbol = entry >>> 4;
			if (entry === 0 || symbol > 29) {
				verdict = BAD;
				break;
			}
			extra = DISTANCE_EXTRA[symbol]!;
			while (count < extra) {
				bits |= input[at++]! << count;
				count += 8;
			}
			const distance = DISTANCE_BASE[symbol]! + (bits & ((1 << extra) - 1));
			bits >>>= extra;
			count -= extra;
			if (distance > pos || distance > windowBytes) {
				verdict = BAD;
				break;
			}
			copy(buffer, pos, distance, length);
			pos += length;
		}
		this.#at = at;
		this.#bits = bits;
		this.#count = count;
		this.#pos = pos;
		return verdict;
	}

	/** One symbol, near the end of the input. */
	#slow(literals: CodeTable, distances: CodeTable): number {
		let symbol = this.#symbol(literals);
		if (symbol < 0 || symbol === END_OF_BLOCK) return symbol;
		if (symbol < 256) {
			this.#buffer[this.#pos++] = symbol;
			return 1;
		}
		symbol -= 257;
		if (symbol > 28) return BAD;
		let extra = LENGTH_EXTRA[symbol]!;
		if (!this.#need(extra)) return SHORT;
		const length = LENGTH_BASE[symbol]! + this.#take(extra);
		symbol = this.#symbol(distances);
		if (symbol < 0) return symbol;
		if (symbol > 29) return BAD;
		extra = DISTANCE_EXTRA[symbol]!;
		if (!this.#need(extra)) return SHORT;
		const distance = DISTANCE_BASE[symbol]! + this.#take(extra);
		if (distance > this.#pos || distance > this.#windowBytes) return BAD;
		copy(this.#buffer, this.#pos, distance, length);
		this.#pos += length;
		return 1;
	}

	#symbol({ entries, bits }: CodeTable): number {
		while (this.#count < bits && this.#at < this.#end) this.#need(this.#count + 8);
		const entry = entries[this.#bits & ((1 << bits) - 1)]!;
		const length = entry & 15;
		if (length === 0) return this.#count < bits ? SHORT : BAD;
		if (length > this.#count) return SHORT;
		this.#take(length);
		return entry >>> 4;
	}

	#need(count: number): boolean {
		while (this.#count < count) {
			if (this.#at >= this.#end) return false;
			this.#bits |= this.#input[this.#at++]! << this.#count;
			this.#count += 8;
		}
		return true;
	}

	#take(count: number): number {
		const value = this.#bits & ((1 << count) - 1);
		this.#bits >>>= count;
		this.#count -= count;
		return value;
	}

	/** Bytes of which no bit was used are input again. */
	#putBack(): void {
		this.#at -= this.#count >> 3;
		this.#count &= 7;
		this.#bits &= (1 << this.#count) - 1;
		this.#carry = this.#at < this.#end ? this.#input.slice(this.#at, this.#end) : NOTHING;
	}

	#index(): number {
		const index = this.#at - (this.#count >> 3) + this.#shift;
		return Math.min(Math.max(this.#firstIndex, index), this.#lastIndex);
	}

	#tell(index: number): boolean {
		const [from, to] = [this.#told, this.#pos];
		this.#told = to;
		if (from === to || this.#sink(this.#buffer, from, to, index)) return true;
		this.#state = State.stopped;
		return false;
	}

	/** A larger buffer, up to twice the window; after that the window moves to its front. */
	#makeRoom(): boolean {
		const { length } = this.#buffer;
		if (length < this.#maxBuffer) {
			const larger = Math.min(this.#maxBuffer, Math.max(LEAST_BUFFER, length * 2));
			if (!this.#memory.reserve(larger - length)) {
				this.#state = State.failed;
				return false;
			}
			const buffer = new Uint8Array(larger);
			buffer.set(this.#buffer, 0);
			this.#buffer = buffer;
			return true;
		}
		if (!this.#tell(this.#index())) return false;
		const kept = Math.min(this.#pos, this.#windowBytes);
		this.#buffer.copyWithin(0, this.#pos - kept, this.#pos);
		this.#pos = kept;
		this.#told = kept;
		return true;
	}
}

/** `length` bytes of the window again; they may overlap what they become. */
function copy(buffer: Uint8Array, pos: number, distance: number, length: number): void {
	if (distance === 1) buffer.fill(buffer[pos - 1]!, pos, pos + length);
	else if (distance >= length && length > 32) buffer.copyWithin(pos, pos - distance, pos - distance + length);
	else for (let i = 0; i < length; i++) buffer[pos + i] = buffer[pos - distance + i]!;
}

const NAMES = ["more", "more", "more", "ended", "failed", "stopped"] as const;
const NOTHING = new Uint8Array(0);
