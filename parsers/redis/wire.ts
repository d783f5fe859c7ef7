/** The framing that every RESP value begins with. */
export const CR = 13;
export const LF = 10;

/** Results of reading that are no length. */
export const INCOMPLETE = -2;
export const INVALID = -3;
/** `?` instead of a length: the value is streamed. */
export const STREAMED = -4;
/** `-1`: a null of RESP2. */
export const NULL = -1;

/** The other direction may have what is needed. */
export const HOLD = -10;

/** Replies that must be seen as a whole, and those that wait for certainty, are held up to here. */
export const HELD_BYTES = 1 << 19;

/** The longest number line: 19 digits and a sign. */
const MAX_NUMBER_BYTES = 20;
/** A line that has not ended after so many bytes is none. */
export const MAX_LINE_BYTES = 1 << 19;

export const Type = {
	simpleString: 43,
	simpleError: 45,
	integer: 58,
	bulkString: 36,
	array: 42,
	null: 95,
	boolean: 35,
	double: 44,
	bigNumber: 40,
	bulkError: 33,
	verbatim: 61,
	map: 37,
	attribute: 124,
	set: 126,
	push: 62,
	chunk: 59,
	end: 46,
} as const;

/** The number that a line beginning at `at` holds: not negative, or one of the results above. */
export function readNumber(bytes: Uint8Array, at: number, to: number): number {
	let value = 0;
	const first = bytes[at];
	if (at >= to) return INCOMPLETE;
	if (first === 45) return special(bytes, at, to, 49, NULL);
	if (first === 63) return special(bytes, at, to, -1, STREAMED);
	for (let i = at; i < to; i++) {
		const byte = bytes[i]!;
		if (byte === CR) {
			if (i === at || value > Number.MAX_SAFE_INTEGER) return INVALID;
			if (i + 1 === to) return INCOMPLETE;
			return bytes[i + 1] === LF ? value : INVALID;
		}
		if (byte < 48 || byte > 57 || i - at >= MAX_NUMBER_BYTES) return INVALID;
		value = value * 10 + (byte - 48);
	}
	return INCOMPLETE;
}

/** `-1` or `?`: `second` is the byte after the first, -1: none. */
function special(bytes: Uint8Array, at: number, to: number, second: number, result: number): number {
	let i = at + 1;
	if (second >= 0) {
		if (i >= to) return INCOMPLETE;
		if (bytes[i++] !== second) return INVALID;
	}
	if (i >= to) return INCOMPLETE;
	if (bytes[i] !== CR) return INVALID;
	if (i + 1 >= to) return INCOMPLETE;
	return bytes[i + 1] === LF ? result : INVALID;
}

/** Where the line that begins at `at` and was read as a number ends. */
export function afterNumber(bytes: Uint8Array, at: number): number {
	let i = at;
	while (bytes[i] !== CR) i++;
	return i + 2;
}

/** Index of the CR that ends the line which begins at `at`; its bytes up to `from` are known to hold none. */
export function lineEnd(bytes: Uint8Array, at: number, to: number, from = at): number {
	for (let i = from; i < to; i++) {
		const byte = bytes[i]!;
		if (byte === LF) return INVALID;
		if (byte !== CR) continue;
		if (i + 1 === to) return INCOMPLETE;
		return bytes[i + 1] === LF ? i : INVALID;
	}
	return to - at > MAX_LINE_BYTES ? INVALID : INCOMPLETE;
}

export function bufferOf(bytes: Uint8Array): Buffer {
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
