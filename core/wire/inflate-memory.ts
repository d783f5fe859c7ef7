import type { Inflater } from "./inflater.js";

/** Symbols of lengths and distances (RFC 1951, section 3.2.5): their base, and how many bits are added to it. */
export const LENGTH_BASE = Uint16Array.from([
	3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
]);
export const LENGTH_EXTRA = Uint8Array.from([
	0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
]);
export const DISTANCE_BASE = Uint16Array.from([
	1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
	8193, 12289, 16385, 24577,
]);
export const DISTANCE_EXTRA = Uint8Array.from([
	0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
]);

const MAX_BITS = 15;

/** A code ready for use: by the next `bits` bits of the input, the symbol times 16 plus its length; 0: there is none. */
export interface CodeTable {
	readonly entries: Uint16Array;
	bits: number;
}

/**
 * What the inflaters of one engine share: the tables of the block that one of them is in, and how much memory all their
 * windows may take together.
 */
export class InflateMemory {
	readonly literals: CodeTable = { entries: new Uint16Array(1 << MAX_BITS), bits: 0 };
	readonly distances: CodeTable = { entries: new Uint16Array(1 << MAX_BITS), bits: 0 };
	readonly fixedLiterals: CodeTable = { entries: new Uint16Array(1 << 9), bits: 0 };
	readonly fixedDistances: CodeTable = { entries: new Uint16Array(1 << 5), bits: 0 };
	readonly lengthCode: CodeTable = { entries: new Uint16Array(1 << 7), bits: 0 };
	/** Whose block the tables are those of. */
	owner: Inflater | null = null;
	heldBytes = 0;
	readonly maxHeldBytes: number;

	constructor(maxHeldBytes = 256 << 20) {
		this.maxHeldBytes = maxHeldBytes;
		const lengths = Uint8Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8));
		buildTable(this.fixedLiterals, lengths, 0, 288, false);
		buildTable(this.fixedDistances, new Uint8Array(32).fill(5), 0, 32, false);
	}

	reserve(bytes: number): boolean {
		if (this.heldBytes + bytes > this.maxHeldBytes) return false;
		this.heldBytes += bytes;
		return true;
	}

	release(bytes: number): void {
		this.heldBytes -= bytes;
	}
}

const counts = new Uint16Array(MAX_BITS + 1);
const nextCode = new Uint16Array(MAX_BITS + 2);

/**
 * A canonical code from the lengths of its symbols. False where they make none: too many, or too few, though a single
 * symbol, or none at all where `mayBeSparse`, is one.
 */
export function buildTable(
	table: CodeTable,
	lengths: Uint8Array,
	from: number,
	to: number,
	mayBeSparse: boolean,
): boolean {
	counts.fill(0);
	let most = 0;
	let used = 0;
	for (let i = from; i < to; i++) {
		const length = lengths[i]!;
		if (length === 0) continue;
		counts[length]!++;
		used++;
		if (length > most) most = length;
	}
	let code = 0;
	let left = 1;
	for (let length = 1; length <= MAX_BITS; length++) {
		code = (code + counts[length - 1]!) << 1;
		nextCode[length] = code;
		left = (left << 1) - counts[length]!;
		if (left < 0) return false;
	}
	if (left > 0 && !(mayBeSparse && used <= 1 && most <= 1)) return false;
	const bits = Math.max(1, most);
	const size = 1 << bits;
	const { entries } = table;
	table.bits = bits;
	if (left > 0) entries.fill(0, 0, size);
	for (let i = from; i < to; i++) {
		const length = lengths[i]!;
		if (length === 0) continue;
		const entry = ((i - from) << 4) | length;
		const step = 1 << length;
		for (let at = reversed(nextCode[length]!++, length); at < size; at += step) entries[at] = entry;
	}
	return true;
}

/** Codes come with their highest bit first, all else with its lowest. */
function reversed(code: number, length: number): number {
	let result = 0;
	for (let i = 0; i < length; i++) {
		result = (result << 1) | (code & 1);
		code >>>= 1;
	}
	return result;
}
