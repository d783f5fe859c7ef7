/**
 * What a worker shares with the main thread without sending a message: that it is alive, and in whose code it is.
 * A worker in an endless loop can say nothing; this memory still can.
 */
const BEAT = 0;
const OWNER = 1;
const CELLS = 2;

export class Pulse {
	readonly memory: SharedArrayBuffer;
	private readonly cells: Int32Array;

	constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(CELLS * Int32Array.BYTES_PER_ELEMENT)) {
		this.memory = memory;
		this.cells = new Int32Array(memory);
	}

	beat(): void {
		Atomics.add(this.cells, BEAT, 1);
	}

	/** Changes whenever the worker's event loop turns. */
	get beats(): number {
		return Atomics.load(this.cells, BEAT);
	}

	/**
	 * Number of the plugin that runs now, 0 for none; returns the one before, which may be one that carries it. A plain store:
	 * it is on the hot path.
	 */
	enter(owner: number): number {
		const before = this.cells[OWNER]!;
		this.cells[OWNER] = owner;
		return before;
	}

	/** What `work` does at once is the plugin's; what it leaves for later is not (see `attribution.ts`). */
	run<T>(owner: number, work: () => T): T {
		const before = this.cells[OWNER]!;
		this.cells[OWNER] = owner;
		try {
			return work();
		} finally {
			this.cells[OWNER] = before;
		}
	}

	get owner(): number {
		return Atomics.load(this.cells, OWNER);
	}
}
