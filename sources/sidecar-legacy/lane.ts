import type { Duplex } from "node:stream";
import type { Direction } from "../../core/index.js";
import { nowUs } from "./tee.js";

export interface LaneListener {
	/** What was just handed on. Called synchronously after the write; `data` must not be kept or changed. */
	relayed(dir: Direction, data: Buffer, tsUs: number, delayUs: number): void;
	/** The sender has finished this direction; the receiver is told so, too. */
	finished(dir: Direction): void;
}

/**
 * One direction. A receiver that is slow stops the reading from its sender, so that at most one piece and the stream's own
 * buffer wait here.
 */
export class Lane {
	readonly #dir: Direction;
	readonly #from: Duplex;
	readonly #to: Duplex;
	readonly #listener: LaneListener;
	#isDetached = false;

	constructor(dir: Direction, from: Duplex, to: Duplex, listener: LaneListener) {
		this.#dir = dir;
		this.#from = from;
		this.#to = to;
		this.#listener = listener;
	}

	/** `first`: what was already read of the sender. */
	start(first: readonly Buffer[] = []): void {
		for (const piece of first) this.#forward(piece);
		this.#from.on("data", this.#forward);
		this.#from.once("end", this.#end);
		this.#to.on("drain", this.#resume);
		if (this.#from.readableEnded) this.#end();
		else if (!this.#to.writableNeedDrain) this.#from.resume();
	}

	/** Forwards nothing any more; both streams are left as they are, the sender paused. */
	detach(): void {
		this.#isDetached = true;
		this.#from.off("data", this.#forward);
		this.#from.off("end", this.#end);
		this.#to.off("drain", this.#resume);
		this.#from.pause();
	}

	readonly #forward = (data: Buffer): void => {
		if (this.#to.destroyed || this.#to.writableEnded) return;
		const tsUs = nowUs();
		if (!this.#to.write(data)) this.#from.pause();
		this.#listener.relayed(this.#dir, data, tsUs, nowUs() - tsUs);
	};

	readonly #resume = (): void => {
		if (!this.#isDetached) this.#from.resume();
	};

	readonly #end = (): void => {
		if (this.#isDetached) return;
		this.#to.end();
		this.#listener.finished(this.#dir);
	};
}
