import type { EbpfOptions } from "./options.js";

/** A rule of `targets` that names a protocol. */
interface Pin {
	readonly protocol: string;
	readonly ports: readonly number[];
	readonly pids?: readonly number[] | undefined;
	readonly name?: string | undefined;
}

/** Bytes of the memory: a count of writes (odd while one is under way), the length of the text, the pins as JSON. */
const HEAD_BYTES = 8;
export const PINS_BYTES = 32_768;
/** A write takes microseconds; whoever finds one under way for so long goes on with what was there before. */
const MOST_LOOKS = 100_000;

/**
 * Which protocol the rules name for a connection. The host writes them, also while workers run (a new config); a worker looks
 * at the opening of each connection.
 */
export class Pins {
	readonly #cells: Int32Array;
	readonly #text: Uint8Array;
	#pins: readonly Pin[] = [];
	#seen = 0;

	constructor(memory: SharedArrayBuffer) {
		this.#cells = new Int32Array(memory, 0, 2);
		this.#text = new Uint8Array(memory, HEAD_BYTES);
	}

	/** For the host. */
	write(targets: EbpfOptions["targets"]): void {
		const pins: Pin[] = [];
		for (const { protocol, ports, pids, name } of targets)
			if (protocol !== undefined && ports !== undefined) pins.push({ protocol, ports, pids, name });
		const text = Buffer.from(JSON.stringify(pins));
		if (text.length > this.#text.length) throw new RangeError("the rules are too long");
		Atomics.add(this.#cells, 0, 1);
		this.#text.set(text);
		this.#cells[1] = text.length;
		Atomics.add(this.#cells, 0, 1);
	}

	/** For a worker: of the first rule that fits. `name` null: nobody knows the process. */
	protocolOf(serverPort: number, pid: number, name: string | null): string | null {
		if (Atomics.load(this.#cells, 0) !== this.#seen) this.#read();
		for (const pin of this.#pins) {
			if (!pin.ports.includes(serverPort)) continue;
			if (pin.pids !== undefined && !pin.pids.includes(pid)) continue;
			if (pin.name === undefined || pin.name === name) return pin.protocol;
		}
		return null;
	}

	#read(): void {
		for (let look = 0; look < MOST_LOOKS; look++) {
			const count = Atomics.load(this.#cells, 0);
			if (count % 2 !== 0) continue;
			const text = Buffer.from(this.#text.slice(0, this.#cells[1])).toString("utf8");
			if (Atomics.load(this.#cells, 0) !== count) continue;
			this.#pins = JSON.parse(text);
			this.#seen = count;
			return;
		}
	}
}
