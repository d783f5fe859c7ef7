import type { DetectHint, ParserOutput } from "../../core/index.js";
import type { Command } from "./command.js";
import type { Heads } from "./heads.js";
import { Pairing } from "./pairing.js";
import { Subscriptions } from "./pubsub.js";

/** What both directions of a connection know of it. */
export class Session {
	readonly heads: Heads;
	readonly pairing: Pairing;
	readonly subscriptions = new Subscriptions();
	/** The server tells this connection what others do. */
	isMonitor = false;
	/** The server answers nothing (CLIENT REPLY OFF). */
	isSilent = false;
	/** Nothing more is read. */
	isOver = false;
	/** Null: nobody knows the database. */
	#namespace: string | null;
	/** SELECTs that wait for their reply. */
	#selects = 0;

	constructor(heads: Heads, hint: DetectHint) {
		const { late: isLate } = hint;
		this.heads = heads;
		this.pairing = new Pairing(hint);
		this.#namespace = isLate ? null : "0";
		this.subscriptions.isKnown = !isLate;
	}

	/** The database of a command that is sent now; null: nobody knows. */
	get namespace(): string | null {
		return this.#selects > 0 ? null : this.#namespace;
	}

	forgetNamespace(): void {
		this.#namespace = null;
	}

	/** No SELECT waits any more of which anything will be heard. */
	forgetSelects(): void {
		this.#selects = 0;
		this.#namespace = null;
	}

	selects(): void {
		this.#selects++;
	}

	/** The reply to a SELECT. */
	selected({ argument }: Command, reply: string): void {
		if (this.#selects > 0) this.#selects--;
		if (reply === "OK") this.#namespace = argument;
		else if (reply === "QUEUED") this.#namespace = null;
	}

	/** RESET was obeyed. */
	reset(): void {
		this.isMonitor = false;
		this.subscriptions.clear();
		this.#namespace = "0";
	}

	giveUp(out: ParserOutput, reason: string): void {
		this.isOver = true;
		out.opaque(reason);
	}
}
