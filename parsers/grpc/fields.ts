/** Protocol Buffers without a schema: numbers of fields, and what their bytes may be. */
import { isUtf8 } from "node:buffer";
import type { StructuredValue } from "../../core/index.js";
import { finite, unsignedText, WireReader, WireType } from "./wire.js";

const MAX_DEPTH = 24;
const TWO_32 = 2 ** 32;

type Fields = Map<number, StructuredValue[]>;

/**
 * An object of field numbers; null: the bytes are no message. A field that comes several times is a list. Integers are
 * numbers, or decimal text where a number would not be exact (their signs are not known); eight and four bytes are
 * `{ fixed64, double }` and `{ fixed32, float }`; bytes are text where they look like it, else a message, else `{ base64 }`.
 * A group is a message.
 */
export function fieldTree(bytes: Uint8Array): StructuredValue | null {
	return new TreeReader(new WireReader(bytes)).message(0, bytes.length, 0, 0);
}

export class TreeReader {
	readonly #wire: WireReader;

	constructor(wire: WireReader) {
		this.#wire = wire;
	}

	/** `group`: the number of the field whose group it is, which ends it; 0: none. */
	message(from: number, to: number, depth: number, group: number): StructuredValue | null {
		const wire = this.#wire;
		const found: Fields = new Map();
		wire.at = from;
		while (wire.at < to) {
			if (!wire.tag(to)) return null;
			if (wire.type === WireType.groupEnd) return group !== 0 && wire.field === group ? asObject(found) : null;
			if (!this.add(found, to, depth)) return null;
		}
		return group === 0 ? asObject(found) : null;
	}

	/** The field whose tag was read; false: it is none. */
	add(to: Fields, end: number, depth: number): boolean {
		const { field } = this.#wire;
		const value = this.#value(end, depth);
		if (value === undefined) return false;
		const before = to.get(field);
		if (before === undefined) to.set(field, [value]);
		else before.push(value);
		return true;
	}

	#value(to: number, depth: number): StructuredValue | undefined {
		const wire = this.#wire;
		const { bytes, at, field } = wire;
		switch (wire.type) {
			case WireType.varint:
				if (!wire.varint(to)) return undefined;
				return wire.high < 0x20_0000 ? wire.high * TWO_32 + wire.low : unsignedText(wire.low, wire.high);
			case WireType.fixed64:
				if (!wire.fixed64(to)) return undefined;
				return { fixed64: unsignedText(wire.low, wire.high), double: finite(bytes.readDoubleLE(at)) };
			case WireType.fixed32:
				if (!wire.fixed32(to)) return undefined;
				return { fixed32: wire.low, float: finite(bytes.readFloatLE(at)) };
			case WireType.bytes: {
				const end = wire.length(to);
				if (end < 0) return undefined;
				const value = this.#delimited(wire.at, end, depth);
				wire.at = end;
				return value;
			}
			case WireType.groupStart:
				if (depth >= MAX_DEPTH) return undefined;
				return this.message(at, to, depth + 1, field) ?? undefined;
			default:
				return undefined;
		}
	}

	#delimited(from: number, to: number, depth: number): StructuredValue {
		const view = this.#wire.bytes.subarray(from, to);
		if (isText(view)) return view.toString("utf8");
		const inner = depth < MAX_DEPTH ? this.message(from, to, depth + 1, 0) : null;
		return inner ?? { base64: view.toString("base64") };
	}
}

/** By number; one that came once stands alone. */
export function asObject(fields: Fields): StructuredValue {
	const tree: Record<string, StructuredValue> = {};
	for (const [field, values] of fields) tree[field] = values.length === 1 ? values[0]! : values;
	return tree;
}

function isText(view: Buffer): boolean {
	for (const byte of view) if ((byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13) || byte === 0x7f) return false;
	return isUtf8(view);
}
