const CR = 13;
const LF = 10;

/**
 * Where the empty line that ends a head ends, looking for its first newline from `from` on; -1: not in these bytes.
 * Lines end with CR LF or LF.
 */
export function headEnd(bytes: Uint8Array, from: number): number {
	const { length } = bytes;
	for (let i = from; i < length; i++) {
		if (bytes[i] !== LF) continue;
		const next = i + 1;
		if (next >= length) return -1;
		if (bytes[next] === LF) return next + 1;
		if (bytes[next] === CR && next + 1 < length && bytes[next + 1] === LF) return next + 2;
	}
	return -1;
}

/** How many bytes at the end of a head without an end may still be part of its empty line. */
export const HEAD_END_OVERLAP = 2;
