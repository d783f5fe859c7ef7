import { Batch } from "./batch.js";
import { laneOf } from "./lane.js";
import { weightOf } from "./releasable.js";
import type { Spooled } from "./spool/block.js";

/** What was read from a spool and waits for its lane. Bounded by whoever reads. */
export class ReadAhead {
	count = 0;
	private readonly lanes: Spooled[][];

	constructor(lanes: number) {
		this.lanes = Array.from({ length: lanes }, () => []);
	}

	add(records: readonly Spooled[]): void {
		const { lanes } = this;
		for (const record of records) lanes[lanes.length === 1 ? 0 : laneOf(record.exchange, lanes.length)]!.push(record);
		this.count += records.length;
	}

	take(lane: number, maxExchanges: number, maxBytes: number): Batch | null {
		const waiting = this.lanes[lane]!;
		let length = 0;
		for (let bytes = 0; length < waiting.length && length < maxExchanges; length++) {
			bytes += weightOf(waiting[length]!.exchange);
			if (length > 0 && bytes > maxBytes) break;
		}
		if (length === 0) return null;
		const taken = waiting.splice(0, length);
		this.count -= length;
		return new Batch(
			taken.map(({ exchange }) => exchange),
			taken.map(({ sequence }) => sequence),
		);
	}
}
