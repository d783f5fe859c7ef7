import { afterNumber, INCOMPLETE, INVALID, LF, readNumber, Type } from "./wire.js";

/** Where `count` arguments (bulk strings) that begin at `at` end; `INCOMPLETE` or `INVALID`. */
export function argumentsEnd(bytes: Uint8Array, at: number, to: number, count: number): number {
	let next = at;
	for (let i = 0; i < count; i++) {
		if (next >= to) return INCOMPLETE;
		if (bytes[next] !== Type.bulkString) return INVALID;
		const length = readNumber(bytes, next + 1, to);
		if (length < 0) return length === INCOMPLETE ? INCOMPLETE : INVALID;
		const end = afterNumber(bytes, next + 1) + length;
		if (end + 2 > to) return INCOMPLETE;
		if (bytes[end] !== 13 || bytes[end + 1] !== LF) return INVALID;
		next = end + 2;
	}
	return next;
}

/** Calls `each` with the payload of every whole argument from `at` on; returns where the first one begins that is not whole. */
export function eachArgument(
	bytes: Uint8Array,
	at: number,
	to: number,
	count: number,
	each: (from: number, to: number, index: number) => void,
): number {
	let next = at;
	for (let i = 0; i < count; i++) {
		const end = argumentsEnd(bytes, next, to, 1);
		if (end < 0) return next;
		each(afterNumber(bytes, next + 1), end - 2, i);
		next = end;
	}
	return next;
}
