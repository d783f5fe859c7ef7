/**
 * What a worker shares with the main thread without sending a message: that it is alive, and which parser it is in.
 * A worker in an endless loop can say nothing; this memory still can.
 */
const BEAT = 0;
const PARSER = 1;
const CELLS = 2;

export class Pulse {
	readonly memory: SharedArrayBuffer;
	private readonly cells: Int32Array;
	private current = 0;

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
	 * Number of the parser that runs now, 0 for none; returns the one before, which may be one that carries it. A plain store:
	 * it is on the hot path.
	 */
	enter(parser: number): number {
		const before = this.current;
		this.current = parser;
		this.cells[PARSER] = parser;
		return before;
	}

	get parser(): number {
		return Atomics.load(this.cells, PARSER);
	}
}
