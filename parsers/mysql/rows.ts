import type { StructuredValue } from "../../core/index.js";
import {
	AS_ASCII,
	AS_BINARY,
	AS_BIT,
	AS_INTEGER,
	AS_NUMBER,
	AS_UTF8,
	DATE,
	DATETIME,
	DOUBLE,
	FLOAT,
	INT24,
	LONG,
	LONGLONG,
	NULL,
	SHORT,
	TIME,
	TIMESTAMP,
	TINY,
	UNSIGNED,
	YEAR,
} from "./column-types.js";
import type { Column, ColumnSet } from "./columns.js";
import { Cursor } from "./cursor.js";
import {
	binaryValue,
	bitValue,
	charsetValue,
	dateTime,
	float32,
	float64,
	int64,
	integerText,
	numberText,
	timeOfDay,
	utf8Value,
} from "./values.js";

type Row = Record<string, StructuredValue>;

const emptyRow = (set: ColumnSet): Row => (set.hasProto ? Object.create(null) : {});

/** A row of the text protocol. Null: these bytes are not one of those columns. */
export function textRow(set: ColumnSet, bytes: Buffer, from: number, to: number): Row | null {
	const row = emptyRow(set);
	const { columns } = set;
	let at = from;
	for (let i = 0; i < columns.length; i++) {
		const column = columns[i]!;
		if (at >= to) return null;
		const first = bytes[at]!;
		if (first === 0xfb) {
			row[column.name] = null;
			at++;
			continue;
		}
		let length = first;
		at++;
		if (first > 0xfb) {
			const cursor = new Cursor(bytes, at - 1, to);
			length = cursor.lenenc();
			if (cursor.isBad) return null;
			at = cursor.at;
		}
		const end = at + length;
		if (end > to) return null;
		row[column.name] = column.reading === AS_INTEGER ? integerText(bytes, at, end) : textValue(column, bytes, at, end);
		at = end;
	}
	return at === to ? row : null;
}

function textValue(column: Column, bytes: Buffer, from: number, to: number): StructuredValue {
	switch (column.reading) {
		case AS_NUMBER:
			return numberText(bytes, from, to);
		case AS_ASCII:
			return bytes.toString("latin1", from, to);
		default:
			return stringValue(column, bytes, from, to);
	}
}

function stringValue(column: Column, bytes: Buffer, from: number, to: number): StructuredValue {
	switch (column.reading) {
		case AS_UTF8:
			return utf8Value(bytes, from, to);
		case AS_BIT:
			return bitValue(bytes, from, to);
		case AS_BINARY:
			return binaryValue(bytes, from, to);
		case AS_ASCII:
			return bytes.toString("latin1", from, to);
		default:
			return charsetValue(column.charset!, bytes, from, to);
	}
}

/** A row of the binary protocol. Null: these bytes are not one of those columns. */
export function binaryRow(set: ColumnSet, bytes: Buffer, from: number, to: number): Row | null {
	const { columns } = set;
	const bitmap = from + 1;
	const cursor = new Cursor(bytes, bitmap + ((columns.length + 9) >> 3), to);
	if (bytes[from] !== 0 || cursor.at > to) return null;
	const row = emptyRow(set);
	for (let i = 0; i < columns.length; i++) {
		const column = columns[i]!;
		const bit = i + 2;
		const isNull = (bytes[bitmap + (bit >> 3)]! & (1 << (bit & 7))) !== 0;
		row[column.name] = isNull ? null : binaryColumn(column, cursor);
	}
	return cursor.isDone ? row : null;
}

function binaryColumn(column: Column, cursor: Cursor): StructuredValue {
	const fixed = fixedValue(column.type, (column.flags & UNSIGNED) !== 0, column.decimals, cursor);
	if (fixed !== undefined) return fixed;
	const from = cursor.take(cursor.lenenc());
	return from < 0 ? null : stringValue(column, cursor.bytes, from, cursor.at);
}

/** Undefined: a type whose values are strings of bytes. */
export function fixedValue(
	type: number,
	isUnsigned: boolean,
	decimals: number,
	cursor: Cursor,
): StructuredValue | undefined {
	const { bytes } = cursor;
	switch (type) {
		case TINY: {
			const value = cursor.u8();
			return isUnsigned ? value : (value << 24) >> 24;
		}
		case SHORT:
		case YEAR: {
			const value = cursor.u16();
			return isUnsigned ? value : (value << 16) >> 16;
		}
		case LONG:
		case INT24: {
			const value = cursor.u32();
			return isUnsigned ? value : value | 0;
		}
		case LONGLONG:
			return cursor.take(8) < 0 ? null : int64(bytes, cursor.at - 8, isUnsigned);
		case FLOAT:
			return cursor.take(4) < 0 ? null : float32(bytes, cursor.at - 4);
		case DOUBLE:
			return cursor.take(8) < 0 ? null : float64(bytes, cursor.at - 8);
		case NULL:
			return null;
		case DATE:
		case DATETIME:
		case TIMESTAMP:
		case 14:
		case TIME: {
			const length = cursor.u8();
			const at = cursor.take(length);
			if (at < 0) return null;
			const isDate = type === DATE || type === 14;
			const text =
				type === TIME ? timeOfDay(bytes, at, length, decimals) : dateTime(bytes, at, length, isDate, decimals);
			if (text === null) cursor.isBad = true;
			return text;
		}
		default:
			return undefined;
	}
}
