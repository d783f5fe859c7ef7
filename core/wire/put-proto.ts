/**
 * The pieces of a Protocol Buffers message into one large buffer. As in put.ts nothing here checks for room: what does not
 * fit throws a RangeError or runs past the end. Values that a field cannot hold throw a TypeError.
 */
import { put } from "./put.js";

export function varintBytes(value: number): number {
	let bytes = 1;
	for (let rest = value; rest >= 128; rest /= 128) bytes++;
	return bytes;
}

/** A non-negative integer up to 2^53, seven bits a byte. */
export function putVarint(out: Buffer, from: number, value: number): number {
	let at = from;
	let rest = value;
	while (rest > 0x7fff_ffff) {
		out[at++] = (rest % 128) | 128;
		rest = Math.floor(rest / 128);
	}
	while (rest > 127) {
		out[at++] = (rest & 127) | 128;
		rest >>>= 7;
	}
	out[at] = rest;
	return at + 1;
}

export function putCount(out: Buffer, at: number, tag: number, value: number): number {
	if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${value} is not a count`);
	out[at] = tag;
	return putVarint(out, at + 1, value);
}

export function putMicroseconds(out: Buffer, at: number, tag: number, us: number): number {
	if (!Number.isSafeInteger(us)) throw new TypeError(`${us} is not a time`);
	out[at] = tag;
	return putInt64(out, at + 1, us);
}

/** A safe integer in eight bytes, little end first. */
export function putInt64(out: Buffer, at: number, value: number): number {
	const high = Math.floor(value / 0x1_0000_0000);
	const low = (value - high * 0x1_0000_0000) | 0;
	out[at] = low;
	out[at + 1] = low >> 8;
	out[at + 2] = low >> 16;
	out[at + 3] = low >> 24;
	out[at + 4] = high;
	out[at + 5] = high >> 8;
	out[at + 6] = high >> 16;
	out[at + 7] = high >> 24;
	return at + 8;
}

export function putBytes(out: Buffer, at: number, tag: number, bytes: Uint8Array): number {
	out[at] = tag;
	return put(out, putVarint(out, at + 1, bytes.length), bytes);
}

/** Up to here a string's characters are copied one by one, where they are ASCII. */
const SHORT = 40;

export function putString(out: Buffer, at: number, tag: number, text: string): number {
	if (typeof text !== "string") throw new TypeError(`${typeof text} is not text`);
	const { length } = text;
	out[at] = tag;
	if (length <= SHORT) {
		let i = 0;
		for (; i < length; i++) {
			const unit = text.charCodeAt(i);
			if (unit > 127) break;
			out[at + 2 + i] = unit;
		}
		if (i === length) {
			out[at + 1] = length;
			return at + 2 + length;
		}
	}
	const bytes = Buffer.byteLength(text);
	const start = putVarint(out, at + 1, bytes);
	if (bytes > out.length - start) throw new RangeError("no room");
	out.write(text, start, bytes === length ? "latin1" : "utf8");
	return start + bytes;
}

/** Where the content of a nested message begins, for `close`; `expected` is about how long it will be. */
export function open(out: Buffer, at: number, tag: number, expected: number): number {
	out[at] = tag;
	return at + 1 + varintBytes(expected);
}

/**
 * Ends the message that began at `at` with its tag and had its content from `open` to `end`. Where the expectation was wrong
 * the content moves. Returns its end.
 */
export function close(out: Buffer, at: number, expected: number, end: number): number {
	const assumed = varintBytes(expected);
	const start = at + 1 + assumed;
	const length = end - start;
	const needed = varintBytes(length);
	if (needed !== assumed) out.copyWithin(start + needed - assumed, start, end);
	putVarint(out, at + 1, length);
	return end + needed - assumed;
}
