import { BlockDecoder } from "./block-decoder.js";
import type { BlockMemory, KnownBlock } from "./block-memory.js";

const SLOTS = 32;
const MAX_BYTES = 512;

interface Seen {
	readonly bytes: Uint8Array;
	/** Of the table for which the bytes mean that; -1: any. */
	readonly version: number;
	readonly block: KnownBlock;
}

/**
 * Blocks of fields of one direction. The same bytes mean the same fields as long as nothing was inserted, and clients and
 * servers repeat themselves: comparing bytes costs a fraction of decoding them.
 */
export class BlockReader {
	readonly #decoder = new BlockDecoder();
	readonly #memory: BlockMemory;
	readonly #seen: (Seen | null)[] = new Array<Seen | null>(SLOTS).fill(null);

	constructor(memory: BlockMemory) {
		this.#memory = memory;
	}

	/** Null: it is no block, and no index means anything until new fields come. */
	read(bytes: Uint8Array, from: number, to: number): KnownBlock | null {
		const length = to - from;
		const slot = length > 0 ? slotOf(bytes, from, to) : 0;
		const seen = this.#seen[slot]!;
		if (seen !== null && isSame(seen.bytes, bytes, from, length)) {
			if (seen.version < 0 || seen.version === this.#decoder.table.version) return seen.block;
		}
		const decoded = this.#decoder.decode(bytes, from, to);
		if (decoded === null) {
			this.lose();
			return null;
		}
		const block = this.#memory.known(decoded);
		if (decoded.isRepeatable && length <= MAX_BYTES)
			this.#seen[slot] = {
				// the bytes of a slot are mostly the same when its version is not
				bytes: seen !== null && isSame(seen.bytes, bytes, from, length) ? seen.bytes : copyOf(bytes, from, to),
				version: decoded.isFixed ? -1 : this.#decoder.table.version,
				block,
			};
		return block;
	}

	/** Insertions were missed. */
	lose(): void {
		this.#decoder.table.lose();
	}
}

function slotOf(bytes: Uint8Array, from: number, to: number): number {
	const length = to - from;
	let hash = length * 31;
	hash = Math.imul(hash ^ bytes[from + (length >> 1)]!, 0x9e37);
	hash = Math.imul(hash ^ bytes[to - 1]!, 0x9e37);
	hash = Math.imul(hash ^ bytes[from + (length >> 2)]!, 0x9e37);
	return (hash >>> 11) & (SLOTS - 1);
}

function isSame(seen: Uint8Array, bytes: Uint8Array, from: number, length: number): boolean {
	if (seen.length !== length) return false;
	for (let i = 0; i < length; i++) if (seen[i] !== bytes[from + i]) return false;
	return true;
}

function copyOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
	return Uint8Array.prototype.slice.call(bytes, from, to);
}
