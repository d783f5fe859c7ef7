/** Writing bytes into one large buffer. Nothing here checks for room: `put` throws a RangeError, the rest runs past the end. */
import { secondText } from "./time.js";

export function put(out: Buffer, at: number, piece: Uint8Array): number {
	out.set(piece, at);
	return at + piece.length;
}

/** Any text, as UTF-8. */
export function putText(out: Buffer, at: number, text: string): number {
	const length = Buffer.byteLength(text);
	if (length > out.length - at) throw new RangeError("no room");
	out.write(text, at, length === text.length ? "latin1" : "utf8");
	return at + length;
}

/** A non-negative integer in decimal. */
export function putInteger(out: Buffer, at: number, value: number): number {
	if (value < 10) {
		out[at] = 0x30 + value;
		return at + 1;
	}
	if (value > 0x7fff_ffff) return putText(out, at, String(value));
	let digits = 2;
	for (let limit = 100; value >= limit && digits < 10; limit *= 10) digits++;
	let rest = value | 0;
	for (let i = at + digits - 1; i >= at; i--) {
		const tenth = (rest / 10) | 0;
		out[i] = 0x30 + rest - tenth * 10;
		rest = tenth;
	}
	return at + digits;
}

export function putHex32(out: Buffer, at: number, value: number): number {
	for (let i = 0; i < 8; i++) {
		const digit = (value >>> (28 - i * 4)) & 15;
		out[at + i] = digit < 10 ? 0x30 + digit : 0x57 + digit;
	}
	return at + 8;
}

let second = Number.NaN;
const secondBytes = new Uint8Array(20);

/** `2026-01-02T03:04:05.123456`, without the Z. */
export function putTime(out: Buffer, at: number, us: number): number {
	const whole = Math.floor(us / 1e6);
	if (whole !== second) {
		secondBytes.set(Buffer.from(`${secondText(whole)}.`));
		second = whole;
	}
	for (let i = 0; i < 20; i++) out[at + i] = secondBytes[i]!;
	let rest = (us - whole * 1e6) | 0;
	for (let i = at + 25; i >= at + 20; i--) {
		const tenth = (rest / 10) | 0;
		out[i] = 0x30 + rest - tenth * 10;
		rest = tenth;
	}
	return at + 26;
}

/** Up to this many bytes are looked at one by one; longer bodies go through strings, whose primitives are faster by then. */
const COPY_BYTES = 512;

/** Text that needs no escapes. -1: it does, or is longer than what is worth looking at byte by byte. */
export function copy(out: Buffer, at: number, bytes: Uint8Array): number {
	const { length } = bytes;
	if (length > COPY_BYTES) return -1;
	for (let i = 0; i < length; i++) {
		const byte = bytes[i]!;
		if (byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c) return -1;
		out[at + i] = byte;
	}
	return at + length;
}
