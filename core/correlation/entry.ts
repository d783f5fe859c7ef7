import type { CapturedExchange } from "../engine/captured-exchange.js";
import type { Group } from "./group.js";
import type { LegLink } from "./legs.js";

/** An exchange that was observed at least once, on its way out. */
export class Entry {
	readonly group: Group;
	/** See `place.ts`. */
	readonly position: number;
	readonly ordinal: number;
	readonly deadlineUs: number;
	/** The best observation so far, with the others in its `observedBy`. */
	record: CapturedExchange;
	readonly sources: string[];
	/** Ids under which others saw it. */
	otherIds: string[] | null = null;
	/** It has waited for all that it had to wait for. */
	isSettled = false;
	leg: LegLink | null = null;

	constructor(
		group: Group,
		position: number,
		ordinal: number,
		record: CapturedExchange,
		source: string,
		deadlineUs: number,
	) {
		this.group = group;
		this.position = position;
		this.ordinal = ordinal;
		this.record = record;
		this.sources = [source];
		this.deadlineUs = deadlineUs;
	}
}
