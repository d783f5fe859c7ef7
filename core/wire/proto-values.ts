/** What is the same in every message of exchange.proto: words, times, attributes, header fields, the data of a body. */
import { isUtf8 } from "node:buffer";
import type { Attributes, AttributeValue, BodyGap, HeaderList } from "../exchange.js";
import { TAG, WORDS } from "./exchange-proto.js";
import { close, open, putBytes, putCount, putMicroseconds, putString, putVarint } from "./put-proto.js";

/** Integers beyond this are written as doubles, which hold them as well. */
const LARGEST_ZIGZAG = 2 ** 51;
/** Most nested messages here are shorter than this. */
const SMALL = 64;

type Numbers = Readonly<Record<string, number | undefined>>;

const numbersOf = (words: readonly string[]): Numbers =>
	Object.assign(Object.create(null), Object.fromEntries(words.map((word, number) => [word, number])));

/** A field of its own for each list: this is asked ten times a record. */
const NUMBERS: Readonly<Record<keyof typeof WORDS, Numbers>> = {
	IdScope: numbersOf(WORDS.IdScope),
	Kind: numbersOf(WORDS.Kind),
	Outcome: numbersOf(WORDS.Outcome),
	Transport: numbersOf(WORDS.Transport),
	Vantage: numbersOf(WORDS.Vantage),
	Completeness: numbersOf(WORDS.Completeness),
	Encoding: numbersOf(WORDS.Encoding),
	Cause: numbersOf(WORDS.Cause),
};

/** A word of a closed list, by its number. */
export function putWord(out: Buffer, at: number, tag: number, list: keyof typeof WORDS, word: string): number {
	const number = NUMBERS[list][word];
	if (number === undefined || number === 0) throw new TypeError(`"${word}" is not a word of ${list}`);
	out[at] = tag;
	out[at + 1] = number;
	return at + 2;
}

const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/;

/** RFC 3339 in UTC with at most microseconds. */
export function putTime(out: Buffer, at: number, tag: number, text: string): number {
	const [, seconds, fraction = ""] = TIME.exec(text) ?? [];
	const ms = seconds === undefined ? Number.NaN : Date.parse(`${seconds}Z`);
	if (Number.isNaN(ms)) throw new TypeError(`"${text}" is not a time`);
	return putMicroseconds(out, at, tag, ms * 1000 + Number(fraction.padEnd(6, "0")));
}

export function putAttributes(out: Buffer, from: number, tag: number, attributes: Attributes): number {
	let at = from;
	for (const name of Object.keys(attributes)) {
		const value = attributes[name];
		if (value === undefined) continue;
		const end = putValue(out, putString(out, open(out, at, tag, SMALL), TAG.ATTRIBUTE_NAME, name), value);
		at = close(out, at, SMALL, end);
	}
	return at;
}

function putValue(out: Buffer, at: number, value: AttributeValue): number {
	switch (typeof value) {
		case "string":
			return putString(out, at, TAG.ATTRIBUTE_TEXT, value);
		case "boolean":
			out[at] = TAG.ATTRIBUTE_TRUTH;
			out[at + 1] = value ? 1 : 0;
			return at + 2;
		case "number":
			if (Number.isInteger(value) && Math.abs(value) <= LARGEST_ZIGZAG) {
				out[at] = TAG.ATTRIBUTE_INTEGER;
				return putVarint(out, at + 1, value < 0 ? -2 * value - 1 : 2 * value);
			}
			out[at] = TAG.ATTRIBUTE_NUMBER;
			return out.writeDoubleLE(value, at + 1);
	}
	if (!Array.isArray(value)) throw new TypeError("an attribute is text, a number, a truth value or a list of texts");
	let end = open(out, at, TAG.ATTRIBUTE_TEXTS, SMALL);
	for (const item of value) end = putString(out, end, TAG.TEXTS_ITEMS, item);
	return close(out, at, SMALL, end);
}

export function putHeaders(out: Buffer, from: number, tag: number, headers: HeaderList): number {
	let at = from;
	for (const [name, value] of headers) {
		const start = open(out, at, tag, SMALL);
		const end = putString(out, putString(out, start, TAG.HEADER_FIELD_NAME, name), TAG.HEADER_FIELD_VALUE, value);
		at = close(out, at, SMALL, end);
	}
	return at;
}

export function putGaps(out: Buffer, from: number, tag: number, gaps: readonly BodyGap[]): number {
	let at = from;
	for (const gap of gaps) {
		let end = putCount(out, open(out, at, tag, SMALL), TAG.GAP_FROM, gap.from);
		if (gap.to !== null) end = putCount(out, end, TAG.GAP_TO, gap.to);
		at = close(out, at, SMALL, putWord(out, end, TAG.GAP_CAUSE, "Cause", gap.cause));
	}
	return at;
}

/** The fields that hold the data of a body, or of a message in one. */
export interface DataTags {
	readonly encoding: number;
	readonly text: number;
	readonly binary: number;
	readonly json: number;
}

export const BODY_TAGS: DataTags = {
	encoding: TAG.BODY_ENCODING,
	text: TAG.BODY_TEXT,
	binary: TAG.BODY_BINARY,
	json: TAG.BODY_JSON,
};

export const SUB_MESSAGE_TAGS: DataTags = {
	encoding: TAG.SUB_MESSAGE_ENCODING,
	text: TAG.SUB_MESSAGE_TEXT,
	binary: TAG.SUB_MESSAGE_BINARY,
	json: TAG.SUB_MESSAGE_JSON,
};

/** The data of a record; base64 becomes the bytes that it stands for. */
export function putData(out: Buffer, from: number, tags: DataTags, encoding: string, data: unknown): number {
	const at = putWord(out, from, tags.encoding, "Encoding", encoding);
	if (encoding === "json" || typeof data !== "string") {
		const text = JSON.stringify(data);
		return text === undefined ? at : putString(out, at, tags.json, text);
	}
	if (encoding === "base64") {
		const bytes = Buffer.from(data, "base64");
		if (bytes.toString("base64") === data) return putBytes(out, at, tags.binary, bytes);
	}
	return putString(out, at, tags.text, data);
}

/** Bytes as they are: text where they are UTF-8. */
export function putRaw(out: Buffer, from: number, tags: DataTags, bytes: Uint8Array): number {
	const isText = isUtf8(bytes);
	const at = putWord(out, from, tags.encoding, "Encoding", isText ? "utf8" : "base64");
	return putBytes(out, at, isText ? tags.text : tags.binary, bytes);
}
