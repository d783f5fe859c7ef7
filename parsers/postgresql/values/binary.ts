import type { StructuredValue } from "../../../core/index.js";
import { binaryArray } from "./array-binary.js";
import { int16, int32, int64, uint32 } from "./integers.js";
import { inetText } from "./network.js";
import { numericText } from "./numeric.js";
import { elementOf, Oid } from "./oids.js";
import { type Encoding, text } from "./text.js";
import { dateText, intervalText, timestampText, timeText, timetzText } from "./times.js";

/**
 * A value in binary format, as what its text format would show. Null has no bytes and does not come here. What is of an
 * unknown type, or is not what its type says, is `{"oid": …, "base64": …}`.
 */
export function binaryValue(
	oid: number,
	bytes: Uint8Array,
	from: number,
	to: number,
	encoding: Encoding,
): StructuredValue {
	return known(oid, bytes, from, to, encoding) ?? unknown(oid, bytes, from, to);
}

function unknown(oid: number, bytes: Uint8Array, from: number, to: number): StructuredValue {
	return { oid, base64: Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("base64") };
}

function known(oid: number, bytes: Uint8Array, from: number, to: number, encoding: Encoding): StructuredValue {
	const length = to - from;
	switch (oid) {
		case Oid.bool:
			return length === 1 && bytes[from]! <= 1 ? bytes[from] === 1 : null;
		case Oid.int2:
			return length === 2 ? int16(bytes, from) : null;
		case Oid.int4:
			return length === 4 ? int32(bytes, from) : null;
		case Oid.oid:
		case Oid.xid:
		case Oid.cid:
		case Oid.regproc:
		case Oid.regclass:
		case Oid.regtype:
			return length === 4 ? uint32(bytes, from) : null;
		case Oid.int8:
			return length === 8 ? int64(bytes, from) : null;
		case Oid.float4:
			return length === 4 ? float4(view(bytes, from, to).readFloatBE(0)) : null;
		case Oid.float8:
			return length === 8 ? float8(view(bytes, from, to).readDoubleBE(0)) : null;
		case Oid.numeric:
			return numericText(bytes, from, to);
		case Oid.text:
		case Oid.varchar:
		case Oid.bpchar:
		case Oid.name:
		case Oid.xml:
		case Oid.json:
		case Oid.unknown:
		case Oid.void:
			return text(bytes, from, to, encoding);
		case Oid.char:
			return length === 1 ? text(bytes, from, to, encoding) : null;
		case Oid.jsonb:
			return length > 1 && bytes[from] === 1 ? text(bytes, from + 1, to, encoding) : null;
		case Oid.bytea:
			return `\\x${view(bytes, from, to).toString("hex")}`;
		case Oid.uuid:
			return length === 16
				? view(bytes, from, to)
						.toString("hex")
						.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")
				: null;
		case Oid.date:
			return length === 4 ? dateText(int32(bytes, from)) : null;
		case Oid.time:
			return length === 8 ? timeText(bytes, from) : null;
		case Oid.timetz:
			return length === 12 ? timetzText(bytes, from) : null;
		case Oid.timestamp:
			return length === 8 ? timestampText(bytes, from, "") : null;
		case Oid.timestamptz:
			return length === 8 ? timestampText(bytes, from, "+00") : null;
		case Oid.interval:
			return length === 16 ? intervalText(bytes, from) : null;
		case Oid.inet:
		case Oid.cidr:
			return inetText(bytes, from, to);
		case Oid.macaddr:
			return length === 6
				? view(bytes, from, to)
						.toString("hex")
						.replace(/..(?=.)/g, "$&:")
				: null;
		case Oid.bit:
		case Oid.varbit:
			return bitText(bytes, from, to);
	}
	const element = elementOf(oid);
	if (element === undefined) return null;
	return binaryArray(bytes, from, to, (type, start, end) => binaryValue(type, bytes, start, end, encoding));
}

function view(bytes: Uint8Array, from: number, to: number): Buffer {
	return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from);
}

/** What JSON cannot say is text. */
function float8(value: number): number | string {
	if (!Number.isFinite(value)) return String(value);
	return Object.is(value, -0) ? "-0" : value;
}

/** The shortest number that is this one in single precision. */
function float4(value: number): number | string {
	if (!Number.isFinite(value) || value === 0) return float8(value);
	for (let digits = 6; digits < 9; digits++) {
		const short = Number(value.toPrecision(digits));
		if (Math.fround(short) === value) return short;
	}
	return value;
}

function bitText(bytes: Uint8Array, from: number, to: number): string | null {
	if (to - from < 4) return null;
	const count = int32(bytes, from);
	if (count < 0 || to - from !== 4 + Math.ceil(count / 8)) return null;
	let bits = "";
	for (let i = from + 4; i < to; i++) bits += bytes[i]!.toString(2).padStart(8, "0");
	return bits.slice(0, count);
}
