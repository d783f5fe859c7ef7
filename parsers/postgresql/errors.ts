import type { AttributeValue } from "../../core/index.js";
import { nulAt, utf8 } from "./wire.js";

/** Fields of ErrorResponse and NoticeResponse (section 55.8) that say what happened; where in the server's source is left out. */
const FIELDS: Readonly<Record<string, string>> = {
	C: "db.response.status_code",
	M: "postgresql.message",
	D: "postgresql.detail",
	H: "postgresql.hint",
	P: "postgresql.position",
	p: "postgresql.internal_position",
	q: "postgresql.internal_query",
	W: "postgresql.where",
	s: "postgresql.schema",
	t: "postgresql.table",
	c: "postgresql.column",
	d: "postgresql.data_type",
	n: "postgresql.constraint",
};
const MAX_FIELD_BYTES = 16_384;

export interface Complaint {
	/** Not translated where the server says it so (9.6 and newer). */
	readonly severity: string;
	/** SQLSTATE, or empty. */
	readonly code: string;
	readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/** The payload of an ErrorResponse or NoticeResponse, or null where it is none. */
export function parseComplaint(bytes: Uint8Array, from: number, to: number): Complaint | null {
	const attributes: Record<string, AttributeValue> = {};
	let severity = "";
	let code = "";
	let at = from;
	while (at < to && bytes[at] !== 0) {
		const end = nulAt(bytes, at + 1, to);
		if (end < 0) return null;
		const type = String.fromCharCode(bytes[at]!);
		const value = utf8(bytes, at + 1, Math.min(end, at + 1 + MAX_FIELD_BYTES));
		if (type === "V" || (type === "S" && severity === "")) severity = value;
		else if (type === "C") code = value;
		const name = FIELDS[type];
		if (name !== undefined) attributes[name] = value;
		at = end + 1;
	}
	if (at !== to - 1) return null;
	attributes["postgresql.severity"] = severity;
	return { severity, code, attributes };
}
