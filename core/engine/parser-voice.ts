import type { ChildStream } from "../content.js";
import type { Direction, GapCause } from "../events.js";
import type { Attributes, AttributeValue, ExchangeKind, Outcome } from "../exchange.js";
import type { MessageHead, MessageWriter, ParserOutput, ParserPlugin } from "../plugin.js";
import { CapturedExchange } from "./captured-exchange.js";
import type { Children } from "./children.js";
import { ConnectionNotes } from "./connection-notes.js";
import type { ConversationOwner, EngineContext } from "./conversation-owner.js";
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
	/** Of the last hole that the parser, or its search, came to; null: there was none. */
	holeCause: GapCause | null = null;
	/** The protocol of what is begun from now on; null before any was found. */
	protocol: string | null = null;
	/** Parent of what is begun without one of its own. */
	parent: string | null = null;
	/** Ordinal of what is begun without a tag. */
	tag = 0;
	/** The source named the protocol: every exchange says so. */
	isPinned = false;
	/** Something was said beside facts about the connection. */
	hasBegun = false;
	/** What the parser wants to happen after its call; null: nothing. */
	wantedHandover: Handover | null = null;
	wantedEnd: string | null = null;
	readonly pairing = new Pairing();
	notes: ConnectionNotes | null = null;
	/** Logical streams inside; null: there were none. */
	children: Children | null = null;
	/** Of the connection that carries this one, where this is a logical stream. */
	carrier: ParserVoice | null = null;
	readonly #engine: EngineContext;
	readonly #owner: ConversationOwner;
	readonly #makeChildren: (voice: ParserVoice) => Children;
	// what the parser is being shown
	#lane: Lane;
	#base = 0;
	#tsUs = 0;
	#fromCarry = false;
	/** The last record that was begun inside a payload. */
	#inside: CapturedExchange | null = null;

	constructor(
		engine: EngineContext,
		owner: ConversationOwner,
		lanes: readonly [Lane, Lane],
		makeChildren: (voice: ParserVoice) => Children,
	) {
		this.#engine = engine;
		this.#owner = owner;
		this.#makeChildren = makeChildren;
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
			const { offset, shift } = this.lanes[0];
			exchange.req.close(offset + shift, exchange.req.endUs, "partial", shift);
		}
		this.#owner.exchangeDone(exchange);
	}

	// --------------------------------------------------------------------------------------------- for messages

	get lossCause(): GapCause {
		return this.holeCause ?? (this.lanes.some((lane) => lane.late) ? "joined-late" : "parse-resync");
	}

	get slabs(): SlabPool {
		return this.#engine.slabs;
	}

	get maxBodyBytes(): number {
		return this.#engine.options.maxBodyBytes;
	}

	positionOf(dir: Direction): number {
		const { carry, offset } = this.lanes[dir];
		return (carry.length > 0 ? carry.offset : offset) + this.shiftOf(dir);
	}

	shiftOf(dir: Direction): number {
		const { carry, shift } = this.lanes[dir];
		return carry.length > 0 ? carry.shiftAt(carry.offset) : shift;
	}

	shiftBefore(index: number): number {
		if (this.carrier === null) return 0;
		return this.#fromCarry ? this.#lane.carry.shiftAt(this.#base + (index > 0 ? index - 1 : 0)) : this.#lane.shift;
	}

	contentPlugin(mediaType: string): ParserPlugin | null {
		return this.#engine.registry.byMediaType(mediaType);
	}

	pluginOf(protocol: string): ParserPlugin | null {
		return this.#engine.registry.byProtocol(protocol);
	}

	sharedOf(plugin: ParserPlugin): Map<string, unknown> {
		return this.#engine.registry.sharedOf(plugin);
	}

	optionsOf(plugin: ParserPlugin): unknown {
		return this.#engine.registry.optionsOf(plugin);
	}

	contentFailed(plugin: ParserPlugin, error: unknown): void {
		this.#engine.totals.parserFailures++;
		this.#engine.registry.failed(plugin, error);
	}

	moveBase(by: number): void {
		this.#base += by;
	}

	beginInside({ dir, exchange: outer }: Message, index: number, protocol: string): Message {
		const offset = this.offsetAt(index);
		const exchange = this.#exchange("message", dir, offset, undefined, protocol);
		exchange.parentId = outer.id;
		// several may come out of the same byte of something compressed
		while (
			this.#inside !== null &&
			exchange.sequence === this.#inside.sequence &&
			exchange.ordinal <= this.#inside.ordinal
		)
			exchange.ordinal = this.#inside.ordinal + 1;
		this.#inside = exchange;
		return this.#open(exchange, dir, index, offset, this.timeAt(index));
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

	// -------------------------------------------------------------------------------------- for logical streams inside

	/** Direction of the call. */
	get dir(): Direction {
		return this.#lane.dir;
	}

	/** From there on the bytes came at another time, or lie elsewhere; at most `to`. */
	pieceEnd(index: number, to: number): number {
		return this.#fromCarry ? Math.min(to, this.#lane.carry.pieceEnd(this.#base + index) - this.#base) : to;
	}

	// --------------------------------------------------------------------------------------------- for the parser

	positionBefore(index: number): number {
		return this.#base + index;
	}

	offsetAt(index: number): number {
		const offset = this.#base + index;
		if (this.carrier === null) return offset;
		return offset + (this.#fromCarry ? this.#lane.carry.shiftAt(offset) : this.#lane.shift);
	}

	timeAt(index: number): number {
		return this.#fromCarry ? this.#lane.carry.timeAt(this.#base + index) : this.#tsUs;
	}

	pending(index: number, tag?: number): MessageHead | null {
		const answered = this.#peek(index, tag);
		if (answered === null && tag === undefined && this.pairing.isOwed) return this.pairing.owedHead;
		return answered?.req?.saidHead ?? null;
	}

	begin(
		index: number,
		tag?: number,
		kind: "exchange" | "message" = "exchange",
		parent: string | null = this.parent,
	): MessageWriter {
		const { dir } = this.#lane;
		const offset = this.offsetAt(index);
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
			if (dir === 1 && kind === "exchange" && tag === undefined && this.pairing.isOwed) {
				this.pairing.takeOwed();
				exchange.addFlag("late-response");
			}
			if (dir === 0 && kind === "exchange") {
				const replaced = this.pairing.add(exchange, tag);
				if (replaced !== null && !replaced.isDone) this.#neverAnswered(replaced, "tag-reused");
				if (this.pairing.waitingCount > this.#engine.options.maxPending) this.#evictPending();
			}
		}
		const message = this.#open(exchange, dir, index, offset, tsUs);
		const lane = this.#lane;
		if (lane.flags !== null) {
			for (const flag of lane.flags) exchange.addFlag(flag);
			lane.flags = null;
		}
		return message;
	}

	settle(outcome: "ok" | "error" | "aborted" | "partial", tag?: number): boolean {
		const exchange = this.#peek(0, tag);
		if (exchange === null) {
			if (tag !== undefined || !this.pairing.isOwed) return false;
			this.pairing.takeOwed();
			return true;
		}
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

	child(tag: number): ChildStream {
		this.children ??= this.#makeChildren(this);
		return this.children.open(tag);
	}

	note(name: string, value: AttributeValue): void {
		if (this.carrier !== null) {
			this.carrier.note(name, value);
			return;
		}
		this.notes ??= new ConnectionNotes();
		this.notes.set(name, value);
	}

	count(name: string, by = 1): void {
		if (this.carrier !== null) {
			this.carrier.count(name, by);
			return;
		}
		this.notes ??= new ConnectionNotes();
		this.notes.count(name, by);
	}

	// ------------------------------------------------------------------------------------------------------ inside

	#open(exchange: CapturedExchange, dir: Direction, index: number, offset: number, tsUs: number): Message {
		const message = new Message(exchange, dir, offset, tsUs, this);
		if (dir === 0) exchange.req = message;
		else exchange.res = message;
		if (this.carrier !== null) message.startInside(offset - this.#base - index);
		this.#lane.open.push(message);
		return message;
	}

	#exchange(
		kind: ExchangeKind,
		dir: Direction,
		offset: number,
		tag: number | undefined,
		protocol: string = this.protocol ?? "raw",
	): CapturedExchange {
		const { facts, bases, primary } = this.#owner;
		// the parser's own count would differ from observer to observer
		const ordinal = (tag === undefined || tag < 0 ? this.tag : tag) + (dir === 1 ? RESPONSE_ORDINAL : 0);
		const scope = bases === null ? "local" : "network";
		const exchange = new CapturedExchange(facts, protocol, kind, scope, ordinal, primary);
		exchange.sequence = (offset + (bases === null ? 0 : bases[dir])) >>> 0;
		this.hasBegun = true;
		if (this.isPinned) exchange.addFlag("protocol-pinned");
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
		const oldest = this.pairing.evict();
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
