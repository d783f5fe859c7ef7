const WINDOW_BYTES = 32 * 1024;

/** The last bytes of a stream that were delivered, kept to compare a second copy of them. */
export class RecentBytes {
	readonly #ring = Buffer.allocUnsafeSlow(WINDOW_BYTES);
	/** Stream positions of what is held. */
	#from = 0;
	#to = 0;

	append(data: Uint8Array, offset: number): void {
		if (offset !== this.#to) this.#from = offset;
		const end = offset + data.length;
		let from = Math.max(offset, end - WINDOW_BYTES);
		while (from < end) {
			const at = from % WINDOW_BYTES;
			const length = Math.min(end - from, WINDOW_BYTES - at);
			this.#ring.set(data.subarray(from - offset, from - offset + length), at);
			from += length;
		}
		this.#to = end;
		this.#from = Math.max(this.#from, end - WINDOW_BYTES);
	}

	/** Compares what it can; `compared` is how many bytes that were, `from` and `to` the range that differs (equal: none does). */
	compare(data: Uint8Array, offset: number): { compared: number; from: number; to: number } {
		const start = Math.max(offset, this.#from);
		const end = Math.min(offset + data.length, this.#to);
		if (start >= end) return { compared: 0, from: 0, to: 0 };
		let first = -1;
		let last = -1;
		let at = start;
		while (at < end) {
			const ringAt = at % WINDOW_BYTES;
			const length = Math.min(end - at, WINDOW_BYTES - ringAt);
			if (this.#ring.compare(data, at - offset, at - offset + length, ringAt, ringAt + length) !== 0)
				for (let i = 0; i < length; i++)
					if (this.#ring[ringAt + i] !== data[at - offset + i]) {
						if (first < 0) first = at + i;
						last = at + i;
					}
			at += length;
		}
		return { compared: end - start, from: Math.max(0, first), to: last + 1 };
	}
}
