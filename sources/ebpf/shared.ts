/** What the host half gives every worker: plain data and one piece of shared memory. */
export interface EbpfHostState {
	readonly dataFd: number;
	readonly dataBytes: number;
	readonly controlFd: number;
	readonly controlBytes: number;
	/**
	 * Two positions in the payload ring: where the batch that a worker is at ends, and where it began. They outlive the worker: the next one
	 * starts behind a batch that did not come to its end.
	 */
	readonly progress: SharedArrayBuffer;
}

export class Progress {
	readonly #cells: BigUint64Array;

	constructor(memory: SharedArrayBuffer) {
		this.#cells = new BigUint64Array(memory);
	}

	get batchEnd(): number {
		return Number(Atomics.load(this.#cells, 0));
	}

	set batchEnd(position: number) {
		Atomics.store(this.#cells, 0, BigInt(position));
	}
}

export const PROGRESS_BYTES = 8;
