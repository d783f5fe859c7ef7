/**
 * Reads the integers and strings of a payload one after the other. Never beyond its end: what is not there is 0 or empty,
 * and `isBad` is set.
 */
export class Cursor {
	at: number;
	readonly end: number;
	readonly bytes: Buffer;
	isBad = false;

	constructor(bytes: Buffer, from: number, to: number) {
		this.bytes = bytes;
		this.at = from;
		this.end = to;
	}

	get left(): number {
		return this.end - this.at;
	}

	/** Read to its end, and not beyond. */
	get isDone(): boolean {
		return !this.isBad && this.at === this.end;
	}

	u8(): number {
		return this.#has(1) ? this.bytes[this.at++]! : 0;
	}

	u16(): number {
		if (!this.#has(2)) return 0;
		this.at += 2;
		return this.bytes[this.at - 2]! | (this.bytes[this.at - 1]! << 8);
	}

	u24(): number {
		return this.u16() | (this.u8() << 16);
	}

	u32(): number {
		if (!this.#has(4)) return 0;
		this.at += 4;
		return this.bytes.readUInt32LE(this.at - 4);
	}

	/** A length-encoded integer; -1 for NULL. Above 2^53 it is not exact: see `lenencExact`. */
	lenenc(): number {
		const first = this.u8();
		if (first < 0xfb) return first;
		if (first === 0xfc) return this.u16();
		if (first === 0xfd) return this.u24();
		if (first === 0xfe) {
			const low = this.u32();
			return this.u32() * 2 ** 32 + low;
		}
		if (first !== 0xfb) this.isBad = true;
		return first === 0xfb ? -1 : 0;
	}

	/** A length-encoded integer, as decimal digits where a number cannot say it. */
	lenencExact(): number | string {
		const from = this.at;
		const value = this.lenenc();
		if (value <= Number.MAX_SAFE_INTEGER || this.isBad) return value;
		return this.bytes.readBigUInt64LE(from + 1).toString();
	}

	skip(count: number): void {
		if (this.#has(count)) this.at += count;
	}

	/** Start of `count` bytes that are passed over, or -1. */
	take(count: number): number {
		if (count < 0 || !this.#has(count)) {
			this.isBad = true;
			return -1;
		}
		this.at += count;
		return this.at - count;
	}

	text(count: number): string {
		const from = this.take(count);
		return from < 0 ? "" : this.bytes.toString("utf8", from, this.at);
	}

	lenencText(): string {
		return this.text(this.lenenc());
	}

	skipLenenc(): void {
		this.take(this.lenenc());
	}

	/** Up to a NUL, which is passed over. A string without one is bad. */
	nulText(): string {
		const to = this.bytes.indexOf(0, this.at);
		if (to < 0 || to >= this.end) {
			this.isBad = true;
			this.at = this.end;
			return "";
		}
		const text = this.bytes.toString("utf8", this.at, to);
		this.at = to + 1;
		return text;
	}

	rest(): string {
		return this.text(this.left);
	}

	#has(count: number): boolean {
		if (count <= this.end - this.at) return true;
		this.isBad = true;
		this.at = this.end;
		return false;
	}
}
