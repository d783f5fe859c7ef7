/** Protocol Buffers without a schema: numbers of fields, and what their bytes may be. */
import { isUtf8 } from "node:buffer";
import type { StructuredValue } from "../../core/index.js";

const MAX_DEPTH = 24;
const MAX_FIELDS = 100_000;

/**
 * An object of field numbers; null: the bytes are no message. A field that comes several times is a list. Integers are
 * numbers, or decimal text where a number would not be exact (their signs are not known); eight and four bytes are
 * `{ fixed64, double }` and `{ fixed32, float }`; bytes are text where they look like it, else a message, else `{ base64 }`.
 */
export function fieldTree(bytes: Uint8Array): StructuredValue | null {
	const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
	return new Reader(buffer).message(0, buffer.length, 0);
}

class Reader {
	readonly #bytes: Buffer;
	#fields = 0;

	constructor(bytes: Buffer) {
		this.#bytes = bytes;
	}

	message(from: number, to: number, depth: number): StructuredValue | null {
		const bytes = this.#bytes;
		const found = new Map<number, StructuredValue[]>();
		let at = from;
		while (at < to) {
			if (++this.#fields > MAX_FIELDS) return null;
			const tag = varint(bytes, at, to);
			if (tag === null || tag.value > 0xffff_ffffn) return null;
			at = tag.end;
			const field = Number(tag.value >> 3n);
			if (field === 0) return null;
			let value: StructuredValue;
			switch (Number(tag.value & 7n)) {
				case 0: {
					const read = varint(bytes, at, to);
					if (read === null) return null;
					at = read.end;
					value = read.value <= MAX_EXACT ? Number(read.value) : read.value.toString();
					break;
				}
				case 1:
					if (to - at < 8) return null;
					value = { fixed64: bytes.readBigUInt64LE(at).toString(), double: finite(bytes.readDoubleLE(at)) };
					at += 8;
					break;
				case 5:
					if (to - at < 4) return null;
					value = { fixed32: bytes.readUInt32LE(at), float: finite(bytes.readFloatLE(at)) };
					at += 4;
					break;
				case 2: {
					const length = varint(bytes, at, to);
					if (length === null || length.value > BigInt(to - length.end)) return null;
					at = length.end + Number(length.value);
					value = this.#delimited(length.end, at, depth);
					break;
				}
				default:
					return null;
			}
			const before = found.get(field);
			if (before === undefined) found.set(field, [value]);
			else before.push(value);
		}
		const tree: Record<string, StructuredValue> = {};
		for (const [field, values] of found) tree[field] = values.length === 1 ? values[0]! : values;
		return tree;
	}

	#delimited(from: number, to: number, depth: number): StructuredValue {
		const view = this.#bytes.subarray(from, to);
		if (isText(view)) return view.toString("utf8");
		const inner = depth < MAX_DEPTH ? this.message(from, to, depth + 1) : null;
		return inner ?? { base64: view.toString("base64") };
	}
}

const MAX_EXACT = BigInt(Number.MAX_SAFE_INTEGER);

function varint(bytes: Buffer, from: number, to: number): { readonly value: bigint; readonly end: number } | null {
	let value = 0n;
	for (let at = from, shift = 0n; at < to && shift < 70n; at++, shift += 7n) {
		const byte = bytes[at]!;
		value |= BigInt(byte & 0x7f) << shift;
		if (byte < 0x80) return { value: value & 0xffff_ffff_ffff_ffffn, end: at + 1 };
	}
	return null;
}

/** JSON has no others. */
function finite(value: number): number | string {
	return Number.isFinite(value) ? value : String(value);
}

function isText(view: Buffer): boolean {
	for (const byte of view) if ((byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13) || byte === 0x7f) return false;
	return isUtf8(view);
}
