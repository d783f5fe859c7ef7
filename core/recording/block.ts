/**
 * A recording is the eight bytes of `MAGIC`, then blocks. A block is a head of 16 bytes, little end first: mark, length of what
 * follows, number of the block from 0 on, CRC-32 (zlib's) of these twelve bytes and of what follows. That begins with one byte
 * which tells its kind: a `header` first, `calls`, and an `end` where the recording was ended in an orderly way.
 */
import { crc32 } from "node:zlib";

export const MAGIC = Buffer.from("PTAPREC1");
export const RECORDING_FORMAT = 1;
export const HEAD_BYTES = 16;
/** No block is longer; a reader need not believe in one. */
export const LARGEST_BLOCK_BYTES = 2 ** 30;

export const KIND_HEADER = 1;
export const KIND_CALLS = 2;
export const KIND_END = 3;

const MARK = 0x4b4c_4250;
const CHECKED_BYTES = 12;

/** Completes the head of a block that ends at `end`. */
export function sealBlock(block: Buffer, end: number, number: number): void {
	block.writeUInt32LE(MARK, 0);
	block.writeUInt32LE(end - HEAD_BYTES, 4);
	block.writeUInt32LE(number >>> 0, 8);
	block.writeUInt32LE(checksumOf(block, end), CHECKED_BYTES);
}

/** A block that holds one JSON value. */
export function jsonBlock(kind: number, value: unknown, number: number): Buffer {
	const text = Buffer.from(JSON.stringify(value));
	const block = Buffer.alloc(HEAD_BYTES + 1 + text.length);
	block[HEAD_BYTES] = kind;
	text.copy(block, HEAD_BYTES + 1);
	sealBlock(block, block.length, number);
	return block;
}

/** How many bytes follow this head. Throws where it is none. */
export function bytesBehind(head: Buffer, number: number): number {
	if (head.readUInt32LE(0) !== MARK) throw new Error("no block begins here");
	const length = head.readUInt32LE(4);
	if (length < 1 || length > LARGEST_BLOCK_BYTES) throw new Error(`a block of ${length} bytes`);
	const found = head.readUInt32LE(8);
	if (found !== number >>> 0) throw new Error(`block ${found} where block ${number} should be`);
	return length;
}

/** Throws where the block, head and all, is not what was written. */
export function checkBlock(block: Buffer): void {
	if (checksumOf(block, block.length) !== block.readUInt32LE(CHECKED_BYTES))
		throw new Error("the checksum does not fit");
}

function checksumOf(block: Buffer, end: number): number {
	return crc32(block.subarray(HEAD_BYTES, end), crc32(block.subarray(0, CHECKED_BYTES)));
}
