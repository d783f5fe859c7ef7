import type { CaptureEvent } from "../../core/index.js";

/** What is told when the engine has worked off what a message brought. */
export type WorkedOff = (cost: number) => void;

interface Segment {
	readonly events: readonly CaptureEvent[];
	readonly cost: number;
	readonly done: WorkedOff;
}

const BATCH_EVENTS = 2048;
const BATCH_COST = 4_194_304;
/** Held for each event beside its payload, about. */
const EVENT_BYTES = 128;

/** A batch for the engine. */
export interface Taken {
	readonly events: readonly CaptureEvent[];
	/** To be called when the engine is done with it. */
	done(): void;
}

/** Events that wait for the engine, in the order in which they came. */
export class Outbox {
	heldBytes = 0;
	readonly #segments: Segment[] = [];
	#first = 0;
	#wake: (() => void) | null = null;

	/** `cost`: bytes of credit that come back to the sender. */
	push(events: readonly CaptureEvent[], cost: number, done: WorkedOff): void {
		if (events.length === 0) {
			if (cost > 0) done(cost);
			return;
		}
		this.#segments.push({ events, cost, done });
		this.heldBytes += cost + events.length * EVENT_BYTES;
		this.wake();
	}

	/** Null: nothing waits. */
	take(): Taken | null {
		if (this.#first === this.#segments.length) return null;
		const events: CaptureEvent[] = [];
		const taken: Segment[] = [];
		let cost = 0;
		while (this.#first < this.#segments.length && events.length < BATCH_EVENTS && cost < BATCH_COST) {
			const segment = this.#segments[this.#first++]!;
			taken.push(segment);
			cost += segment.cost;
			for (const event of segment.events) events.push(event);
		}
		if (this.#first === this.#segments.length) {
			this.#segments.length = 0;
			this.#first = 0;
		} else if (this.#first > 1024) {
			this.#segments.splice(0, this.#first);
			this.#first = 0;
		}
		return {
			events,
			done: () => {
				for (const segment of taken) {
					this.heldBytes -= segment.cost + segment.events.length * EVENT_BYTES;
					segment.done(segment.cost);
				}
			},
		};
	}

	/** Resolves when something was pushed, when `wake` is called, or after `ms`. */
	async wait(ms: number): Promise<void> {
		if (this.#first < this.#segments.length) return;
		await new Promise<void>((resolve) => {
			const timer = setTimeout(resolve, ms);
			this.#wake = () => {
				clearTimeout(timer);
				resolve();
			};
		});
		this.#wake = null;
	}

	wake(): void {
		this.#wake?.();
	}
}
