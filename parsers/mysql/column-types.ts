/** The types of columns and parameters, by their number on the wire. */

export const DECIMAL = 0;
export const TINY = 1;
export const SHORT = 2;
export const LONG = 3;
export const FLOAT = 4;
export const DOUBLE = 5;
export const NULL = 6;
export const TIMESTAMP = 7;
export const LONGLONG = 8;
export const INT24 = 9;
export const DATE = 10;
export const TIME = 11;
export const DATETIME = 12;
export const YEAR = 13;
export const BIT = 16;
export const JSON_TYPE = 245;
export const NEWDECIMAL = 246;
export const ENUM = 247;
export const SET = 248;
export const TINY_BLOB = 249;
export const BLOB = 252;
export const GEOMETRY = 255;

const NAMES = new Map<number, string>([
	[DECIMAL, "decimal"],
	[TINY, "tinyint"],
	[SHORT, "smallint"],
	[LONG, "int"],
	[FLOAT, "float"],
	[DOUBLE, "double"],
	[NULL, "null"],
	[TIMESTAMP, "timestamp"],
	[LONGLONG, "bigint"],
	[INT24, "mediumint"],
	[DATE, "date"],
	[TIME, "time"],
	[DATETIME, "datetime"],
	[YEAR, "year"],
	[14, "date"],
	[15, "varchar"],
	[BIT, "bit"],
	[242, "vector"],
	[JSON_TYPE, "json"],
	[NEWDECIMAL, "decimal"],
	[ENUM, "enum"],
	[SET, "set"],
	[TINY_BLOB, "tinyblob"],
	[250, "mediumblob"],
	[251, "longblob"],
	[BLOB, "blob"],
	[253, "varchar"],
	[254, "char"],
	[GEOMETRY, "geometry"],
]);

/** Column flags. */
export const UNSIGNED = 0x20;
const IS_ENUM = 0x100;
const IS_SET = 0x800;

export function typeName(type: number, flags: number, isText: boolean): string {
	if ((flags & IS_ENUM) !== 0) return "enum";
	if ((flags & IS_SET) !== 0) return "set";
	const name = NAMES.get(type) ?? `type-${type}`;
	if (isText) return name.replace("blob", "text");
	if (type === 253 || type === 15) return "varbinary";
	if (type === 254) return "binary";
	const isNumber = type <= DOUBLE || type === LONGLONG || type === INT24 || type === NEWDECIMAL;
	return isNumber && (flags & UNSIGNED) !== 0 ? `${name} unsigned` : name;
}

/** How a value is read: fewer kinds than there are types. */
export const AS_INTEGER = 0;
export const AS_NUMBER = 1;
export const AS_ASCII = 2;
export const AS_UTF8 = 3;
export const AS_BINARY = 4;
export const AS_BIT = 5;
export const AS_CHARSET = 6;

export function readingOf(type: number, charset: string | null): number {
	switch (type) {
		case TINY:
		case SHORT:
		case LONG:
		case INT24:
		case LONGLONG:
		case YEAR:
			return AS_INTEGER;
		case FLOAT:
		case DOUBLE:
			return AS_NUMBER;
		case DECIMAL:
		case NEWDECIMAL:
		case NULL:
		case TIMESTAMP:
		case DATE:
		case TIME:
		case DATETIME:
		case 14:
			return AS_ASCII;
		case BIT:
			return AS_BIT;
		case JSON_TYPE:
			return AS_UTF8;
		case 242:
		case GEOMETRY:
			return AS_BINARY;
	}
	if (charset === "utf8" || charset === "ascii") return AS_UTF8;
	return charset === null || charset === "binary" ? AS_BINARY : AS_CHARSET;
}
