/** Parameters of COM_STMT_EXECUTE and COM_STMT_BULK_EXECUTE, and attributes of COM_QUERY. */
import type { StructuredValue } from "../../core/index.js";
import { BLOB, GEOMETRY, TINY_BLOB } from "./column-types.js";
import { Cursor } from "./cursor.js";
import { fixedValue } from "./rows.js";
import type { Statement } from "./statements.js";
import { binaryValue, utf8Value } from "./values.js";

/** A parameter type's second byte. */
const IS_UNSIGNED = 0x80;
const HAS_PARAMETER_COUNT = 0x08;

/** Null: the type is not one that this version knows, or the bytes end. */
function parameterValue(type: number, flags: number, cursor: Cursor): StructuredValue {
	const fixed = fixedValue(type, (flags & IS_UNSIGNED) !== 0, 0, cursor);
	if (fixed !== undefined) return fixed;
	const from = cursor.take(cursor.lenenc());
	if (from < 0) return null;
	const isBlob = (type >= TINY_BLOB && type <= BLOB) || type === GEOMETRY;
	return isBlob ? binaryValue(cursor.bytes, from, cursor.at) : utf8Value(cursor.bytes, from, cursor.at);
}

export interface Parameters {
	readonly values: readonly StructuredValue[];
	/** Query attributes, by name. */
	readonly attributes: readonly (readonly [name: string, value: StructuredValue])[];
}

const NONE: Parameters = { values: [], attributes: [] };

/**
 * The parameters of an EXECUTE, `from` being behind its iteration count. Null: they cannot be read, because the statement
 * or its types are not known, or because the bytes do not fit. `hasAttributes`: the client may send query attributes.
 */
export function executeParameters(
	statement: Statement,
	flags: number,
	bytes: Buffer,
	from: number,
	to: number,
	hasAttributes: boolean,
): Parameters | null {
	const cursor = new Cursor(bytes, from, to);
	let count = statement.parameterCount;
	const own = count;
	if (hasAttributes && (flags & HAS_PARAMETER_COUNT) !== 0) count = cursor.lenenc();
	if (count < 0 || count > 65_535 || (own >= 0 && count < own)) return null;
	if (count === 0) return cursor.isDone ? NONE : null;
	const bitmap = cursor.take((count + 7) >> 3);
	const isBound = cursor.u8();
	if (cursor.isBad || isBound > 1) return null;
	const names: string[] = [];
	if (isBound === 1) {
		const types = Buffer.allocUnsafe(count * 2);
		for (let i = 0; i < count; i++) {
			types.writeUInt16LE(cursor.u16(), i * 2);
			if (hasAttributes) names.push(cursor.lenencText());
		}
		if (cursor.isBad) return null;
		statement.types = types;
	}
	const { types, longData } = statement;
	if (types === null || types.length < count * 2) return null;
	const values: StructuredValue[] = [];
	for (let i = 0; i < count; i++) {
		const sentAhead = longData?.get(i);
		const isNull = (bytes[bitmap + (i >> 3)]! & (1 << (i & 7))) !== 0;
		if (sentAhead !== undefined) values.push({ long_data_bytes: sentAhead });
		else values.push(isNull ? null : parameterValue(types[i * 2]!, types[i * 2 + 1]!, cursor));
	}
	if (!cursor.isDone) return null;
	if (own < 0 || count === own) return { values, attributes: [] };
	return {
		values: values.slice(0, own),
		attributes: values.slice(own).map((value, i) => [names[own + i] ?? "", value]),
	};
}

const WITH_TYPES = 0x80;
const INDICATORS: Readonly<Record<number, StructuredValue>> = {
	1: null,
	2: { indicator: "default" },
	3: { indicator: "ignore" },
};

/**
 * MariaDB's COM_STMT_BULK_EXECUTE, `from` being behind its flags: one list of values for each row. Calls `row` with the
 * bytes that it took. False: the rest could not be read.
 */
export function bulkParameters(
	statement: Statement,
	flags: number,
	bytes: Buffer,
	from: number,
	to: number,
	row: (values: readonly StructuredValue[], length: number) => void,
): boolean {
	const count = statement.parameterCount;
	if (count <= 0) return false;
	const cursor = new Cursor(bytes, from, to);
	if ((flags & WITH_TYPES) !== 0) {
		const at = cursor.take(count * 2);
		if (at < 0) return false;
		statement.types = Buffer.from(bytes.subarray(at, at + count * 2));
	}
	const { types } = statement;
	if (types === null || types.length < count * 2) return false;
	while (cursor.left > 0) {
		const start = cursor.at;
		const values: StructuredValue[] = [];
		for (let i = 0; i < count; i++) {
			const indicator = cursor.u8();
			if (indicator > 3) return false;
			values.push(indicator === 0 ? parameterValue(types[i * 2]!, types[i * 2 + 1]!, cursor) : INDICATORS[indicator]!);
		}
		if (cursor.isBad) return false;
		row(values, cursor.at - start);
	}
	return true;
}

export interface QueryStart {
	/** Where the statement begins. */
	readonly at: number;
	readonly attributes: readonly (readonly [name: string, value: StructuredValue])[];
}

/**
 * What stands before the statement of a COM_QUERY where the client sends query attributes, `from` being behind the
 * command's byte. Null: it cannot be read.
 */
export function queryStart(bytes: Buffer, from: number, to: number): QueryStart | null {
	const cursor = new Cursor(bytes, from, to);
	const count = cursor.lenenc();
	const sets = cursor.lenenc();
	if (cursor.isBad || count < 0 || count > 65_535 || sets !== 1) return null;
	if (count === 0) return { at: cursor.at, attributes: [] };
	const bitmap = cursor.take((count + 7) >> 3);
	if (cursor.u8() !== 1) return null;
	const heads: [type: number, flags: number, name: string][] = [];
	for (let i = 0; i < count && !cursor.isBad; i++) heads.push([cursor.u8(), cursor.u8(), cursor.lenencText()]);
	if (cursor.isBad) return null;
	const attributes = heads.map(([type, flags, name], i): readonly [string, StructuredValue] => {
		const isNull = (bytes[bitmap + (i >> 3)]! & (1 << (i & 7))) !== 0;
		return [name, isNull ? null : parameterValue(type, flags, cursor)];
	});
	return cursor.isBad ? null : { at: cursor.at, attributes };
}
