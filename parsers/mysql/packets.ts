/**
 * Packets: three bytes of length, one of sequence, payload. A payload of exactly 16 MiB - 1 goes on in the next packet.
 * Source: "MySQL Packets" of MySQL's source documentation.
 */
import type { ParserOutput } from "../../core/index.js";

export const MAX_PAYLOAD = 0xffffff;

/** How a packet's payload is wanted. */
export const WHOLE = 0;
export const PIECES = 1;
/** In pieces that hold the headers of packets too, and without a word at the end. */
export const RAW = 2;
/** Not now: the packet stays unconsumed. */
export const HOLD = 3;

/** The beginning of a packet. One object of each reader, used again and again. */
export interface PacketStart {
	/** Index of its header. */
	index: number;
	sequence: number;
	length: number;
	/** First byte of the payload, -1 where it has none. */
	first: number;
	/** Bytes of the payload that are here already. */
	here: number;
}

export interface PacketHandler {
	/** True once nothing more may be read: opaque, handed over, another framing. */
	readonly isStopped: boolean;
	/** A packet begins: how is its payload wanted? */
	begins(start: PacketStart, out: ParserOutput): number;

	/** A whole payload, or null where it was too large to keep; `end` is the index after it. */
	packet(bytes: Buffer | null, from: number, to: number, length: number, end: number, out: ParserOutput): void;
	piece(bytes: Buffer, from: number, to: number, out: ParserOutput): void;
	/** `length` bytes of what comes in pieces are missing here. */
	missing(length: number, out: ParserOutput): void;
	/** The last piece of a payload was told. */
	ends(end: number, out: ParserOutput): void;
}

/** What all connections of an engine keep of payloads that came in parts. */
export class Budget {
	left: number;

	constructor(bytes: number) {
		this.left = bytes;
	}
}

/** Of one payload no more than this is put together. */
export const MAX_ASSEMBLED = 64 << 20;
const EMPTY = Buffer.alloc(0);

export class PacketReader {
	sequence = -1;
	/** Payload bytes of this packet that are still to come. */
	#left = 0;
	#goesOn = false;
	#isInside = false;
	#want = WHOLE;
	#held: Buffer = EMPTY;
	#heldLength = 0;
	/** True where the payload is too large to be kept. */
	#isLost = false;
	#total = 0;
	readonly #start: PacketStart = { index: 0, sequence: 0, length: 0, first: 0, here: 0 };
	readonly #handler: PacketHandler;
	readonly #budget: Budget;

	constructor(handler: PacketHandler, budget: Budget) {
		this.#handler = handler;
		this.#budget = budget;
	}

	/** Forgets what it was in the middle of. */
	reset(): void {
		this.#isInside = false;
		this.#release();
	}

	/** Returns the index up to which the bytes were used. */
	read(bytes: Buffer, from: number, out: ParserOutput): number {
		const end = bytes.length;
		const handler = this.#handler;
		let at = from;
		for (;;) {
			if (this.#isInside) {
				const count = Math.min(this.#left, end - at);
				if (count > 0) this.#take(bytes, at, at + count, out);
				at += count;
				if (this.#left > 0) return at;
				if (this.#goesOn) {
					if (end - at < 4) return at;
					this.#header(bytes, at);
					if (this.#want === RAW) handler.piece(bytes, at, at + 4, out);
					at += 4;
					continue;
				}
				this.#finish(at, out);
				if (handler.isStopped) return at;
				continue;
			}
			if (end - at < 4) return at;
			const length = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
			const start = at + 4;
			if (length > 0 && start === end) return at;
			const sequence = bytes[at + 3]!;
			const begin = this.#start;
			begin.index = at;
			begin.sequence = sequence;
			begin.length = length;
			begin.first = length > 0 ? bytes[start]! : -1;
			begin.here = Math.min(length, end - start);
			const want = handler.begins(begin, out);
			if (want === HOLD || handler.isStopped) return at;
			this.sequence = sequence;
			at = start;
			if (want === WHOLE && length < MAX_PAYLOAD && end - at >= length) {
				at += length;
				handler.packet(bytes, start, at, length, at, out);
				if (handler.isStopped) return at;
				continue;
			}
			if (want === RAW && length < MAX_PAYLOAD && end - at >= length) {
				at += length;
				handler.piece(bytes, start - 4, at, out);
				continue;
			}
			if (want === RAW) handler.piece(bytes, start - 4, start, out);
			this.#want = want;
			this.#isInside = true;
			this.#isLost = false;
			this.#total = 0;
			this.#left = length;
			this.#goesOn = length === MAX_PAYLOAD;
		}
	}

	/** Bytes are missing. True: they lie inside a payload that comes in pieces, and reading goes on behind them. */
	gap(length: number, out: ParserOutput): boolean {
		if (!this.#isInside || this.#want === WHOLE || length > this.#left) return false;
		this.#left -= length;
		this.#total += length;
		this.#handler.missing(length, out);
		if (this.#left === 0 && !this.#goesOn) this.#finish(length, out);
		return true;
	}

	#header(bytes: Buffer, at: number): void {
		this.#left = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
		this.#goesOn = this.#left === MAX_PAYLOAD;
		this.sequence = bytes[at + 3]!;
	}

	#take(bytes: Buffer, from: number, to: number, out: ParserOutput): void {
		this.#left -= to - from;
		this.#total += to - from;
		if (this.#want !== WHOLE) this.#handler.piece(bytes, from, to, out);
		else if (!this.#isLost) this.#keep(bytes, from, to);
	}

	#keep(bytes: Buffer, from: number, to: number): void {
		const needed = this.#heldLength + (to - from);
		if (needed > this.#held.length) {
			// a packet's own length tells how much will come, but is only a claim: twice what came, at the most that
			const size = Math.min(MAX_ASSEMBLED, Math.max(needed, Math.min(needed * 2, needed + this.#left)));
			if (needed > MAX_ASSEMBLED || size - this.#held.length > this.#budget.left) {
				this.#release();
				this.#isLost = true;
				return;
			}
			this.#budget.left -= size - this.#held.length;
			const larger = Buffer.allocUnsafeSlow(size);
			this.#held.copy(larger, 0, 0, this.#heldLength);
			this.#held = larger;
		}
		bytes.copy(this.#held, this.#heldLength, from, to);
		this.#heldLength = needed;
	}

	#finish(end: number, out: ParserOutput): void {
		this.#isInside = false;
		if (this.#want === PIECES) this.#handler.ends(end, out);
		else if (this.#want === WHOLE) {
			const held = this.#isLost ? null : this.#held;
			const length = this.#heldLength;
			this.#handler.packet(held, 0, length, this.#total, end, out);
		}
		this.#release();
	}

	#release(): void {
		this.#budget.left += this.#held.length;
		this.#held = EMPTY;
		this.#heldLength = 0;
	}
}
