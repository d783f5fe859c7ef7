import type { ItemDecoder, StructuredValue } from "../../core/index.js";
import type { ColumnSet } from "./columns.js";
import { MAX_PAYLOAD } from "./packets.js";
import { binaryRow, textRow } from "./rows.js";
import { binaryValue } from "./values.js";

const HEADER_BYTES = 4;

/** Rows out of their packets, headers included. */
abstract class RowDecoder implements ItemDecoder {
	size(bytes: Uint8Array, at: number, to: number): number {
		let end = at;
		for (;;) {
			if (to - end < HEADER_BYTES) return 0;
			const length = bytes[end]! | (bytes[end + 1]! << 8) | (bytes[end + 2]! << 16);
			end += HEADER_BYTES + length;
			if (length < MAX_PAYLOAD) return end - at;
		}
	}

	value(bytes: Uint8Array, at: number, to: number): StructuredValue {
		const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
		if (to - at < HEADER_BYTES + MAX_PAYLOAD) return this.row(view, at + HEADER_BYTES, to);
		const payload = joined(view, at, to);
		return this.row(payload, 0, payload.length);
	}

	protected abstract row(bytes: Buffer, from: number, to: number): StructuredValue;
}

/** One payload out of the packets that it goes over. */
function joined(bytes: Buffer, from: number, to: number): Buffer {
	const parts: Buffer[] = [];
	for (let at = from; at < to; at += HEADER_BYTES + MAX_PAYLOAD)
		parts.push(bytes.subarray(at + HEADER_BYTES, Math.min(to, at + HEADER_BYTES + MAX_PAYLOAD)));
	return Buffer.concat(parts);
}

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
