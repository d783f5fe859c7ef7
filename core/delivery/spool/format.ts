/**
 * The bytes of a spool's segment: a header, then blocks. Numbers are little-endian.
 *
 *     segment header, 32 bytes            block header, 32 bytes
 *      0  8  "PTSPOOL\0"                   0  4  "PBLK"
 *      8  2  version, 1                    4  2  encoding of the records, 1: JSON
 *     10  6  0                             6  2  0
 *     16  8  sequence of its first record  8  4  bytes of the payload
 *     24  4  0                            12  4  records
 *     28  4  CRC-32 of bytes 0 to 28      16  8  sequence of the first record
 *                                         24  4  CRC-32 of the payload
 *                                         28  4  CRC-32 of bytes 0 to 28
 *
 * A payload is the records one after the other, each behind its length in 4 bytes. A record's sequence is its number since the
 * spool was made; those of one block follow each other.
 */
import { crc32 } from "node:zlib";

export const HEADER_BYTES = 32;
export const VERSION = 1;
export const ENCODING_JSON = 1;
/** In front of each record. */
export const LENGTH_BYTES = 4;

const SEGMENT_MAGIC = Buffer.from("PTSPOOL\0", "latin1");
export const BLOCK_MAGIC = Buffer.from("PBLK", "latin1");
const CRC_AT = 28;
const TWO_32 = 2 ** 32;

export interface BlockHead {
	readonly encoding: number;
	readonly payloadBytes: number;
	readonly records: number;
	readonly first: number;
	readonly payloadCrc: number;
}

export function segmentHeader(first: number): Buffer {
	const header = Buffer.alloc(HEADER_BYTES);
	SEGMENT_MAGIC.copy(header);
	header.writeUInt16LE(VERSION, 8);
	putSequence(header, 16, first);
	return sealed(header, 0);
}

/** Null: not one. Otherwise its version, which may be one that is not known here, and its first sequence. */
export function readSegmentHeader(bytes: Buffer): { readonly version: number; readonly first: number } | null {
	if (bytes.length < HEADER_BYTES || bytes.compare(SEGMENT_MAGIC, 0, 8, 0, 8) !== 0 || !isSealed(bytes, 0)) return null;
	return { version: bytes.readUInt16LE(8), first: sequenceAt(bytes, 16) };
}

/** Into the first 32 bytes of `block`, of which `payloadBytes` are already there behind them. */
export function putBlockHeader(block: Buffer, payloadBytes: number, records: number, first: number): void {
	BLOCK_MAGIC.copy(block);
	block.writeUInt16LE(ENCODING_JSON, 4);
	block.writeUInt16LE(0, 6);
	block.writeUInt32LE(payloadBytes, 8);
	block.writeUInt32LE(records, 12);
	putSequence(block, 16, first);
	block.writeUInt32LE(crc32(block.subarray(HEADER_BYTES, HEADER_BYTES + payloadBytes)), 24);
	sealed(block, 0);
}

/** Null: no block begins at `at`. The payload is not looked at. */
export function readBlockHeader(bytes: Buffer, at = 0): BlockHead | null {
	if (bytes.length - at < HEADER_BYTES || bytes.compare(BLOCK_MAGIC, 0, 4, at, at + 4) !== 0 || !isSealed(bytes, at))
		return null;
	return {
		encoding: bytes.readUInt16LE(at + 4),
		payloadBytes: bytes.readUInt32LE(at + 8),
		records: bytes.readUInt32LE(at + 12),
		first: sequenceAt(bytes, at + 16),
		payloadCrc: bytes.readUInt32LE(at + 24),
	};
}

export function isIntact(head: BlockHead, payload: Buffer): boolean {
	return payload.length === head.payloadBytes && crc32(payload) === head.payloadCrc;
}

/** The records of an intact payload; null where it does not hold what its header says. */
export function recordsOf(head: BlockHead, payload: Buffer): Buffer[] | null {
	const records: Buffer[] = [];
	let at = 0;
	while (records.length < head.records) {
		if (at + LENGTH_BYTES > payload.length) return null;
		const from = at + LENGTH_BYTES;
		at = from + payload.readUInt32LE(at);
		if (at > payload.length) return null;
		records.push(payload.subarray(from, at));
	}
	return at === payload.length ? records : null;
}

function putSequence(target: Buffer, at: number, sequence: number): void {
	target.writeUInt32LE(sequence % TWO_32, at);
	target.writeUInt32LE(Math.floor(sequence / TWO_32), at + 4);
}

function sequenceAt(bytes: Buffer, at: number): number {
	return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * TWO_32;
}

function sealed(header: Buffer, at: number): Buffer {
	header.writeUInt32LE(crc32(header.subarray(at, at + CRC_AT)), at + CRC_AT);
	return header;
}

function isSealed(bytes: Buffer, at: number): boolean {
	return crc32(bytes.subarray(at, at + CRC_AT)) === bytes.readUInt32LE(at + CRC_AT);
}
