import type { ParserOutput } from "../../core/index.js";
import { type Expectation, endsRoundTrip } from "./expectations.js";
import type { Session } from "./session.js";

/** So often must the server be ready with nothing else under way before a client that pipelines counts as understood. */
const QUIET_TIMES = 3;

/**
 * Which question does the server answer? Known from the first byte on, and lost with bytes of either direction or a late
 * start. It is found again where the server says that it is ready: whatever was asked before is answered then, or was lost;
 * a client that waits for its answers has nothing else under way.
 */
export class Alignment {
	isLost = false;
	/** The next message begins where the search for one ended, and may be the first of an answer. */
	mayBegin = false;
	/** It is also the first byte of this direction that we have: nothing of the answer can be missing. */
	isAtStart = false;
	#quiet = 0;
	readonly #session: Session;

	constructor(session: Session) {
		this.#session = session;
	}

	lose(): void {
		this.isLost = true;
		this.mayBegin = false;
		this.#quiet = 0;
	}

	/** What was asked first after the last hole. */
	firstKnown(): Expectation | null {
		const { expectations } = this.#session;
		while (expectations.first?.ask === "hole") expectations.shift();
		return expectations.first;
	}

	/** A message that must be the first of an answer came at `us`: true where only one question can be meant. */
	begin(us: number): boolean {
		const { expectations, pipelines } = this.#session;
		const { first } = expectations;
		if (pipelines || first === null || first.us > us || expectations.roundTripsBy(us) > 1) return false;
		this.isLost = false;
		return true;
	}

	/** The server said at `us` that it is ready. */
	ready(us: number, out: ParserOutput): void {
		const { expectations, statements } = this.#session;
		const open = expectations.roundTripsBy(us);
		if (open > 1) this.#session.pipelines = true;
		this.#quiet = open > 1 ? 0 : this.#quiet + 1;
		let left = open;
		for (let next = expectations.first; next !== null && next.us <= us; next = expectations.first) {
			if (next.ask !== "hole" && left === 0) break;
			expectations.shift();
			if (endsRoundTrip(next.ask)) left--;
			// the server may have refused it, and then the name means what it meant before
			if (next.ask === "parse" && next.statement !== null) statements.close(next.statement.name);
			const { call } = next;
			if (call === null) continue;
			call.closeRequest();
			call.request.flag("response-lost");
			out.settle("partial", call.tag);
		}
		if (this.#quiet >= (this.#session.pipelines ? QUIET_TIMES : 1)) this.isLost = false;
	}
}
