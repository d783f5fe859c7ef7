import { BARE_LF } from "./facts.js";
import { At, type Lane } from "./lane.js";

const MAX_LINE_BYTES = 16_384;
/** Thirteen hexadecimal digits are a number that a double holds exactly. */
const MAX_DIGITS = 13;
const CR = 13;
const LF = 10;

/**
 * Reads chunks (RFC 9112, section 7.1) from `from` on, as far as they are there, and returns how far it came. Leaves the
 * lane at `trailers` after the last chunk. Everything it saw is consumed, so a hole in chunk data is always recognised.
 * Returns -1 where the bytes are no chunks; `lane.at` then tells where.
 */
export function readChunks(lane: Lane, bytes: Uint8Array, from: number): number {
	const { length } = bytes;
	let i = from;
	while (i < length) {
		switch (lane.at) {
			case At.chunkSize:
			case At.chunkExtension: {
				const byte = bytes[i++]!;
				if (++lane.lineBytes > MAX_LINE_BYTES) return -1;
				if (byte === LF) {
					if (lane.digits === 0) return -1;
					if (!lane.sawCr) lane.writer?.flag(BARE_LF);
					lane.at = lane.left === 0 ? At.trailers : At.chunkData;
					lane.sawCr = false;
					lane.scanned = 0;
					if (lane.left === 0) return i;
					break;
				}
				lane.sawCr = byte === CR;
				if (lane.at === At.chunkExtension) break;
				const digit = hexDigit(byte);
				if (digit >= 0) {
					// leading zeros are free
					if (lane.left > 0 && ++lane.digits > MAX_DIGITS) return -1;
					if (lane.digits === 0) lane.digits = 1;
					lane.left = lane.left * 16 + digit;
				} else if (lane.digits > 0 && (byte === SEMICOLON || byte === CR || byte === SP || byte === HT))
					lane.at = At.chunkExtension;
				else return -1;
				break;
			}
			case At.chunkData: {
				const to = Math.min(length, i + lane.left);
				lane.writer?.body(bytes, i, to);
				lane.left -= to - i;
				i = to;
				if (lane.left === 0) lane.at = At.chunkEnd;
				break;
			}
			case At.chunkEnd: {
				const byte = bytes[i++]!;
				if (byte === CR && !lane.sawCr) {
					lane.sawCr = true;
					break;
				}
				if (byte !== LF) return -1;
				if (!lane.sawCr) lane.writer?.flag(BARE_LF);
				startChunk(lane);
				break;
			}
			default:
				return i;
		}
	}
	return i;
}

export function startChunk(lane: Lane): void {
	lane.at = At.chunkSize;
	lane.left = 0;
	lane.digits = 0;
	lane.lineBytes = 0;
	lane.sawCr = false;
}

function hexDigit(byte: number): number {
	if (byte >= 48 && byte <= 57) return byte - 48;
	const lower = byte | 32;
	return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

const SEMICOLON = 59;
const SP = 32;
const HT = 9;
