/** Frames of HTTP/2 (RFC 9113, sections 4 and 6). */
import type { Direction } from "../../core/index.js";

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
export const FRAME_HEAD = 9;

export const Type = {
	data: 0,
	headers: 1,
	priority: 2,
	reset: 3,
	settings: 4,
	push: 5,
	ping: 6,
	goaway: 7,
	window: 8,
	continuation: 9,
} as const;

export const Flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

const ERRORS = [
	"NO_ERROR",
	"PROTOCOL_ERROR",
	"INTERNAL_ERROR",
	"FLOW_CONTROL_ERROR",
	"SETTINGS_TIMEOUT",
	"STREAM_CLOSED",
	"FRAME_SIZE_ERROR",
	"REFUSED_STREAM",
	"CANCEL",
	"COMPRESSION_ERROR",
	"CONNECT_ERROR",
	"ENHANCE_YOUR_CALM",
	"INADEQUATE_SECURITY",
	"HTTP_1_1_REQUIRED",
];

/** Section 7; one that nobody registered as hexadecimal number. */
export function errorName(code: number): string {
	return ERRORS[code] ?? `0x${code.toString(16)}`;
}

export function lengthAt(bytes: Uint8Array, at: number): number {
	return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

/** Four bytes, unsigned. */
export function wordAt(bytes: Uint8Array, at: number): number {
	return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** The stream of a frame, without the reserved bit. */
export function streamAt(bytes: Uint8Array, at: number): number {
	return wordAt(bytes, at + 5) & 0x7fff_ffff;
}

/** What a receiver takes that did not say otherwise; nearly all keep it. */
const USUAL_MAX = 16_384;
/** Flags that mean something, for each type of section 6. */
const FLAGS = [0x9, 0x2d, 0, 0, 1, 0xc, 1, 0, 0, 4];

/**
 * Does a frame begin at `at`, as far as its nine bytes and the first of its payload tell? Stricter than what a receiver must
 * accept: this is for finding frames in bytes that may be anything. Null: more bytes would tell.
 */
function looksLikeFrame(bytes: Uint8Array, at: number, dir: Direction): boolean | null {
	if (bytes.length - at < FRAME_HEAD) return bytes.length > at && bytes[at] !== 0 ? false : null;
	const length = lengthAt(bytes, at);
	const type = bytes[at + 3]!;
	const flags = bytes[at + 4]!;
	const word = wordAt(bytes, at + 5);
	if (length > USUAL_MAX || type > Type.continuation || (flags & ~FLAGS[type]!) !== 0 || word > 0x7fff_ffff)
		return false;
	const payload = bytes.length - at >= FRAME_HEAD + 4 ? wordAt(bytes, at + FRAME_HEAD) : null;
	switch (type) {
		case Type.data:
			return word !== 0 && ((flags & Flag.padded) === 0 || length > 0);
		case Type.headers:
			return word !== 0 && length > 0 && (dir === 1 || (word & 1) === 1);
		case Type.priority:
			return word !== 0 && length === 5;
		case Type.reset:
			if (word === 0 || length !== 4) return false;
			return payload === null ? null : payload < 32;
		case Type.settings:
			return word === 0 && length % 6 === 0 && length <= 120 && (flags === 0 || length === 0);
		case Type.push:
			return word !== 0 && length > 4 && dir === 1;
		case Type.ping:
			return word === 0 && length === 8;
		case Type.goaway:
			return word === 0 && length >= 8;
		case Type.window:
			if (length !== 4) return false;
			return payload === null ? null : payload > 0 && payload <= 0x7fff_ffff;
		default:
			return word !== 0;
	}
}

/** Frames that follow each other. */
export interface Chain {
	readonly count: number;
	/** With the head of one that is not there as a whole. */
	readonly heads: number;
	/** The last one ends where the bytes do. */
	readonly isExact: boolean;
}

/** From `start` on. Null: what is there, or follows, is none. */
export function chainAt(bytes: Uint8Array, start: number, dir: Direction): Chain | null {
	let count = 0;
	let heads = 0;
	let at = start;
	while (at < bytes.length) {
		const looks = looksLikeFrame(bytes, at, dir);
		if (looks === false) return null;
		if (looks === null) break;
		const end = at + FRAME_HEAD + lengthAt(bytes, at);
		heads++;
		if (end > bytes.length) break;
		count++;
		at = end;
	}
	return { count, heads, isExact: at === bytes.length && count > 0 };
}

/**
 * Where frames begin in bytes that may begin anywhere: three heads of frames that follow each other, or two frames that end
 * exactly where the bytes end; at the very front one less is enough. `need`: not here, but in the last so many bytes perhaps.
 */
export function nextFrame(
	bytes: Uint8Array,
	from: number,
	dir: Direction,
): { readonly skip: number } | { readonly need: number } {
	let need = 0;
	const last = bytes.length;
	for (let at = from; at < last; at++) {
		const chain = chainAt(bytes, at, dir);
		if (chain === null) continue;
		// chance finds a frame in the middle of one more often than at the front of what came
		const doubt = at === from ? 0 : 1;
		const { count, heads, isExact } = chain;
		if (heads >= 2 + doubt || (isExact && count >= 1 + doubt)) return { skip: at - from };
		if (need === 0) need = last - at;
	}
	// the longest frame that may be one, and what follows it
	return { need: Math.min(need, 5 * USUAL_MAX) };
}
