import { isUtf8 } from "node:buffer";

/** Is a text that comes in pieces UTF-8? A character may lie in several pieces. */
export class Utf8Check {
	readonly #pending = new Uint8Array(4);
	#pendingBytes = 0;
	/** Bytes that the pending character has as a whole. */
	#wanted = 0;

	/** False: it is not. Nothing is to be asked after that. */
	push(bytes: Uint8Array, from: number, to: number): boolean {
		let at = from;
		while (this.#pendingBytes > 0 && at < to) {
			this.#pending[this.#pendingBytes++] = bytes[at++]!;
			if (!mayBegin(this.#pending, this.#pendingBytes)) return false;
			if (this.#pendingBytes === this.#wanted) this.#pendingBytes = 0;
		}
		if (to - at <= SHORT) {
			while (at < to && bytes[at]! < 0x80) at++;
			if (at === to) return true;
		}
		const whole = wholeCharacters(bytes, at, to);
		if (whole < to) {
			this.#wanted = sequenceLength(bytes[whole]!);
			for (let i = whole; i < to; i++) this.#pending[this.#pendingBytes++] = bytes[i]!;
			if (!mayBegin(this.#pending, this.#pendingBytes)) return false;
		}
		return whole === at || isUtf8(new Uint8Array(bytes.buffer, bytes.byteOffset + at, whole - at));
	}

	/** The text is over: no character may be cut. */
	get isWhole(): boolean {
		return this.#pendingBytes === 0;
	}
}

/** Where the last character begins that may go on behind `to`; otherwise `to`. */
function wholeCharacters(bytes: Uint8Array, from: number, to: number): number {
	for (let back = 1; back <= 3 && to - back >= from; back++) {
		const byte = bytes[to - back]!;
		if ((byte & 0xc0) === 0x80) continue;
		return sequenceLength(byte) > back ? to - back : to;
	}
	return to;
}

/** Is it the beginning of a character, or all of it (RFC 3629, section 4)? Told with the first byte that is wrong. */
function mayBegin(bytes: Uint8Array, count: number): boolean {
	const lead = bytes[0]!;
	if (lead < 0xc2 || lead > 0xf4) return false;
	for (let i = 1; i < count; i++) if ((bytes[i]! & 0xc0) !== 0x80) return false;
	if (count < 2) return true;
	const second = bytes[1]!;
	if (lead === 0xe0) return second >= 0xa0;
	if (lead === 0xed) return second < 0xa0;
	if (lead === 0xf0) return second >= 0x90;
	return lead !== 0xf4 || second < 0x90;
}

function sequenceLength(lead: number): number {
	return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
}

const SHORT = 32;
