import { isUtf8 } from "node:buffer";
import type { ItemDecoder, StructuredValue } from "../../core/index.js";
import { valueEnd } from "./walker.js";
import { afterNumber, bufferOf, lineEnd, NULL, readNumber, STREAMED, Type } from "./wire.js";

/** Values inside each other; deeper ones are left out of the record. */
const MAX_DEPTH = 64;

/**
 * Makes JSON of a RESP value. Text is a string; what JSON cannot say is an object with one name that begins with `$`:
 * `$base64` (a string that is not UTF-8), `$error`, `$integer` (beyond 53 bits), `$double` (`inf`, `-inf`, `nan`), `$map` (a
 * map with other keys than distinct texts, as pairs), `$attributes` (of the `value` beside it).
 */
class ValueReader {
	at: number;
	readonly #bytes: Uint8Array;
	readonly #to: number;

	constructor(bytes: Uint8Array, at: number, to: number) {
		this.#bytes = bytes;
		this.at = at;
		this.#to = to;
	}

	value(depth = 0): StructuredValue {
		if (depth > MAX_DEPTH) throw new RangeError("nested too deep");
		const bytes = this.#bytes;
		const type = bytes[this.at]!;
		switch (type) {
			case Type.bulkString:
			case Type.bulkError:
			case Type.verbatim:
				return this.#bulk(type);
			case Type.array:
			case Type.set:
			case Type.push:
				return this.#list(depth);
			case Type.map:
				return asMap(this.#pairs(depth));
			case Type.attribute: {
				const attributes = asMap(this.#pairs(depth));
				return { $attributes: attributes, value: this.value(depth + 1) };
			}
			default:
				return scalar(type, this.#line());
		}
	}

	#line(): string {
		const end = lineEnd(this.#bytes, this.at, this.#to);
		const line = textOf(this.#bytes, this.at + 1, end);
		this.at = end + 2;
		return typeof line === "string" ? line : bufferOf(this.#bytes).toString("latin1", this.at - 1, end);
	}

	#length(): number {
		const length = readNumber(this.#bytes, this.at + 1, this.#to);
		this.at = afterNumber(this.#bytes, this.at + 1);
		return length;
	}

	#bulk(type: number): StructuredValue {
		const length = this.#length();
		if (length === NULL) return null;
		if (length === STREAMED) return this.#chunks();
		const from = this.at + (type === Type.verbatim ? Math.min(4, length) : 0);
		const text = textOf(this.#bytes, from, this.at + length);
		this.at += length + 2;
		return type === Type.bulkError ? { $error: text } : text;
	}

	#chunks(): StructuredValue {
		const pieces: Uint8Array[] = [];
		for (let length = this.#length(); length > 0; length = this.#length()) {
			pieces.push(this.#bytes.subarray(this.at, this.at + length));
			this.at += length + 2;
		}
		const whole = Buffer.concat(pieces);
		return textOf(whole, 0, whole.length);
	}

	#isEnd(): boolean {
		if (this.#bytes[this.at] !== Type.end) return false;
		this.at += 3;
		return true;
	}

	#list(depth: number): StructuredValue {
		const count = this.#length();
		if (count === NULL) return null;
		const values: StructuredValue[] = [];
		if (count === STREAMED) while (!this.#isEnd()) values.push(this.value(depth + 1));
		else for (let i = 0; i < count; i++) values.push(this.value(depth + 1));
		return values;
	}

	#pairs(depth: number): (readonly [StructuredValue, StructuredValue])[] {
		const count = this.#length();
		const pairs: (readonly [StructuredValue, StructuredValue])[] = [];
		for (let i = 0; count === STREAMED ? !this.#isEnd() : i < count; i++)
			pairs.push([this.value(depth + 1), this.value(depth + 1)]);
		return pairs;
	}
}

function asMap(pairs: readonly (readonly [StructuredValue, StructuredValue])[]): StructuredValue {
	const names = new Set<string>();
	for (const [name] of pairs) if (typeof name === "string" && !name.startsWith("$")) names.add(name);
	if (names.size !== pairs.length) return { $map: pairs };
	return Object.fromEntries(pairs);
}

function scalar(type: number, line: string): StructuredValue {
	switch (type) {
		case Type.simpleError:
			return { $error: line };
		case Type.integer:
		case Type.bigNumber: {
			const number = Number(line);
			return line !== "" && Number.isSafeInteger(number) ? number : { $integer: line };
		}
		case Type.double: {
			const number = Number(line);
			return line !== "" && Number.isFinite(number) ? number : { $double: line };
		}
		case Type.boolean:
			return line === "t";
		case Type.null:
			return null;
		default:
			return line;
	}
}

/** A string where the bytes are UTF-8. */
export function textOf(bytes: Uint8Array, from: number, to: number): StructuredValue {
	const buffer = bufferOf(bytes);
	let isAscii = to - from <= 64;
	for (let i = from; isAscii && i < to; i++) isAscii = bytes[i]! < 0x80;
	if (isAscii) return buffer.toString("latin1", from, to);
	if (isUtf8(buffer.subarray(from, to))) return buffer.toString("utf8", from, to);
	return { $base64: buffer.toString("base64", from, to) };
}

export function valueAt(bytes: Uint8Array, at: number, to: number): StructuredValue {
	return new ValueReader(bytes, at, to).value();
}

const sizeOf = (bytes: Uint8Array, at: number, to: number, values: number): number =>
	Math.max(0, valueEnd(bytes, at, to, values) - at);

/** A list of values. */
export const LIST: ItemDecoder = {
	size(bytes, at, to) {
		// the length of a bulk string is known before its bytes are there
		if (bytes[at] === Type.bulkString) {
			const length = readNumber(bytes, at + 1, to);
			if (length >= 0) return afterNumber(bytes, at + 1) - at + length + 2;
		}
		return sizeOf(bytes, at, to, 1);
	},
	value: valueAt,
};

/** A map: its items are pairs. */
export const PAIRS: ItemDecoder = {
	size: (bytes, at, to) => sizeOf(bytes, at, to, 2),
	value(bytes, at, to) {
		const reader = new ValueReader(bytes, at, to);
		return [reader.value(), reader.value()];
	},
};
