import { LIMITS, type Row } from "./protocol.js";

/** The rows of a `data` message and their payloads, one after the other. */
export interface Rows {
	readonly rows: readonly Row[];
	readonly payload: Uint8Array;
}

const NUMBERS = 8;

/**
 * What `dataParams` of the protocol says, without an object for each row: this is the hot path. A test keeps both equal.
 * Returns what is wrong as text.
 */
export function readRows(params: unknown, attachment: Uint8Array | null): Rows | string {
	if (typeof params !== "object" || params === null || !("e" in params)) return "no rows";
	const rows: unknown = params.e;
	if (!Array.isArray(rows) || rows.length === 0 || rows.length > LIMITS.maxRows) return "e: no list of rows";
	let payload = attachment;
	if (payload === null) {
		const text: unknown = "b64" in params ? params.b64 : undefined;
		if (typeof text !== "string") return "neither bin nor b64";
		payload = Buffer.from(text, "base64");
	} else if ("b64" in params && params.b64 !== undefined) return "both bin and b64";
	let bytes = 0;
	for (const row of rows) {
		if (!isRow(row)) return "a row is not as described";
		bytes += row[6];
	}
	if (bytes !== payload.length) return `the rows say ${bytes} bytes, there are ${payload.length}`;
	return { rows: rows as readonly Row[], payload };
}

function isRow(row: unknown): row is Row {
	if (!Array.isArray(row) || row.length !== NUMBERS) return false;
	for (let i = 0; i < NUMBERS; i++) {
		const value: unknown = row[i];
		if (!Number.isSafeInteger(value) || (value as number) < (i === CIPHER_END ? -1 : 0)) return false;
	}
	const [, dir, , , , , length] = row as Row;
	return dir <= 1 && length >= 1 && length <= LIMITS.maxChunkBytes;
}

const CIPHER_END = 5;
