/** OK, EOF and ERR packets. */
import { MORE_RESULTS, SESSION_STATE_CHANGED, SESSION_TRACK, statusNames } from "./capabilities.js";
import { Cursor } from "./cursor.js";

export interface OkPacket {
	readonly affectedRows: number | string;
	readonly lastInsertId: number | string;
	readonly status: number;
	readonly warnings: number;
	readonly info: string;
	readonly changes: SessionChanges | null;
}

export interface SessionChanges {
	schema: string | null;
	readonly attributes: Record<string, string | readonly string[]>;
}

const HEADER_BYTES = 1;
export const EOF_BYTES = 5;
const MIN_OK_BYTES = 7;

/** `capabilities` null: not known, so that what may be told in two ways is not told. Null: it is no OK packet. */
export function readOk(bytes: Buffer, from: number, to: number, capabilities: number | null): OkPacket | null {
	if (to - from < MIN_OK_BYTES) return null;
	const cursor = new Cursor(bytes, from + HEADER_BYTES, to);
	const affectedRows = cursor.lenencExact();
	const lastInsertId = cursor.lenencExact();
	const status = cursor.u16();
	const warnings = cursor.u16();
	if (cursor.isBad) return null;
	const facts = { affectedRows, lastInsertId, status, warnings };
	if (cursor.left === 0 || capabilities === null) return { ...facts, info: "", changes: null };
	if ((capabilities & SESSION_TRACK) === 0) return { ...facts, info: cursor.rest(), changes: null };
	const info = cursor.lenencText();
	const hasChanges = (status & SESSION_STATE_CHANGED) !== 0 && cursor.left > 0;
	const changes = hasChanges ? readChanges(cursor) : null;
	return cursor.isBad ? null : { ...facts, info, changes };
}

/** EOF where the packet is as short as only that is, otherwise an OK with another first byte. */
export function readEnd(bytes: Buffer, from: number, to: number, capabilities: number | null): OkPacket | null {
	if (to - from === 1) return { affectedRows: 0, lastInsertId: 0, status: 0, warnings: 0, info: "", changes: null };
	if (to - from !== EOF_BYTES) return readOk(bytes, from, to, capabilities);
	const warnings = bytes.readUInt16LE(from + 1);
	return { affectedRows: 0, lastInsertId: 0, status: bytes.readUInt16LE(from + 3), warnings, info: "", changes: null };
}

const TRACKED: readonly string[] = [
	"variables",
	"schema",
	"state_change",
	"gtids",
	"transaction_characteristics",
	"transaction_state",
];

function readChanges(cursor: Cursor): SessionChanges {
	const length = cursor.lenenc();
	const from = cursor.take(length);
	const changes: SessionChanges = { schema: null, attributes: {} };
	if (from < 0) return changes;
	const list = new Cursor(cursor.bytes, from, from + length);
	const variables: string[] = [];
	while (list.left > 0 && !list.isBad) {
		const kind = list.u8();
		const size = list.lenenc();
		const at = list.take(size);
		if (at < 0) break;
		const one = new Cursor(list.bytes, at, at + size);
		// a variable may hold a secret of nobody: its name and value are what the server chose to tell
		if (kind === 0) while (one.left > 0 && !one.isBad) variables.push(`${one.lenencText()}=${one.lenencText()}`);
		else if (kind === 1) changes.schema = one.lenencText();
		else if (kind === 3) {
			one.u8();
			changes.attributes["mysql.session.gtids"] = one.lenencText();
		} else if (kind < TRACKED.length) changes.attributes[`mysql.session.${TRACKED[kind]}`] = one.lenencText();
	}
	if (variables.length > 0) changes.attributes["mysql.session.variables"] = variables;
	if (changes.schema !== null) changes.attributes["mysql.session.schema"] = changes.schema;
	return changes;
}

export type OutcomeAttributes = Record<string, string | number | readonly string[]>;

/** What of an OK or EOF is worth telling; counts that are 0 are left out of results with rows. */
export function okAttributes(ok: OkPacket, hasRows: boolean): OutcomeAttributes {
	const attributes: OutcomeAttributes = {};
	if (!hasRows) attributes["mysql.affected_rows"] = ok.affectedRows;
	if (ok.lastInsertId !== 0) attributes["mysql.last_insert_id"] = ok.lastInsertId;
	if (ok.warnings !== 0) attributes["mysql.warnings"] = ok.warnings;
	if (ok.info !== "") attributes["mysql.info"] = ok.info;
	// that more results follow is seen by those
	attributes["mysql.status"] = statusNames(ok.status & ~MORE_RESULTS);
	return ok.changes === null ? attributes : Object.assign(attributes, ok.changes.attributes);
}

export interface ErrPacket {
	readonly code: number;
	/** Null: before the two ends agreed on it. */
	readonly state: string | null;
	readonly message: string;
}

export const PROGRESS_CODE = 0xffff;

export function readErr(bytes: Buffer, from: number, to: number): ErrPacket | null {
	if (to - from < 3) return null;
	const code = bytes.readUInt16LE(from + 1);
	const hasState = to - from >= 9 && bytes[from + 3] === 0x23;
	const state = hasState ? bytes.toString("latin1", from + 4, from + 9) : null;
	return { code, state, message: bytes.toString("utf8", from + (hasState ? 9 : 3), to) };
}

export function errAttributes({ code, state, message }: ErrPacket): OutcomeAttributes {
	const attributes: OutcomeAttributes = { "db.response.status_code": String(code), "error.type": String(code) };
	if (state !== null) attributes["mysql.sqlstate"] = state;
	attributes["mysql.error_message"] = message;
	return attributes;
}

export interface Progress {
	readonly stage: number;
	readonly maxStage: number;
	/** Per cent. */
	readonly progress: number;
	readonly info: string;
}

/** MariaDB's progress report, an ERR packet with a code that no error has. */
export function readProgress(bytes: Buffer, from: number, to: number): Progress | null {
	const cursor = new Cursor(bytes, from + 3, to);
	cursor.u8();
	const stage = cursor.u8();
	const maxStage = cursor.u8();
	const progress = cursor.u24() / 1000;
	const info = cursor.lenencText();
	return cursor.isBad ? null : { stage, maxStage, progress, info };
}
