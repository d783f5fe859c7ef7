import { ConnectionFacts } from "../engine/facts.js";
import type { Exchange } from "../exchange.js";
import type { Batch } from "./batch.js";

/** Batches that must not overtake each other: those of the same connections. */
export class Lane {
	readonly number: number;
	underWay = 0;
	/** In the order of their first attempts. */
	readonly retries: Batch[] = [];
	/** A batch of it was not taken, and its time to be offered again has not come. */
	isFailing = false;
	/** Runs while `isFailing` and nothing is under way any more. */
	timer: NodeJS.Timeout | null = null;
	private readonly window: number;

	/** `window`: how many batches may be under way at once. More than one only where the sink keeps their order itself. */
	constructor(number: number, window: number) {
		this.number = number;
		this.window = window;
	}

	/** After a failure one batch at a time goes out, until all that failed are through. */
	get hasRoom(): boolean {
		if (this.isFailing) return false;
		return this.underWay < (this.retries.length > 0 ? 1 : this.window);
	}

	add(batch: Batch): void {
		const index = this.retries.findIndex(({ number }) => number > batch.number);
		this.retries.splice(index < 0 ? this.retries.length : index, 0, batch);
	}
}

/** What all ids of one pair of endpoints begin with. */
const SHARED_DIGITS = 16;

/** Which of `lanes` keeps the order of the exchange's connection. */
export function laneOf(exchange: Exchange, lanes: number): number {
	const { connection } = exchange;
	// the same digits, without making the whole id
	const id = connection instanceof ConnectionFacts ? connection.endpointsHash : connection.id;
	let hash = 0;
	for (let i = Math.min(id.length, SHARED_DIGITS) - 1; i >= 0; i--) hash = (Math.imul(hash, 31) + id.charCodeAt(i)) | 0;
	return (hash >>> 0) % lanes;
}
