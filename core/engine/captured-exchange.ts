import type { Direction } from "../events.js";
import type { Attributes, Exchange, ExchangeKind, ExchangeMessage, Observation, Outcome } from "../exchange.js";
import { EXCHANGE_SCHEMA } from "../exchange.js";
import { formatTime } from "../wire/time.js";
import type { ConnectionFacts, VantageFacts } from "./facts.js";
import { hex32 } from "./facts.js";
import type { Message } from "./message.js";

/** When one vantage saw the exchange. */
export interface Sighting {
	readonly facts: VantageFacts;
	readonly startUs: number;
	readonly endUs: number;
}

/**
 * An exchange as the engine made it: numbers and shared pieces. The fields of the record are getters, so that a sink that
 * writes bytes (core/wire) never pays for objects and strings that nobody reads.
 */
export class CapturedExchange implements Exchange {
	readonly schema = EXCHANGE_SCHEMA;
	facts: ConnectionFacts;
	protocol: string;
	readonly kind: ExchangeKind;
	idScope: "network" | "local";
	parentId: string | null = null;
	/** Last 16 digits of the id: 32-bit sequence number of the first byte, and stream id or ordinal. */
	sequence = 0;
	ordinal: number;
	outcome: Outcome = "ok";
	req: Message | null = null;
	res: Message | null = null;
	/** The vantage whose bytes were parsed. */
	seenBy: VantageFacts;
	/** Set where several vantages saw it; otherwise `seenBy` alone, with the record's own times. */
	sightings: Sighting[] | null = null;
	flags: string[] = NONE;
	annotations: Attributes = NO_ATTRIBUTES;
	/** Only for `connection` records, which have no message. */
	connectionSummary: { operation: string; result: string; startUs: number; endUs: number } | null = null;
	/** True once it was given to whoever emits it; its request may still stay in the pairing, to be answered late. */
	isDone = false;
	/** The parser said that no response will come; null: it did not. Its outcome once the request is finished. */
	settled: "ok" | "error" | "aborted" | "partial" | null = null;
	/** For delivery: how many sinks still want it. */
	holders = 0;

	constructor(
		facts: ConnectionFacts,
		protocol: string,
		kind: ExchangeKind,
		idScope: "network" | "local",
		ordinal: number,
		seenBy: VantageFacts,
	) {
		this.facts = facts;
		this.protocol = protocol;
		this.kind = kind;
		this.idScope = idScope;
		this.ordinal = ordinal;
		this.seenBy = seenBy;
	}

	/** In the order of their names: which direction was read first says nothing. */
	addFlag(name: string): void {
		if (this.flags === NONE) this.flags = [name];
		else if (!this.flags.includes(name)) {
			this.flags.push(name);
			this.flags.sort();
		}
	}

	/** Two copies of the stream positions `from` to `to` differed: neither can be trusted. */
	conflict(dir: Direction, from: number, to: number): void {
		const message = dir === 0 ? this.req : this.res;
		if (message === null || message.startOffset >= to || (!message.isOpen && message.endOffset <= from)) return;
		this.addFlag("position-conflict");
		message.payload?.conflict(from, to);
	}

	get id(): string {
		return this.facts.endpointsHash + hex32(this.sequence) + hex32(this.ordinal);
	}

	get startUs(): number {
		return (this.req ?? this.res)?.startUs ?? this.connectionSummary?.startUs ?? 0;
	}

	get endUs(): number {
		const summary = this.connectionSummary;
		if (summary !== null) return summary.endUs;
		const end = this.res?.endUs ?? 0;
		const requestEnd = this.req?.endUs ?? 0;
		return Math.max(end, requestEnd);
	}

	get startedAt(): string {
		return formatTime(this.startUs);
	}

	get durationUs(): number {
		return Math.max(0, this.endUs - this.startUs);
	}

	get summary(): { operation: string; result: string } {
		if (this.connectionSummary !== null)
			return { operation: this.connectionSummary.operation, result: this.connectionSummary.result };
		return { operation: this.req?.messageHead?.summary ?? "", result: this.res?.messageHead?.summary ?? "" };
	}

	get connection(): ConnectionFacts {
		return this.facts;
	}

	get request(): ExchangeMessage | null {
		return this.req?.view() ?? null;
	}

	get response(): ExchangeMessage | null {
		return this.res?.view() ?? null;
	}

	get observedBy(): readonly Observation[] {
		const all = this.sightings ?? [{ facts: this.seenBy, startUs: this.startUs, endUs: this.endUs }];
		return all.map(({ facts, startUs, endUs }) => ({
			source: facts.source,
			type: facts.type,
			vantage: facts.vantage,
			startedAt: formatTime(startUs),
			durationUs: Math.max(0, endUs - startUs),
		}));
	}

	/** Payload bytes that it keeps in the engine's memory. */
	get heldBytes(): number {
		return (this.req?.heldBytes ?? 0) + (this.res?.heldBytes ?? 0);
	}

	/** The last sink is done with it: its payload memory may be used again. */
	release(): void {
		this.req?.release();
		this.res?.release();
	}

	/** The record as a plain object, in the order of its fields. */
	toJSON(): Exchange {
		const { id, transport, client, server, tls } = this.facts;
		return {
			schema: this.schema,
			id: this.id,
			idScope: this.idScope,
			parentId: this.parentId,
			protocol: this.protocol,
			kind: this.kind,
			startedAt: this.startedAt,
			durationUs: this.durationUs,
			outcome: this.outcome,
			summary: this.summary,
			connection: { id, transport, client, server, tls },
			request: this.request,
			response: this.response,
			observedBy: this.observedBy,
			flags: this.flags,
			annotations: this.annotations,
		};
	}
}

const NONE: string[] = [];
const NO_ATTRIBUTES: Attributes = {};
