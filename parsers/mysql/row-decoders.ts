import type { ItemDecoder, StructuredValue } from "../../core/index.js";
import type { ColumnSet } from "./columns.js";
import { MAX_PAYLOAD } from "./packets.js";
import { binaryRow, textRow } from "./rows.js";
import { binaryValue } from "./values.js";

const HEADER_BYTES = 4;

const LARGE_HEADER_BYTES = 8;

/** Stands before a row that is larger than a packet: the header of its first packet, then its whole length. */
export function largeRowHeader(length: number): Buffer {
	const header = Buffer.alloc(LARGE_HEADER_BYTES);
	header.writeUIntLE(MAX_PAYLOAD, 0, 3);
	header.writeUInt32LE(length, HEADER_BYTES);
	return header;
}

/** Rows out of their packets, headers included. */
abstract class RowDecoder implements ItemDecoder {
	size(bytes: Uint8Array, at: number, to: number): number {
		if (to - at < HEADER_BYTES) return 0;
		const length = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
		if (length < MAX_PAYLOAD) return HEADER_BYTES + length;
		if (to - at < LARGE_HEADER_BYTES) return 0;
		return LARGE_HEADER_BYTES + viewOf(bytes).readUInt32LE(at + HEADER_BYTES);
	}

	value(bytes: Uint8Array, at: number, to: number): StructuredValue {
		const isLarge = to - at >= HEADER_BYTES + MAX_PAYLOAD;
		return this.row(viewOf(bytes), at + (isLarge ? LARGE_HEADER_BYTES : HEADER_BYTES), to);
	}

	protected abstract row(bytes: Buffer, from: number, to: number): StructuredValue;
}

const viewOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

class TextRows extends RowDecoder {
	readonly #columns: ColumnSet;

	constructor(columns: ColumnSet) {
		super();
		this.#columns = columns;
	}

	protected row(bytes: Buffer, from: number, to: number): StructuredValue {
		return textRow(this.#columns, bytes, from, to) ?? binaryValue(bytes, from, to);
	}
}

class BinaryRows extends RowDecoder {
	readonly #columns: ColumnSet;

	constructor(columns: ColumnSet) {
		super();
		this.#columns = columns;
	}

	protected row(bytes: Buffer, from: number, to: number): StructuredValue {
		return binaryRow(this.#columns, bytes, from, to) ?? binaryValue(bytes, from, to);
	}
}

/** Rows whose columns nobody saw, or of which nobody knows which protocol they are in: `{ base64 }` each. */
class RawRows extends RowDecoder {
	protected row(bytes: Buffer, from: number, to: number): StructuredValue {
		return binaryValue(bytes, from, to);
	}
}

export const RAW_ROWS: ItemDecoder = new RawRows();

const textDecoders = new WeakMap<ColumnSet, ItemDecoder>();
const binaryDecoders = new WeakMap<ColumnSet, ItemDecoder>();

/** The same decoder for the same columns. */
export function rowDecoder(columns: ColumnSet, isBinary: boolean): ItemDecoder {
	const decoders = isBinary ? binaryDecoders : textDecoders;
	let decoder = decoders.get(columns);
	if (decoder === undefined) {
		decoder = isBinary ? new BinaryRows(columns) : new TextRows(columns);
		decoders.set(columns, decoder);
	}
	return decoder;
}
