import type { Exchange } from "../../exchange.js";
import { leastJsonBytes, writeJson } from "../../wire/json.js";
import {
	ENCODING_JSON,
	HEADER_BYTES,
	isIntact,
	LENGTH_BYTES,
	putBlockHeader,
	readBlockHeader,
	recordsOf,
} from "./format.js";

/** A block is closed when it is about this long. */
export const BLOCK_BYTES = 1 << 18;

export interface Spooled {
	readonly sequence: number;
	readonly exchange: Exchange;
}

/** A block while records are put into it, and until it is on the disk. */
export class Block {
	readonly first: number;
	records = 0;
	/** Header included. */
	length = HEADER_BYTES;
	private memory: Buffer;

	constructor(first: number, memory: Buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES)) {
		this.first = first;
		this.memory = memory;
	}

	/** One more than the sequence of its last record. */
	get end(): number {
		return this.first + this.records;
	}

	get isFull(): boolean {
		return this.length >= BLOCK_BYTES - (BLOCK_BYTES >> 3);
	}

	/** False: the record alone is longer than `maxBytes`, or cannot be written as JSON at all. */
	append(exchange: Exchange, maxBytes: number): boolean {
		const from = this.length + LENGTH_BYTES;
		const least = leastJsonBytes(exchange);
		if (least > maxBytes) return false;
		for (;;) {
			const end = least > this.memory.length - from ? -1 : written(exchange, this.memory, from);
			if (end === null) return false;
			if (end >= 0) {
				// without the newline at its end
				const bytes = end - 1 - from;
				if (bytes > maxBytes) return false;
				this.memory.writeUInt32LE(bytes, this.length);
				this.length = end - 1;
				this.records++;
				return true;
			}
			if (this.memory.length - from > 2 * maxBytes) return false;
			const larger = Buffer.allocUnsafeSlow(Math.max(this.memory.length * 2, from + least));
			this.memory.copy(larger, 0, 0, this.length);
			this.memory = larger;
		}
	}

	/** As it goes to the disk. Nothing may be appended later. */
	seal(): Buffer {
		putBlockHeader(this.memory, this.length - HEADER_BYTES, this.records, this.first);
		return this.memory.subarray(0, this.length);
	}

	/** For another block, where it is not larger than one should be. */
	get reusable(): Buffer | null {
		return this.memory.length === BLOCK_BYTES ? this.memory : null;
	}
}

/** Null: it cannot be written. -1: it does not fit. */
function written(exchange: Exchange, memory: Buffer, at: number): number | null {
	try {
		return writeJson(exchange, memory, at);
	} catch {
		return null;
	}
}

/** The exchanges of a whole block that `wants` names; null where it is damaged or written in a way that is not known here. */
export function exchangesOf(block: Buffer, wants: (sequence: number) => boolean): Spooled[] | null {
	const head = readBlockHeader(block);
	const payload = block.subarray(HEADER_BYTES);
	if (head === null || head.encoding !== ENCODING_JSON || !isIntact(head, payload)) return null;
	const records = recordsOf(head, payload);
	if (records === null) return null;
	const out: Spooled[] = [];
	try {
		for (const [index, record] of records.entries()) {
			const sequence = head.first + index;
			if (wants(sequence)) out.push({ sequence, exchange: JSON.parse(record.toString("utf8")) as Exchange });
		}
	} catch {
		return null;
	}
	return out;
}
