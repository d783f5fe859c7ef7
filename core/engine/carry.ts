/** Bytes of one direction that a parser left unconsumed, with the times at which their pieces came. */
export class Carry {
	/** Stream position of the first byte. */
	offset = 0;
	length = 0;
	#buffer: Uint8Array = EMPTY;
	#from = 0;
	/** Pairs: stream position from which on, time. */
	#marks: number[] = [];
	/** What `Lane.shift` was for each mark; null: always 0. */
	#shifts: number[] | null = null;

	append(data: Uint8Array, offset: number, tsUs: number, shift = 0): void {
		if (this.length === 0) {
			this.offset = offset;
			this.#from = 0;
			this.#marks.length = 0;
			this.#shifts = null;
		}
		const end = this.#from + this.length;
		if (end + data.length > this.#buffer.length) this.#grow(data.length);
		this.#buffer.set(data, this.#from + this.length);
		this.length += data.length;
		if (shift !== 0 || this.#shifts !== null) {
			const shifts = (this.#shifts ??= Array.from({ length: this.#marks.length >> 1 }, () => 0));
			shifts.push(shift);
		}
		this.#marks.push(offset, tsUs);
	}

	view(): Uint8Array {
		return new Uint8Array(this.#buffer.buffer, this.#buffer.byteOffset + this.#from, this.length);
	}

	consume(count: number): void {
		this.offset += count;
		this.length -= count;
		this.#from += count;
		const marks = this.#marks;
		let passed = 0;
		while (passed + 2 < marks.length && marks[passed + 2]! <= this.offset) passed += 2;
		if (passed > 0) {
			marks.splice(0, passed);
			this.#shifts?.splice(0, passed >> 1);
		}
		if (this.length === 0) {
			this.#from = 0;
			if (this.#buffer.length > KEEP_BYTES) this.#buffer = EMPTY;
		}
	}

	timeAt(offset: number): number {
		const marks = this.#marks;
		let i = marks.length - 2;
		while (i > 0 && marks[i]! > offset) i -= 2;
		return marks[i + 1] ?? 0;
	}

	shiftAt(offset: number): number {
		const shifts = this.#shifts;
		if (shifts === null) return 0;
		let i = shifts.length - 1;
		while (i > 0 && this.#marks[i * 2]! > offset) i--;
		return shifts[i] ?? 0;
	}

	/** Where the piece ends that byte `offset` came in, or the bytes. */
	pieceEnd(offset: number): number {
		const marks = this.#marks;
		for (let i = 0; i < marks.length; i += 2) if (marks[i]! > offset) return marks[i]!;
		return this.offset + this.length;
	}

	#grow(more: number): void {
		const needed = this.length + more;
		const old = this.#buffer;
		const from = this.#from;
		// twice what is needed, so that trickling bytes cost a constant each
		const buffer = needed > old.length >> 1 ? new Uint8Array(Math.max(512, needed * 2)) : old;
		buffer.set(old.subarray(from, from + this.length), 0);
		this.#buffer = buffer;
		this.#from = 0;
	}
}

const EMPTY = new Uint8Array(0);
const KEEP_BYTES = 16_384;
