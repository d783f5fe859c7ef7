/** A body's bytes into a JSON record, without a string between where that can be. */
import { isUtf8 } from "node:buffer";
import type { Payload } from "../engine/payload.js";
import { put } from "./put.js";

const UTF8 = new Uint8Array(Buffer.from(`"utf8","data":"`));
const BASE64 = new Uint8Array(Buffer.from(`"base64","data":"`));

/** What follows the backslash for each byte that JSON does not take as it is; 0: it does. `u`: four digits follow. */
const ESCAPES = new Uint8Array(256);
ESCAPES.fill(0x75, 0, 0x20);
for (const [character, letter] of ["\bb", "\ff", "\nn", "\rr", "\tt", '""', "\\\\"])
	ESCAPES[character!.charCodeAt(0)] = letter!.charCodeAt(0);
const HEX = Buffer.from("0123456789abcdef");

/** Bodies in several pieces are put together here: fresh pages would cost more than the copy. */
const scratch = Buffer.allocUnsafeSlow(1 << 21);
/** So much is encoded at once: a multiple of 3, and a string that needs no fresh pages either. */
const BASE64_BYTES = 3 << 13;

/** Enough to tell most binary bodies from text. */
const LOOK_BYTES = 1 << 12;

/** `"utf8","data":"…` where the bytes are valid UTF-8, `"base64","data":"…` otherwise; returns the position after it. */
export function putEncodedData(out: Buffer, at: number, payload: Payload): number {
	const views = payload.views();
	if (views.length === 0 || mayBeUtf8(views[0]!)) {
		const bytes = payload.contiguous(scratch);
		if (isUtf8(bytes)) return putEscaped(out, put(out, at, UTF8), bytes);
	}
	const start = put(out, at, BASE64);
	if (Math.ceil(payload.captured / 3) * 4 > out.length - start) throw new RangeError("no room");
	return putBase64(out, start, views);
}

/** A short look: the native check reads all there is before it says no. */
function mayBeUtf8(bytes: Uint8Array): boolean {
	if (bytes.length <= LOOK_BYTES) return true;
	let end = LOOK_BYTES;
	// not in the middle of a character
	while (end > LOOK_BYTES - 4 && (bytes[end]! & 0xc0) === 0x80) end--;
	return isUtf8(bytes.subarray(0, end));
}

function putBase64(out: Buffer, from: number, views: readonly Uint8Array[]): number {
	const group = Buffer.alloc(3);
	let held = 0;
	let at = from;
	for (const view of views) {
		const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
		let next = 0;
		if (held > 0) {
			while (held < 3 && next < bytes.length) group[held++] = bytes[next++]!;
			if (held < 3) continue;
			at += out.write(group.toString("base64"), at, "latin1");
		}
		held = (bytes.length - next) % 3;
		const whole = bytes.length - held;
		for (; next < whole; next += BASE64_BYTES)
			at += out.write(bytes.toString("base64", next, Math.min(next + BASE64_BYTES, whole)), at, "latin1");
		bytes.copy(group, 0, whole);
	}
	return held === 0 ? at : at + out.write(group.toString("base64", 0, held), at, "latin1");
}

/** Valid UTF-8 as the inside of a JSON string, byte for byte what `JSON.stringify` makes of it. May run past the end. */
function putEscaped(out: Buffer, from: number, bytes: Uint8Array): number {
	let at = from;
	for (let i = 0; i < bytes.length; i++) {
		const byte = bytes[i]!;
		const letter = ESCAPES[byte]!;
		if (letter === 0) {
			out[at++] = byte;
			continue;
		}
		out[at++] = 0x5c;
		out[at++] = letter;
		if (letter !== 0x75) continue;
		out[at++] = 0x30;
		out[at++] = 0x30;
		out[at++] = HEX[byte >> 4]!;
		out[at++] = HEX[byte & 15]!;
	}
	return at;
}
