import type { StructuredValue } from "../../../core/index.js";
import { int32, uint32 } from "./integers.js";

const MAX_DIMENSIONS = 6;

/**
 * An array in binary format: dimensions, a flag for nulls, the type of the elements, length and lower bound of each
 * dimension, elements. Null where it is something else, or begins elsewhere than at 1, which a list cannot say.
 */
export function binaryArray(
	bytes: Uint8Array,
	from: number,
	to: number,
	element: (oid: number, from: number, to: number) => StructuredValue,
): readonly StructuredValue[] | null {
	if (to - from < 12) return null;
	const dimensions = int32(bytes, from);
	const oid = uint32(bytes, from + 8);
	if (dimensions < 0 || dimensions > MAX_DIMENSIONS || to - from < 12 + 8 * dimensions) return null;
	if (dimensions === 0) return to - from === 12 ? [] : null;
	const lengths: number[] = [];
	for (let i = 0; i < dimensions; i++) {
		const length = int32(bytes, from + 12 + 8 * i);
		// each element takes four bytes at least
		if (length < 1 || length > (to - from) / 4 || int32(bytes, from + 16 + 8 * i) !== 1) return null;
		lengths.push(length);
	}
	let at = from + 12 + 8 * dimensions;
	const list = (depth: number): StructuredValue[] | null => {
		const items: StructuredValue[] = [];
		for (let i = 0; i < lengths[depth]!; i++) {
			if (depth + 1 < lengths.length) {
				const inner = list(depth + 1);
				if (inner === null) return null;
				items.push(inner);
				continue;
			}
			if (at + 4 > to) return null;
			const length = int32(bytes, at);
			at += 4;
			if (length < -1 || at + length > to) return null;
			items.push(length < 0 ? null : element(oid, at, at + length));
			if (length > 0) at += length;
		}
		return items;
	};
	const items = list(0);
	return items !== null && at === to ? items : null;
}
