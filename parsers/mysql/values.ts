/** Values of the text and the binary protocol as plain data. What is not text is `{ base64 }`. */
import { isAscii, isUtf8 } from "node:buffer";
import type { StructuredValue } from "../../core/index.js";
import { decodeText } from "./charsets.js";

const SHORT_TEXT_BYTES = 24;

export function binaryValue(bytes: Buffer, from: number, to: number): StructuredValue {
	return { base64: bytes.toString("base64", from, to) };
}

/** UTF-8, or what it is where it is not that. */
export function utf8Value(bytes: Buffer, from: number, to: number): StructuredValue {
	if (to - from <= SHORT_TEXT_BYTES) {
		let at = from;
		while (at < to && bytes[at]! < 0x80) at++;
		if (at === to) return bytes.toString("latin1", from, to);
	}
	const view = bytes.subarray(from, to);
	if (isAscii(view)) return view.toString("latin1");
	return isUtf8(view) ? view.toString("utf8") : binaryValue(bytes, from, to);
}

export function charsetValue(charset: string, bytes: Buffer, from: number, to: number): StructuredValue {
	return decodeText(charset, bytes.subarray(from, to)) ?? binaryValue(bytes, from, to);
}

/** Digits as a number where that is exact, and as they are otherwise. */
export function integerText(bytes: Buffer, from: number, to: number): number | string {
	let at = from;
	const isNegative = bytes[at] === 0x2d;
	if (isNegative) at++;
	if (at < to && to - at <= 15) {
		let value = 0;
		while (at < to) {
			const digit = bytes[at]! - 0x30;
			if (digit < 0 || digit > 9) break;
			value = value * 10 + digit;
			at++;
		}
		if (at === to) return isNegative && value !== 0 ? -value : value;
	}
	const text = bytes.toString("latin1", from, to);
	const value = Number(text);
	return Number.isSafeInteger(value) && /^-?\d+$/.test(text) ? value : text;
}

export function numberText(bytes: Buffer, from: number, to: number): number | string {
	const text = bytes.toString("latin1", from, to);
	const value = Number(text);
	return Number.isFinite(value) && text !== "" ? value : text;
}

/** A string of bits as an unsigned number; in decimal digits where a number cannot say it. */
export function bitValue(bytes: Buffer, from: number, to: number): number | string {
	let value = 0;
	for (let at = from; at < to; at++) value = value * 256 + bytes[at]!;
	if (value <= Number.MAX_SAFE_INTEGER) return value;
	return BigInt(`0x${bytes.toString("hex", from, to)}`).toString();
}

export function int64(bytes: Buffer, at: number, isUnsigned: boolean): number | string {
	const low = bytes.readUInt32LE(at);
	const high = isUnsigned ? bytes.readUInt32LE(at + 4) : bytes.readInt32LE(at + 4);
	const value = high * 2 ** 32 + low;
	if (Number.isSafeInteger(value)) return value;
	return (isUnsigned ? bytes.readBigUInt64LE(at) : bytes.readBigInt64LE(at)).toString();
}

/** The shortest decimal that is this 32-bit number. */
export function float32(bytes: Buffer, at: number): number | string {
	const value = bytes.readFloatLE(at);
	if (!Number.isFinite(value)) return String(value);
	for (let digits = 6; digits < 9; digits++) {
		const shorter = Number(value.toPrecision(digits));
		if (Math.fround(shorter) === value) return shorter;
	}
	return value;
}

export function float64(bytes: Buffer, at: number): number | string {
	const value = bytes.readDoubleLE(at);
	return Number.isFinite(value) ? value : String(value);
}

const two = (value: number): string => (value < 10 ? `0${value}` : String(value));

function fraction(microseconds: number, decimals: number): string {
	const digits = String(microseconds).padStart(6, "0");
	if (decimals > 0 && decimals <= 6) return `.${digits.slice(0, decimals)}`;
	return microseconds === 0 ? "" : `.${digits}`;
}

/** `2026-01-02`, with the time where it is not a DATE. Lengths are 0, 4, 7 or 11; null for another. */
export function dateTime(bytes: Buffer, at: number, length: number, isDate: boolean, decimals: number): string | null {
	if (length !== 0 && length !== 4 && length !== 7 && length !== 11) return null;
	const year = length === 0 ? 0 : bytes.readUInt16LE(at);
	const month = length === 0 ? 0 : bytes[at + 2]!;
	const day = length === 0 ? 0 : bytes[at + 3]!;
	const date = `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
	if (isDate) return date;
	const [hour, minute, second] = length >= 7 ? [bytes[at + 4]!, bytes[at + 5]!, bytes[at + 6]!] : [0, 0, 0];
	const micros = length === 11 ? bytes.readUInt32LE(at + 7) : 0;
	return `${date} ${two(hour)}:${two(minute)}:${two(second)}${fraction(micros, decimals)}`;
}

/** `-838:59:59.000000`. Lengths are 0, 8 or 12; null for another. */
export function timeOfDay(bytes: Buffer, at: number, length: number, decimals: number): string | null {
	if (length !== 0 && length !== 8 && length !== 12) return null;
	if (length === 0) return `00:00:00${fraction(0, decimals)}`;
	const hours = bytes.readUInt32LE(at + 1) * 24 + bytes[at + 5]!;
	const micros = length === 12 ? bytes.readUInt32LE(at + 8) : 0;
	const sign = bytes[at] === 1 ? "-" : "";
	return `${sign}${two(hours)}:${two(bytes[at + 6]!)}:${two(bytes[at + 7]!)}${fraction(micros, decimals)}`;
}
