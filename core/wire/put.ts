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
	const digits = decimalDigits(value);
	let rest = value | 0;
	for (let i = at + digits - 1; i >= at; i--) {
		const tenth = (rest / 10) | 0;
		out[i] = 0x30 + rest - tenth * 10;
		rest = tenth;
	}
	return at + digits;
}

/** How many digits `putInteger` writes. */
export function decimalDigits(value: number): number {
	let digits = 1;
	for (let limit = 10; value >= limit; limit *= 10) digits++;
	return digits;
}

/** Two hexadecimal digits of each byte, as one little-endian number. */
const HEX_PAIRS = new Uint16Array(
	Array.from({ length: 256 }, (_, i) => {
		const pair = i.toString(16).padStart(2, "0");
		return pair.charCodeAt(0) | (pair.charCodeAt(1) << 8);
	}),
);

export function putHex32(out: Buffer, at: number, value: number): number {
	const a = HEX_PAIRS[value >>> 24]!;
	const b = HEX_PAIRS[(value >>> 16) & 255]!;
	const c = HEX_PAIRS[(value >>> 8) & 255]!;
	const d = HEX_PAIRS[value & 255]!;
	out[at] = a;
	out[at + 1] = a >>> 8;
	out[at + 2] = b;
	out[at + 3] = b >>> 8;
	out[at + 4] = c;
	out[at + 5] = c >>> 8;
	out[at + 6] = d;
	out[at + 7] = d >>> 8;
	return at + 8;
}

/** 16 ASCII characters. */
export function putHash(out: Buffer, at: number, digits: string): number {
	for (let i = 0; i < 16; i++) out[at + i] = digits.charCodeAt(i);
	return at + 16;
}

/** Three digits of each number below a thousand. */
const THREE_DIGITS = new Uint8Array(
	Buffer.from(Array.from({ length: 1000 }, (_, i) => String(i).padStart(3, "0")).join("")),
);

/** Width of a time: `2026-01-02T03:04:05.123456`, without the Z. */
export const TIME_BYTES = 26;
const SECOND_BYTES = 20;
/** What stands in a piece where a time will be. */
export const TIME_HOLE = "0".repeat(TIME_BYTES);

/** The second that most times of a record fall into: its text is stamped into pieces once, not once a record. */
let second = Number.NaN;
let secondStartUs = Number.NaN;
const secondBytes = new Uint8Array(SECOND_BYTES);

/** Constant text with holes for times. */
export class TimedPiece {
	readonly bytes: Uint8Array;
	readonly length: number;
	second = Number.NaN;
	readonly #holes: readonly number[];

	constructor(text: string) {
		this.bytes = new Uint8Array(Buffer.from(text));
		this.length = this.bytes.length;
		const holes: number[] = [];
		for (let at = text.indexOf(TIME_HOLE); at >= 0; at = text.indexOf(TIME_HOLE, at + TIME_BYTES))
			holes.push(Buffer.byteLength(text.slice(0, at)));
		this.#holes = holes;
	}

	stamp(): void {
		this.second = second;
		for (const hole of this.#holes) this.bytes.set(secondBytes, hole);
	}
}

/** Says which second the pieces that follow are stamped with. */
export function setSecond(us: number): void {
	const within = us - secondStartUs;
	if (within >= 0 && within < 1e6) return;
	second = Math.floor(us / 1e6);
	secondStartUs = second * 1e6;
	secondBytes.set(Buffer.from(`${secondText(second)}.`));
}

/** The second that `setSecond` said. */
export function secondNow(): number {
	return second;
}

/** Writes that second into the hole at `at`. */
export function stampSecond(bytes: Uint8Array, at: number): void {
	bytes.set(secondBytes, at);
}

/** The piece with the second in its holes; `putMicros` completes them. */
export function putTimed(out: Buffer, at: number, piece: TimedPiece): number {
	if (piece.second !== second) piece.stamp();
	out.set(piece.bytes, at);
	return at + piece.length;
}

/** Completes the time in the hole at `at`. */
export function putMicros(out: Buffer, at: number, us: number): void {
	let rest = us - secondStartUs;
	if (!(rest >= 0 && rest < 1e6)) {
		const other = Math.floor(us / 1e6);
		out.write(`${secondText(other)}.`, at, "latin1");
		rest = us - other * 1e6;
	}
	const thousands = (rest / 1000) | 0;
	const high = thousands * 3;
	const low = ((rest | 0) - thousands * 1000) * 3;
	out[at + 20] = THREE_DIGITS[high]!;
	out[at + 21] = THREE_DIGITS[high + 1]!;
	out[at + 22] = THREE_DIGITS[high + 2]!;
	out[at + 23] = THREE_DIGITS[low]!;
	out[at + 24] = THREE_DIGITS[low + 1]!;
	out[at + 25] = THREE_DIGITS[low + 2]!;
}
