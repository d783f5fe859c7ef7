/** How far back numbers are remembered: streams of the client, of which each takes every second number. */
const WINDOW = 4096;
const WORDS = WINDOW / 32;

/**
 * Which of the client's newest streams something happened to in one direction. What is known of a stream elsewhere goes when
 * both directions are over; whether a number is used twice must not depend on how far the other one was read.
 */
export class UsedNumbers {
	readonly #bits = new Uint32Array(WORDS);
	/** Word of the newest number. */
	#newest = 0;

	has(id: number): boolean {
		const word = id >>> 6;
		if (word > this.#newest || word <= this.#newest - WORDS) return false;
		return (this.#bits[word % WORDS]! & bitOf(id)) !== 0;
	}

	add(id: number): void {
		const word = id >>> 6;
		if (word <= this.#newest - WORDS) return;
		if (word > this.#newest) {
			const stale = Math.min(word - this.#newest, WORDS);
			for (let i = 0; i < stale; i++) this.#bits[(word - i) % WORDS] = 0;
			this.#newest = word;
		}
		const at = word % WORDS;
		this.#bits[at] = this.#bits[at]! | bitOf(id);
	}
}

const bitOf = (id: number): number => 1 << ((id >>> 1) & 31);
