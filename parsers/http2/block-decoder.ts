import { FieldTable, UNKNOWN } from "./field-table.js";
import { decodeHuffman } from "./huffman.js";
import type { Field } from "./static-table.js";

/** Names and values of one block, decoded: more than any server takes. What is beyond is left out, and the block says so. */
export const MAX_LIST_BYTES = 1 << 18;
export const MAX_FIELDS = 1000;

/** The fields of one block. */
export interface FieldBlock {
	readonly fields: readonly Field[];
	/** Some of them are not in `fields`: too many, or too large. */
	readonly isCut: boolean;
	/** Some name or value points before what was seen of the connection. */
	readonly hasUnknown: boolean;
	/** Bytes after which the table is the same again: the same bytes mean the same as long as its version does not change. */
	readonly isRepeatable: boolean;
	/** Its meaning does not depend on the table at all. */
	readonly isFixed: boolean;
}

/** Decodes blocks of fields of one direction (RFC 7541, section 6), in the order in which they were sent. */
export class BlockDecoder {
	readonly table = new FieldTable();
	// the block that is being read
	#bytes: Uint8Array = NOTHING;
	#at = 0;
	#end = 0;
	#failed = false;
	#usesTable = false;

	/** Null: it is no block. Then nothing about the table is known any more, which the caller must say with `table.lose()`. */
	decode(bytes: Uint8Array, from: number, to: number): FieldBlock | null {
		this.#bytes = bytes;
		this.#at = from;
		this.#end = to;
		this.#failed = false;
		this.#usesTable = false;
		const { table } = this;
		const before = table.version;
		const fields: Field[] = [];
		let listBytes = 0;
		let isCut = false;
		let hasUnknown = false;
		while (this.#at < to && !this.#failed) {
			const first = bytes[this.#at]!;
			let field: Field | null;
			if (first >= 0x80) field = this.#indexed(this.#integer(7));
			else if (first >= 0x40) {
				field = this.#literal(6);
				if (field !== null) table.insert(field);
			} else if (first >= 0x20) {
				const size = this.#integer(5);
				// only before the first field (section 4.2)
				if (fields.length > 0 || this.#failed) return null;
				table.resize(size);
				continue;
			} else field = this.#literal(4);
			if (field === null) return null;
			listBytes += field[0].length + field[1].length;
			if (listBytes > MAX_LIST_BYTES || fields.length >= MAX_FIELDS) isCut = true;
			else fields.push(field);
			if (field[0] === UNKNOWN || field[1] === UNKNOWN) hasUnknown = true;
		}
		if (this.#failed) return null;
		const isRepeatable = table.version === before && !isCut;
		return { fields, isCut, hasUnknown, isRepeatable, isFixed: isRepeatable && !this.#usesTable };
	}

	#indexed(index: number): Field | null {
		if (this.#failed) return null;
		if (index > 61) this.#usesTable = true;
		return this.table.at(index);
	}

	#literal(prefix: number): Field | null {
		const index = this.#integer(prefix);
		let name: string;
		if (index > 0) {
			const known = this.#indexed(index);
			if (known === null) return null;
			name = known[0];
		} else name = this.#text();
		const value = this.#text();
		return this.#failed ? null : [name, value];
	}

	#text(): string {
		if (this.#at >= this.#end || this.#failed) return this.#fail("");
		const isHuffman = this.#bytes[this.#at]! >= 0x80;
		const length = this.#integer(7);
		const from = this.#at;
		if (this.#failed || length > this.#end - from) return this.#fail("");
		this.#at = from + length;
		if (isHuffman) return decodeHuffman(this.#bytes, from, this.#at) ?? this.#fail("");
		return latin1(this.#bytes, from, this.#at);
	}

	/** Section 5.1: `prefix` bits of the first byte, then seven bits of each that follows. */
	#integer(prefix: number): number {
		const most = (1 << prefix) - 1;
		let value = this.#bytes[this.#at++]! & most;
		if (value < most) return value;
		for (let shift = 0; shift < 28; shift += 7) {
			if (this.#at >= this.#end) return this.#fail(0);
			const byte = this.#bytes[this.#at++]!;
			value += (byte & 0x7f) << shift;
			if (byte < 0x80) return value;
		}
		return this.#fail(0);
	}

	#fail<T>(value: T): T {
		this.#failed = true;
		return value;
	}
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
	// most are short, and a view costs more than a few characters
	if (to - from > 24) return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1");
	let text = "";
	for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]!);
	return text;
}

const NOTHING = new Uint8Array(0);
