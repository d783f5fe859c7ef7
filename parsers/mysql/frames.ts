/**
 * The compressed protocol: seven bytes (compressed length, sequence, uncompressed length), then zlib or zstd, or packets as
 * they are where the uncompressed length is 0. Packets begin and end anywhere in frames.
 */
import * as zlib from "node:zlib";
import type { ParserOutput } from "../../core/index.js";
import type { Budget, PacketReader } from "./packets.js";

export const FRAME_HEADER_BYTES = 7;
/** A frame larger than this is put together here, and takes the time of its last byte. */
const LARGE_FRAME_BYTES = 512 << 10;
const NOTHING = Buffer.alloc(0);

// Node.js has zstd from 22.15 on; its types here are those of the oldest release that runs polytap
type Zstd = { zstdDecompressSync?(input: Uint8Array, options: { maxOutputLength: number }): Buffer };
const { zstdDecompressSync } = zlib as Zstd;

/** The lane that reads packets out of frames. */
export interface FrameOwner {
	readonly isStopped: boolean;
	/** True where the last packet was left for later because of the other direction. */
	isHeld: boolean;
	/** What is read next lies in this frame of the shown bytes; `cannotHold`: it must be read now. */
	inFrame(start: number, end: number, cannotHold: boolean): void;
	/** Packets were read out of this frame, as far as they go. */
	hasRead(): void;
	giveUp(reason: string, out: ParserOutput): void;
}

/** The uncompressed content, or why there is none. */
export function inflateFrame(content: Buffer, length: number): Buffer | string {
	if (length === 0) return content;
	const isZstd = content.length >= 4 && content.readUInt32LE(0) === 0xfd2fb528;
	if (isZstd && zstdDecompressSync === undefined) return "zstd-not-available";
	try {
		const options = { maxOutputLength: length };
		const inflated = isZstd ? zstdDecompressSync!(content, options) : zlib.inflateSync(content, options);
		return inflated.length === length ? inflated : "bad-compression";
	} catch {
		return "bad-compression";
	}
}

export class FrameReader {
	/** The frame that is being read, and how far; null: none. */
	#content: Buffer | null = null;
	#at = 0;
	/** The beginning of a packet's header, from the frame before. */
	#rest: Buffer = NOTHING;
	#large: Buffer | null = null;
	#largeLength = 0;
	readonly #packets: PacketReader;
	readonly #owner: FrameOwner;
	readonly #budget: Budget;

	constructor(packets: PacketReader, owner: FrameOwner, budget: Budget) {
		this.#packets = packets;
		this.#owner = owner;
		this.#budget = budget;
	}

	reset(): void {
		this.#content = null;
		this.#rest = NOTHING;
		this.#releaseLarge();
	}

	read(bytes: Buffer, from: number, out: ParserOutput): number {
		let at = from;
		for (;;) {
			const start = at;
			let end: number;
			const isLarge = this.#large !== null;
			if (this.#large !== null) {
				at += this.#fill(this.#large, bytes, at);
				if (this.#largeLength < this.#large.length) return at;
				end = at;
				this.#open(this.#large, 0, this.#large.length, out);
				this.#releaseLarge();
			} else {
				const left = bytes.length - at;
				if (left < FRAME_HEADER_BYTES) return at;
				const size = FRAME_HEADER_BYTES + bytes.readUIntLE(at, 3);
				if (left < size) {
					if (size <= LARGE_FRAME_BYTES) return at;
					if (!this.#beginLarge(size)) {
						this.#owner.giveUp("frame-too-large", out);
						return at;
					}
					continue;
				}
				end = at + size;
				if (this.#content === null) this.#open(bytes, at, end, out);
			}
			if (this.#owner.isStopped) return at;
			this.#owner.inFrame(start, end, isLarge);
			this.#at = this.#packets.read(this.#content!, this.#at, out);
			this.#owner.hasRead();
			if (this.#owner.isStopped) return end;
			if (this.#owner.isHeld) return start;
			this.#rest = Buffer.from(this.#content!.subarray(this.#at));
			this.#content = null;
			at = end;
		}
	}

	#open(bytes: Buffer, from: number, to: number, out: ParserOutput): void {
		const length = bytes.readUIntLE(from + 4, 3);
		const content = inflateFrame(bytes.subarray(from + FRAME_HEADER_BYTES, to), length);
		if (typeof content === "string") {
			this.#owner.giveUp(content, out);
			return;
		}
		const isOwn = length !== 0;
		// what stays for later must not lie in bytes that are gone by then
		this.#content = this.#rest.length > 0 || !isOwn ? Buffer.concat([this.#rest, content]) : content;
		this.#rest = NOTHING;
		this.#at = 0;
	}

	#beginLarge(size: number): boolean {
		if (size > this.#budget.left) return false;
		this.#budget.left -= size;
		this.#large = Buffer.allocUnsafeSlow(size);
		this.#largeLength = 0;
		return true;
	}

	#fill(large: Buffer, bytes: Buffer, at: number): number {
		const count = Math.min(large.length - this.#largeLength, bytes.length - at);
		bytes.copy(large, this.#largeLength, at, at + count);
		this.#largeLength += count;
		return count;
	}

	#releaseLarge(): void {
		if (this.#large !== null) this.#budget.left += this.#large.length;
		this.#large = null;
	}
}
