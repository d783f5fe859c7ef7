/** The wire format of Protocol Buffers. */

export const WireType = { varint: 0, fixed64: 1, bytes: 2, groupStart: 3, groupEnd: 4, fixed32: 5 } as const;

const TWO_32 = 2 ** 32;
/** Fields of one message, those of all messages in it included: what is beyond is no message that anybody reads. */
const MAX_FIELDS = 100_000;
const MAX_COPIED_BYTES = 64 << 20;

/** What may be spent on one message, and on all that are decoded for it. */
export class Budget {
	fields = MAX_FIELDS;
	/** Of messages that are put together from pieces, or unpacked. */
	copiedBytes = MAX_COPIED_BYTES;
}

/** Reads one message. Every call that returns false found bytes that are none; nothing can be read after that. */
export class WireReader {
	readonly bytes: Buffer;
	at = 0;
	/** The last number: its lower and its upper half, both unsigned. */
	low = 0;
	high = 0;
	/** The last tag. */
	field = 0;
	type = 0;
	readonly budget: Budget;

	constructor(bytes: Uint8Array, budget = new Budget()) {
		this.budget = budget;
		this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
	}

	/** Number and type of a field. */
	tag(to: number): boolean {
		if (--this.budget.fields < 0 || !this.varint(to) || this.high !== 0) return false;
		this.field = this.low >>> 3;
		this.type = this.low & 7;
		return this.field !== 0;
	}

	varint(to: number): boolean {
		const { bytes } = this;
		let { at } = this;
		let low = 0;
		let high = 0;
		for (let shift = 0; shift < 70; shift += 7) {
			if (at >= to) return false;
			const byte = bytes[at++]!;
			if (shift < 28) low |= (byte & 0x7f) << shift;
			else if (shift === 28) {
				low |= (byte & 0x0f) << 28;
				high = (byte & 0x7f) >>> 4;
			} else if (shift < 63) high |= (byte & 0x7f) << (shift - 32);
			else high |= (byte & 1) << 31;
			if (byte >= 0x80) continue;
			this.at = at;
			this.low = low >>> 0;
			this.high = high >>> 0;
			return true;
		}
		return false;
	}

	/** The end of what a length says. */
	length(to: number): number {
		if (!this.varint(to) || this.high !== 0 || this.low > to - this.at) return -1;
		return this.at + this.low;
	}

	fixed32(to: number): boolean {
		if (to - this.at < 4) return false;
		this.low = this.bytes.readUInt32LE(this.at);
		this.high = 0;
		this.at += 4;
		return true;
	}

	fixed64(to: number): boolean {
		if (to - this.at < 8) return false;
		this.low = this.bytes.readUInt32LE(this.at);
		this.high = this.bytes.readUInt32LE(this.at + 4);
		this.at += 8;
		return true;
	}
}

/** As decimal text, whatever its size. */
export function unsignedText(low: number, high: number): string {
	if (high < 0x20_0000) return String(high * TWO_32 + low);
	return ((BigInt(high) << 32n) | BigInt(low)).toString();
}

export function signedText(low: number, high: number): string {
	if (high < 0x8000_0000) return unsignedText(low, high);
	// the number with the opposite sign
	const lower = (~low + 1) >>> 0;
	const upper = (lower === 0 ? ~high + 1 : ~high) >>> 0;
	return `-${unsignedText(lower, upper)}`;
}

/** JSON has no others. */
export function finite(value: number): number | string {
	return Number.isFinite(value) ? value : String(value);
}

const SHORT_BYTES = 24;

/** Short ASCII, without a call out of JavaScript; null: it is something else. */
export function shortText(bytes: Uint8Array, from: number, to: number): string | null {
	if (to - from > SHORT_BYTES) return null;
	let text = "";
	for (let i = from; i < to; i++) {
		const byte = bytes[i]!;
		if (byte >= 0x80) return null;
		text += String.fromCharCode(byte);
	}
	return text;
}
