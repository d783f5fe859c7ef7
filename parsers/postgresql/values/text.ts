import { isUtf8 } from "node:buffer";
import type { StructuredValue } from "../../../core/index.js";
import { parseArray } from "./array-text.js";
import { elementOf, Oid } from "./oids.js";

/** How text is encoded on this connection: `client_encoding`, as far as it is known. */
export type Encoding = "utf8" | "latin1" | "other";

export function encodingOf(name: string): Encoding {
	const plain = name.toUpperCase().replace(/[^A-Z0-9]/g, "");
	if (plain === "UTF8" || plain === "UNICODE" || plain === "SQLASCII") return "utf8";
	return plain === "LATIN1" || plain === "ISO88591" ? "latin1" : "other";
}

/** Text where it can be read for certain, `{"base64": …}` otherwise. */
export function text(bytes: Uint8Array, from: number, to: number, encoding: Encoding): StructuredValue {
	const view = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from);
	if (encoding === "latin1") return view.toString("latin1");
	const decoded = view.toString("utf8");
	const isExact = encoding === "utf8" ? !decoded.includes("\ufffd") || isUtf8(view) : decoded.length === to - from;
	return isExact ? decoded : { base64: view.toString("base64") };
}

/** A value in text format. `oid` 0: the type is not known. */
export function textValue(
	oid: number,
	bytes: Uint8Array,
	from: number,
	to: number,
	encoding: Encoding,
): StructuredValue {
	const value = text(bytes, from, to, encoding);
	return typeof value === "string" ? typedText(oid, value) : value;
}

const INTEGER = /^-?(?:0|[1-9]\d{0,18})$/;
const FLOAT = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/;

/** Numbers and truth values as JSON has them, where that says the same; everything else stays what the server wrote. */
function typedText(oid: number, value: string): StructuredValue {
	switch (oid) {
		case Oid.text:
		case Oid.varchar:
			return value;
		case Oid.bool:
			return value === "t" ? true : value === "f" ? false : value;
		case Oid.int2:
		case Oid.int4:
		case Oid.int8:
		case Oid.oid: {
			const number = Number(value);
			return INTEGER.test(value) && value !== "-0" && Number.isSafeInteger(number) ? number : value;
		}
		case Oid.float4:
		case Oid.float8: {
			const number = Number(value);
			return FLOAT.test(value) && Number.isFinite(number) && !Object.is(number, -0) ? number : value;
		}
	}
	const element = elementOf(oid);
	if (element === undefined) return value;
	return parseArray(value, (item) => typedText(element, item)) ?? value;
}
