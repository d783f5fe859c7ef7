import type { AttributeValue, ItemDecoder, MessageHead, StructuredValue } from "../../core/index.js";
import { binaryValue } from "./values/binary.js";
import { typeName } from "./values/oids.js";
import { type Encoding, textValue } from "./values/text.js";
import { int16, int32, latin1, nulAt, uint16, uint32, utf8 } from "./wire.js";

/** Bytes of a DataRow before its first field: type, length, number of fields. */
const ROW_HEAD = 7;
const FIELD_FIXED_BYTES = 18;

/** The columns of a result, as a RowDescription tells them. */
export class Columns {
	/** As the server named them; one that comes again has `#2`, `#3` behind it, so that no value hides another. */
	readonly keys: readonly string[];
	readonly types: readonly number[];
	readonly formats: readonly number[];
	readonly attributes: Readonly<Record<string, AttributeValue>>;
	/** Heads of responses with these columns, by command tag and number of rows. */
	readonly heads = new Map<string, MessageHead>();
	readonly #decoders = new Map<Encoding, RowDecoder>();
	readonly #withFormats = new Map<string, Columns>();

	constructor(names: readonly string[], types: readonly number[], formats: readonly number[]) {
		const seen = new Map<string, number>();
		this.keys = names.map((name) => {
			const count = (seen.get(name) ?? 0) + 1;
			seen.set(name, count);
			return count === 1 ? name : `${name}#${count}`;
		});
		this.types = types;
		this.formats = formats;
		this.attributes = {
			"postgresql.columns": this.keys,
			"postgresql.column_types": types.map(typeName),
		};
	}

	decoder(encoding: Encoding): RowDecoder {
		let decoder = this.#decoders.get(encoding);
		if (decoder === undefined) this.#decoders.set(encoding, (decoder = new RowDecoder(this, encoding)));
		return decoder;
	}

	/** A statement is described before anybody chose formats: those of the portal hold. */
	inFormats(formats: readonly number[]): Columns {
		const chosen = this.keys.map((_, i) => formatOf(formats, i));
		const key = chosen.join("");
		let columns = this.#withFormats.get(key);
		if (columns === undefined) {
			columns = new Columns(this.keys, this.types, chosen);
			if (this.#withFormats.size < 16) this.#withFormats.set(key, columns);
		}
		return columns;
	}
}

/** None: all text. One: it holds for all. */
export function formatOf(formats: readonly number[], index: number): number {
	return formats.length === 1 ? formats[0]! : (formats[index] ?? 0);
}

/** The payload of a RowDescription, or null where it is none. */
export function parseColumns(bytes: Uint8Array, from: number, to: number): Columns | null {
	if (to - from < 2) return null;
	const count = uint16(bytes, from);
	const names: string[] = [];
	const types: number[] = [];
	const formats: number[] = [];
	let at = from + 2;
	for (let i = 0; i < count; i++) {
		const end = nulAt(bytes, at, to);
		if (end < 0 || end + 1 + FIELD_FIXED_BYTES > to) return null;
		names.push(utf8(bytes, at, end));
		types.push(uint32(bytes, end + 7));
		formats.push(int16(bytes, end + 17));
		at = end + 1 + FIELD_FIXED_BYTES;
	}
	return at === to ? new Columns(names, types, formats) : null;
}

const MAX_REMEMBERED = 2048;
const MAX_REMEMBERED_BYTES = 4096;

/** Descriptions that were seen before, of one engine: the same statements come again and again. */
export class ColumnsMemory {
	readonly #seen = new Map<string, Columns>();

	recall(bytes: Uint8Array, from: number, to: number): Columns | null {
		if (to - from > MAX_REMEMBERED_BYTES) return parseColumns(bytes, from, to);
		const key = latin1(bytes, from, to);
		const known = this.#seen.get(key);
		if (known !== undefined) return known;
		const columns = parseColumns(bytes, from, to);
		if (columns === null) return null;
		if (this.#seen.size >= MAX_REMEMBERED) this.#seen.clear();
		this.#seen.set(key, columns);
		return columns;
	}
}

/** Makes values of DataRow messages: an object by column, or a list where nobody told the columns. */
export class RowDecoder implements ItemDecoder {
	readonly #columns: Columns | null;
	readonly #encoding: Encoding;
	readonly #formats: readonly number[];

	/** `formats` are those of the portal, for a result whose columns are not known. */
	constructor(columns: Columns | null, encoding: Encoding, formats: readonly number[] = []) {
		this.#columns = columns;
		this.#encoding = encoding;
		this.#formats = formats;
	}

	size(bytes: Uint8Array, at: number, to: number): number {
		return at + 5 <= to ? 1 + int32(bytes, at + 1) : 0;
	}

	value(bytes: Uint8Array, from: number, to: number): StructuredValue {
		const count = uint16(bytes, from + 5);
		const columns = this.#columns !== null && this.#columns.keys.length === count ? this.#columns : null;
		const row: Record<string, StructuredValue> = {};
		const list: StructuredValue[] = [];
		let at = from + ROW_HEAD;
		for (let i = 0; i < count; i++) {
			const length = int32(bytes, at);
			at += 4;
			const end = length < 0 ? at : at + length;
			if (end > to) throw new RangeError("a field beyond its row");
			const value = length < 0 ? null : this.#field(columns, i, bytes, at, end);
			if (columns === null) list.push(value);
			else set(row, columns.keys[i]!, value);
			at = end;
		}
		if (at !== to) throw new RangeError("a row longer than its fields");
		return columns === null ? list : row;
	}

	#field(columns: Columns | null, i: number, bytes: Uint8Array, from: number, to: number): StructuredValue {
		const type = columns?.types[i] ?? 0;
		const format = columns?.formats[i] ?? formatOf(this.#formats, i);
		return format === 1
			? binaryValue(type, bytes, from, to, this.#encoding)
			: textValue(type, bytes, from, to, this.#encoding);
	}
}

function set(row: Record<string, StructuredValue>, key: string, value: StructuredValue): void {
	if (key === "__proto__")
		Object.defineProperty(row, key, { value, enumerable: true, configurable: true, writable: true });
	else row[key] = value;
}
