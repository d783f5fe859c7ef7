import type { Direction, OpenEvent, ProcessIdentity, Vantage } from "../events.js";
import type { Connection } from "./connection.js";
import type { VantageFacts } from "./facts.js";

/** Records of one direction that are remembered, so that an exchange can say when this vantage saw it. */
const LOG_RECORDS = 1024;

/** One place from which a connection is watched: one socket, or the wire. */
export class VantageState {
	readonly connection: Connection;
	readonly facts: VantageFacts;
	readonly role: Vantage;
	readonly process: ProcessIdentity | null;
	/** True where its directions are the other way round: detection found that the roles were guessed wrong. */
	isFlipped = false;
	isClosed = false;
	hasBytes = false;
	/** Its source knows whether anybody wants it. */
	isAdvised = false;
	/** Its source knows that another one tells the plaintext. */
	isCovered = false;
	/** Its source knows that nothing is needed before, by its own directions. */
	readonly skipTo: [number, number] = [0, 0];
	/** Position after the last byte that it saw, for each direction. */
	readonly seen: [number, number] = [0, 0];
	/** Pairs for each direction: position after a record, time of that record. */
	#log: [number[], number[]] | null = null;

	constructor(connection: Connection, open: OpenEvent, facts: VantageFacts) {
		this.connection = connection;
		this.facts = facts;
		this.role = open.role;
		this.process = open.process;
	}

	forgetAdvice(): void {
		this.isAdvised = false;
		this.isCovered = false;
		this.skipTo.fill(0);
	}

	note(dir: Direction, endOffset: number, tsUs: number): void {
		this.hasBytes = true;
		if (endOffset > this.seen[dir]) this.seen[dir] = endOffset;
		const log = (this.#log ??= [[], []])[dir];
		log.push(endOffset, tsUs);
		if (log.length > LOG_RECORDS * 2) log.splice(0, LOG_RECORDS);
	}

	/** Client and server turn out to be the other way round. */
	swap(): void {
		this.isFlipped = !this.isFlipped;
		this.seen.reverse();
		this.#log?.reverse();
	}

	/** When this vantage saw the byte at `offset`; null: it did not, or too long ago. */
	timeOf(dir: Direction, offset: number): number | null {
		const log = this.#log?.[dir] ?? NEVER;
		let low = 0;
		let high = log.length >> 1;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (log[middle * 2]! > offset) high = middle;
			else low = middle + 1;
		}
		return log[low * 2 + 1] ?? null;
	}
}

const NEVER: readonly number[] = [];
