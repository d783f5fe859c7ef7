import type { Direction, GapCause } from "../events.js";
import type { Attributes, AttributeValue, ExchangeKind, Outcome } from "../exchange.js";
import type { MessageHead, MessageWriter, ParserOutput } from "../plugin.js";
import { CapturedExchange } from "./captured-exchange.js";
import { ConnectionNotes } from "./connection-notes.js";
import type { ConversationOwner, EngineContext } from "./conversation.js";
import type { Lane } from "./lane.js";
import { Message, type MessageContext } from "./message.js";
import { Pairing } from "./pairing.js";
import type { SlabPool } from "./slab.js";

/** To whom a parser gives the rest of its connection; protocol null: to whoever detects it. */
export interface Handover {
	readonly protocol: string | null;
	readonly hints: Attributes;
	readonly parent: string | null;
}

/** What the parser of one connection says, turned into paired exchanges. */
export class ParserVoice implements ParserOutput, MessageContext {
	lanes: readonly [Lane, Lane];
	mustProceed = false;
	gapCause: GapCause = "missed";
	/** The protocol of what is begun from now on; null before any was found. */
	protocol: string | null = null;
	/** Parent of what is begun without one of its own. */
	parent: string | null = null;
	/** What the parser wants to happen after its call; null: nothing. */
	wantedHandover: Handover | null = null;
	wantedEnd: string | null = null;
	readonly pairing = new Pairing();
	notes: ConnectionNotes | null = null;
	readonly #engine: EngineContext;
	readonly #owner: ConversationOwner;
	// what the parser is being shown
	#lane: Lane;
	#base = 0;
	#tsUs = 0;
	#fromCarry = false;

	constructor(engine: EngineContext, owner: ConversationOwner, lanes: readonly [Lane, Lane]) {
		this.#engine = engine;
		this.#owner = owner;
		this.lanes = lanes;
		this.#lane = lanes[0];
	}

	/** Indexes mean positions from `base` on of this direction until the next call. */
	show(lane: Lane, base: number, tsUs: number, fromCarry: boolean): void {
		this.#lane = lane;
		this.#base = base;
		this.#tsUs = tsUs;
		this.#fromCarry = fromCarry;
	}

	/** Gives an exchange to whoever emits it. */
	done(exchange: CapturedExchange, outcome: Outcome): void {
		exchange.isDone = true;
		exchange.outcome = outcome;
		if (exchange.req?.isOpen) {
			exchange.req.bodyGap(null);
			exchange.req.close(this.lanes[0].offset, exchange.req.endUs, "partial");
		}
		this.#owner.exchangeDone(exchange);
	}

	// --------------------------------------------------------------------------------------------- for messages

	get slabs(): SlabPool {
		return this.#engine.slabs;
	}

	get maxBodyBytes(): number {
		return this.#engine.options.maxBodyBytes;
	}

	positionOf(dir: Direction): number {
		const { carry, offset } = this.lanes[dir];
		return carry.length > 0 ? carry.offset : offset;
	}

	messageFinished(message: Message): void {
		const { open } = this.lanes[message.dir];
		if (open[open.length - 1] === message) open.pop();
		else open.splice(open.indexOf(message), 1);
		const { exchange } = message;
		if (exchange.isDone) return;
		const { req, res } = exchange;
		if (exchange.kind === "message") this.done(exchange, message.outcome);
		else if (res !== null && !res.isOpen && (req === null || !req.isOpen)) this.done(exchange, pairOutcome(req, res));
		else if (exchange.settled !== null && res === null) this.done(exchange, exchange.settled);
	}

	// --------------------------------------------------------------------------------------------- for the parser

	offsetAt(index: number): number {
		return this.#base + index;
	}

	timeAt(index: number): number {
		return this.#fromCarry ? this.#lane.carry.timeAt(this.#base + index) : this.#tsUs;
	}

	pending(index: number, tag?: number): MessageHead | null {
		return this.#peek(index, tag)?.req?.saidHead ?? null;
	}

