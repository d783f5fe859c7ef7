import type { Direction } from "../events.js";
import type { CapturedExchange, Sighting } from "./captured-exchange.js";
import type { Carrier } from "./carrier.js";
import type { Connection } from "./connection.js";
import type { VantageState } from "./vantage.js";

interface HeldExchange {
	readonly exchange: CapturedExchange;
	readonly deadlineUs: number;
}

/** Complete exchanges of a connection that wait for those who have not seen all of them yet: its vantages, and its carrier's. */
export class HeldExchanges {
	readonly #connection: Connection;
	/** In the order in which they were completed, which is that of their deadlines. */
	readonly #held: HeldExchange[] = [];

	constructor(connection: Connection) {
		this.#connection = connection;
	}

	/** When the first need wait no longer; 0: there is none. */
	get dueUs(): number {
		return this.#held[0]?.deadlineUs ?? 0;
	}

	add(exchange: CapturedExchange, deadlineUs: number): void {
		this.#held.push({ exchange, deadlineUs });
	}

	/** Two copies of stream positions differed. */
	conflict(dir: Direction, from: number, to: number): void {
		for (const { exchange } of this.#held) exchange.conflict(dir, from, to);
	}

	/** Takes out those that wait no longer, with who saw them: all, or up to the first that still does. */
	take(nowUs: number, all: boolean, carrier: Carrier | null): CapturedExchange[] {
		const held = this.#held;
		let ready = 0;
		for (; ready < held.length; ready++) {
			const { exchange, deadlineUs } = held[ready]!;
			if (!all && !this.#isSeenByAll(exchange, carrier)) {
				if (deadlineUs > nowUs) break;
				// the next ones need not wait for whoever did not come
				this.#connection.awaitsOther = false;
				carrier?.giveUp();
			}
			if (this.#connection.isShared) addSightings(exchange, this.#connection.vantages);
			if (carrier !== null) addSightingsBelow(exchange, carrier, this.#connection);
		}
		return ready === 0 ? NOTHING : held.splice(0, ready).map(({ exchange }) => exchange);
	}

	#isSeenByAll(exchange: CapturedExchange, carrier: Carrier | null): boolean {
		const { isShared, awaitsOther, vantages } = this.#connection;
		if (carrier?.hasSeen(exchange, this.#connection) === false) return false;
		if (!isShared) return !awaitsOther;
		const { req, res } = exchange;
		for (const vantage of vantages) {
			if (!vantage.hasBytes || vantage.isClosed) continue;
			if (req !== null && vantage.seen[0] < req.endOffset) return false;
			if (res !== null && vantage.seen[1] < res.endOffset) return false;
		}
		return true;
	}
}

function addSightings(exchange: CapturedExchange, vantages: readonly VantageState[]): void {
	const sightings: Sighting[] = [];
	const { req, res } = exchange;
	const first = req ?? res;
	const last = res ?? req;
	if (first === null || last === null) return;
	for (const vantage of vantages) {
		if (!vantage.hasBytes) continue;
		const isPrimary = vantage.facts === exchange.seenBy;
		const startUs = vantage.timeOf(first.dir, first.startOffset) ?? (isPrimary ? first.startUs : null);
		const endUs = vantage.timeOf(last.dir, last.endOffset - 1) ?? (isPrimary ? last.endUs : null);
		if (startUs === null && endUs === null) continue;
		sightings.push({ facts: vantage.facts, startUs: startUs ?? first.startUs, endUs: endUs ?? last.endUs });
		if (vantage.role !== "server") continue;
		// the server's times are the record's
		for (const message of [req, res]) {
			if (message === null) continue;
			message.startUs = vantage.timeOf(message.dir, message.startOffset) ?? message.startUs;
			const endedUs = vantage.timeOf(message.dir, message.endOffset - 1) ?? message.endUs;
			// what this vantage did not see has the other one's time, which may be earlier
			message.endUs = Math.max(endedUs, message.startUs);
		}
	}
	if (sightings.length > 0) exchange.sightings = sightings;
}

/** The other source's vantages come behind those that saw the plaintext. */
function addSightingsBelow(exchange: CapturedExchange, carrier: Carrier, above: Connection): void {
	const below = carrier.sightings(exchange, above);
	if (below.length === 0) return;
	const { seenBy, startUs, endUs } = exchange;
	exchange.sightings = [...(exchange.sightings ?? [{ facts: seenBy, startUs, endUs }]), ...below];
}

const NOTHING: CapturedExchange[] = [];
