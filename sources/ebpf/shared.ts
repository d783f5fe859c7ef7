/** What the host half gives every worker: plain data and one piece of shared memory. */
export interface EbpfHostState {
	readonly dataFd: number;
	readonly dataBytes: number;
	readonly controlFd: number;
	readonly controlBytes: number;
	readonly countersFd: number;
	readonly keptClosesFd: number;
	/** What outlives a worker: the next one starts behind a batch that did not come to its end. */
	readonly progress: SharedArrayBuffer;
}

export class Progress {
	readonly #cells: BigUint64Array;

	constructor(memory: SharedArrayBuffer) {
		this.#cells = new BigUint64Array(memory);
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

export const PROGRESS_BYTES = 16;