	begin(
		index: number,
		tag?: number,
		kind: "exchange" | "message" = "exchange",
		parent: string | null = this.parent,
	): MessageWriter {
		const { dir } = this.#lane;
		const offset = this.#base + index;
		const tsUs = this.timeAt(index);
		const answered = dir === 1 && kind === "exchange" ? this.#peek(index, tag) : null;
		let exchange: CapturedExchange;
		if (answered !== null) {
			this.pairing.take(tag);
			exchange = answered;
			if (answered.isDone) {
				exchange = this.#exchange("exchange", dir, offset, tag);
				exchange.parentId = answered.id;
				exchange.addFlag("late-response");
			}
		} else {
			exchange = this.#exchange(kind, dir, offset, tag);
			if (parent !== null) exchange.parentId = parent;
			if (dir === 0 && kind === "exchange") {
				const replaced = this.pairing.add(exchange, tag);
				if (replaced !== null && !replaced.isDone) this.#neverAnswered(replaced, "tag-reused");
				if (this.pairing.waitingCount > this.#engine.options.maxPending) this.#evictPending();
			}
		}
		const message = new Message(exchange, dir, offset, tsUs, this);
		if (dir === 0) exchange.req = message;
		else exchange.res = message;
		const lane = this.#lane;
		lane.open.push(message);
		if (lane.flags !== null) {
			for (const flag of lane.flags) exchange.addFlag(flag);
			lane.flags = null;
		}
		return message;
	}

	settle(outcome: "ok" | "error" | "aborted" | "partial", tag?: number): boolean {
		const exchange = this.#peek(0, tag);
		if (exchange === null) return false;
		this.pairing.take(tag);
		if (exchange.isDone) return true;
		if (exchange.req?.isOpen === true) exchange.settled = outcome;
		else this.done(exchange, outcome);
		return true;
	}

	handover(protocol: string | null, hints: Attributes = {}, parent: string | null = null): void {
		this.wantedHandover = { protocol, hints, parent };
	}

	opaque(reason: string): void {
		this.wantedEnd = reason;
	}

	flag(name: string): void {
		const message = this.#lane.open[0];
		if (message !== undefined) message.exchange.addFlag(name);
		else (this.#lane.flags ??= []).push(name);
	}

	note(name: string, value: AttributeValue): void {
		this.notes ??= new ConnectionNotes();
		this.notes.set(name, value);
	}

	count(name: string, by = 1): void {
		this.notes ??= new ConnectionNotes();
		this.notes.count(name, by);
	}

	// ------------------------------------------------------------------------------------------------------ inside

	#exchange(kind: ExchangeKind, dir: Direction, offset: number, tag: number | undefined): CapturedExchange {
		const { facts, bases, primary } = this.#owner;
		// the parser's own count would differ from observer to observer
		const ordinal = (tag === undefined || tag < 0 ? 0 : tag) + (dir === 1 ? RESPONSE_ORDINAL : 0);
		const scope = bases === null ? "local" : "network";
		const exchange = new CapturedExchange(facts, this.protocol ?? "raw", kind, scope, ordinal, primary);
		exchange.sequence = (offset + (bases === null ? 0 : bases[dir])) >>> 0;
		return exchange;
	}

	#peek(index: number, tag: number | undefined): CapturedExchange | null {
		return this.pairing.peek(tag, this.timeAt(index), (lost) => {
			if (lost.isDone) return;
			lost.addFlag("response-lost");
			this.done(lost, "partial");
		});
	}

	#evictPending(): void {
		const oldest = this.pairing.takeOldest();
		if (oldest === null || oldest.isDone) return;
		this.#engine.totals.pendingEvicted++;
		this.#neverAnswered(oldest, "pending-cap");
	}

	#neverAnswered(exchange: CapturedExchange, flag: string): void {
		exchange.addFlag(flag);
		this.done(exchange, "unanswered");
	}
}

/** Set in the ordinal of an exchange whose request was never seen: its id is that of the response's first byte. */
const RESPONSE_ORDINAL = 0x8000_0000;

function pairOutcome(req: Message | null, res: Message): Outcome {
	if (req === null) return "partial";
	if (req.outcome === "aborted" || res.outcome === "aborted") return "aborted";
	if (req.outcome === "partial" || res.outcome === "partial") return "partial";
	return res.outcome;
}
