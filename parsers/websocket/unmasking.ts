const SCRATCH_BYTES = 16_384;
/** Below that, words cost more than they save. */
const SHORT = 48;

/** Takes the mask off payloads (RFC 6455, section 5.3), piece by piece, into memory of its own. One for each engine. */
export class Unmasking {
	/** What the last call made; valid until the next. */
	readonly bytes = new Uint8Array(SCRATCH_BYTES);
	readonly #words = new Uint32Array(this.bytes.buffer);
	readonly #key = new Uint8Array(4);
	readonly #keyWord = new Uint32Array(this.#key.buffer);

	/** Masked bytes from `from` on, up to `to` or as many as there is room for: how many. `phase`: where in the key they begin. */
	take(source: Uint8Array, from: number, to: number, key: Uint8Array, phase: number): number {
		const count = Math.min(to - from, SCRATCH_BYTES);
		const { bytes } = this;
		if (count < SHORT) {
			for (let i = 0; i < count; i++) bytes[i] = source[from + i]! ^ key[(phase + i) & 3]!;
			return count;
		}
		for (let i = 0; i < 4; i++) this.#key[i] = key[(phase + i) & 3]!;
		const keyWord = this.#keyWord[0]!;
		const words = this.#words;
		bytes.set(new Uint8Array(source.buffer, source.byteOffset + from, count), 0);
		const last = (count + 3) >> 2;
		for (let i = 0; i < last; i++) words[i]! ^= keyWord;
		return count;
	}
}
