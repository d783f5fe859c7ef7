const MAX_NAME_BYTES = 255;
const MAX_POINTERS = 64;
const POINTER = 0xc0;

/** Reads a message from `from` to `to`. What is not there, or is not what it should be, sets `isBad` and reads as nothing. */
export class MessageReader {
	at: number;
	isBad = false;
	readonly bytes: Uint8Array;
	readonly from: number;
	readonly to: number;

	constructor(bytes: Uint8Array, from: number, to: number) {
		this.bytes = bytes;
		this.from = from;
		this.to = to;
		this.at = from;
	}

	u8(): number {
		if (this.at >= this.to) this.isBad = true;
		return this.isBad ? 0 : this.bytes[this.at++]!;
	}

	u16(): number {
		return (this.u8() << 8) | this.u8();
	}

	u32(): number {
		return this.u16() * 65_536 + this.u16();
	}

	/** A view of the next `length` bytes. */
	take(length: number): Uint8Array {
		if (length > this.to - this.at) this.isBad = true;
		if (this.isBad) return NOTHING;
		this.at += length;
		return this.bytes.subarray(this.at - length, this.at);
	}

	/** RFC 1035, section 4.1.4: labels, of which the rest may stand earlier in the message. As text, without the last dot. */
	name(): string {
		const labels: string[] = [];
		let at = this.at;
		let end = -1;
		let length = 0;
		for (let pointers = 0; ; ) {
			if (at >= this.to) return this.#bad();
			const size = this.bytes[at]!;
			if (size >= POINTER) {
				if (at + 1 >= this.to || ++pointers > MAX_POINTERS) return this.#bad();
				if (end < 0) end = at + 2;
				const target = this.from + (((size & 0x3f) << 8) | this.bytes[at + 1]!);
				// only backwards, so that there is no way round
				if (target >= at) return this.#bad();
				at = target;
				continue;
			}
			if (size > 63 || at + 1 + size > this.to) return this.#bad();
			at++;
			if (size === 0) break;
			length += size + 1;
			if (length >= MAX_NAME_BYTES) return this.#bad();
			labels.push(labelText(this.bytes, at, at + size));
			at += size;
		}
		this.at = end < 0 ? at : end;
		return labels.length === 0 ? "." : labels.join(".");
	}

	#bad(): string {
		this.isBad = true;
		return "";
	}
}

const NOTHING = new Uint8Array(0);
const DOT = 0x2e;
const BACKSLASH = 0x5c;

/** RFC 1035, section 5.1: a dot inside a label, and what cannot be printed, is escaped. */
function labelText(bytes: Uint8Array, from: number, to: number): string {
	let text = "";
	for (let i = from; i < to; i++) {
		const byte = bytes[i]!;
		if (byte === DOT || byte === BACKSLASH) text += `\\${String.fromCharCode(byte)}`;
		else if (byte > 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
		else text += `\\${String(byte).padStart(3, "0")}`;
	}
	return text;
}

/** A text of TXT and its likes: bytes as they are, what is no UTF-8 as latin-1. */
export function textOf(bytes: Uint8Array): string {
	const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
	const text = buffer.toString("utf8");
	return text.includes("\ufffd") ? buffer.toString("latin1") : text;
}
