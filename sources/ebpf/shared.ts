import type { AliveState } from "./alive.js";

/** What the host half gives every worker: plain data and one piece of shared memory. */
export interface EbpfHostState {
	readonly dataFd: number;
	readonly dataBytes: number;
	readonly controlFd: number;
	readonly controlBytes: number;
	readonly countersFd: number;
	readonly keptClosesFd: number;
	/** What need not be copied: `struct advice` by cookie, and `struct economy`. */
	readonly advicesFd: number;
	readonly economyFd: number;
	/** Which sockets are still there. */
	readonly alive: AliveState;
	/** `reader_sleeps`. */
	readonly wakeupsFd: number;
	/** Every byte is copied at one end only. */
	readonly copiesOnce: boolean;
	/** Protocols that the rules name; see `Pins`. */
	readonly pins: SharedArrayBuffer;
	/** What outlives a worker: the next one starts behind a batch that did not come to its end. */
	readonly progress: SharedArrayBuffer;
}

export class Progress {
	readonly #cells: BigUint64Array;
	/** 1 from the first call on that moved bytes without a user buffer. */
	readonly #packets: Int32Array;

	constructor(memory: SharedArrayBuffer) {
		this.#cells = new BigUint64Array(memory, 0, 2);
		this.#packets = new Int32Array(memory, PACKETS_AT, 1);
	}

	/** For a worker: packets are needed from now on. */
	askForPackets(): void {
		if (Atomics.exchange(this.#packets, 0, 1) === 0) Atomics.notify(this.#packets, 0);
	}

	/** For the host: resolves when a worker asked. Keeps no process alive. */
	async packetsAreNeeded(): Promise<void> {
		await Atomics.waitAsync(this.#packets, 0, 0).value;
	}

	/** Where in the payload ring the batch that a worker is at ends. */
	get batchEnd(): number {
		return Number(Atomics.load(this.#cells, 0));
	}

	set batchEnd(position: number) {
		Atomics.store(this.#cells, 0, BigInt(position));
	}

	/** Lost bytes that were named with their connection, by all workers so far. */
	get namedLoss(): number {
		return Number(Atomics.load(this.#cells, 1));
	}

	set namedLoss(bytes: number) {
		Atomics.store(this.#cells, 1, BigInt(bytes));
	}
}

const PACKETS_AT = 16;
export const PROGRESS_BYTES = PACKETS_AT + 4;
