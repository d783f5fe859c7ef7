import { Cursor } from "./cursor.js";

export interface ResultStart {
	readonly columns: number;
	/** False: the columns are those that the client remembers from before. */
	readonly hasDefinitions: boolean;
}

/**
 * The packet that begins a result with rows. With MariaDB's metadata caching a byte follows the count, with MySQL's optional
 * metadata one stands before it; which of them it is shows itself. Null: it is no such packet.
 */
export function readResultStart(bytes: Buffer, from: number, to: number): ResultStart | null {
	const length = to - from;
	const first = bytes[from]!;
	if (length === 2 && first < 0xfb) {
		const second = bytes[from + 1]!;
		if (first > 1) return second > 1 ? null : { columns: first, hasDefinitions: second === 1 };
		if (first === 0) return second === 0 ? null : { columns: second, hasDefinitions: false };
		return { columns: Math.max(1, second), hasDefinitions: second !== 0 };
	}
	const cursor = new Cursor(bytes, from, to);
	let hasDefinitions = true;
	// a count is never NULL, and one that takes three bytes is above 250
	if (first <= 1 && length > 2) hasDefinitions = cursor.u8() === 1;
	const columns = cursor.lenenc();
	if (cursor.left === 1) hasDefinitions = cursor.u8() === 1;
	return cursor.isDone && columns > 0 && columns <= 65_535 ? { columns, hasDefinitions } : null;
}
