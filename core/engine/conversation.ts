import type { Direction, GapCause } from "../events.js";
import type { Attributes, ExchangeKind, Outcome } from "../exchange.js";
import type { DetectHint, MessageHead, MessageWriter, ParserOutput, ParserPlugin, ProtocolParser } from "../plugin.js";
import { WAIT } from "../plugin.js";
import { CapturedExchange } from "./captured-exchange.js";
import { Detection } from "./detection.js";
import type { ConnectionFacts, VantageFacts } from "./facts.js";
import { Lane, type LaneOwner } from "./lane.js";
import { Message, type MessageContext } from "./message.js";
import type { EngineOptions } from "./options.js";
import { Pairing } from "./pairing.js";
import type { ParserRegistry } from "./registry.js";
import type { SlabPool } from "./slab.js";
import type { EngineTotals } from "./totals.js";

/** What all conversations of an engine share. */
export interface EngineContext {
	readonly options: EngineOptions;
	readonly registry: ParserRegistry;
	readonly slabs: SlabPool;
	readonly totals: EngineTotals;
	nowUs: number;
}

/** The connection that a conversation belongs to. */
export interface ConversationOwner {
	readonly facts: ConnectionFacts;
	readonly bases: readonly [number, number] | null;
	/** The vantage whose bytes are being delivered. */
	readonly primary: VantageFacts;
	/** May client and server still turn out to be the other way round? */
	readonly rolesAreGuessed: boolean;
	hint(late: boolean): DetectHint;
	swapRoles(): void;
	exchangeDone(exchange: CapturedExchange): void;
}

const NOTHING = new Uint8Array(0);

/**
 * What the two ends of a connection say to each other: finds the parser, drives it, and turns what it says into paired
 * exchanges.
 */
export class Conversation implements ParserOutput, MessageContext, LaneOwner {
	lanes: readonly [Lane, Lane];
	mustProceed = false;
	gapCause: GapCause = "missed";
	protocol: string | null = null;
	opaqueReason: string | null = null;
	readonly #engine: EngineContext;
	readonly #owner: ConversationOwner;
	readonly #pairing = new Pairing();
	#detection: Detection | null;
	#plugin: ParserPlugin | null = null;
	#parser: ProtocolParser | null = null;
	#handover: { protocol: string; hints: Attributes } | null = null;
	#giveUp: string | null = null;
	// what the parser is being shown
	#lane: Lane;
	#base = 0;
	#tsUs = 0;
	#fromCarry = false;

	constructor(engine: EngineContext, owner: ConversationOwner) {
		this.#engine = engine;
		this.#owner = owner;
		this.lanes = [new Lane(this, 0), new Lane(this, 1)];
		this.#lane = this.lanes[0];
		this.#detection = new Detection(engine.registry);
	}

	get slabs(): SlabPool {
		return this.#engine.slabs;
	}

	get maxBodyBytes(): number {
		return this.#engine.options.maxBodyBytes;
	}

	get pendingCount(): number {
		return this.#pairing.waitingCount;
	}

	/** When a held direction must go on; 0: none is held. */
	get dueUs(): number {
		const a = this.lanes[0].waitDeadlineUs;
		const b = this.lanes[1].waitDeadlineUs;
		if (a === 0) return b;
		return b === 0 || a < b ? a : b;
	}

	/** Neither direction begins at its first byte. */
	joinLate(): void {
		for (const lane of this.lanes) lane.late = true;
		this.#pairing.requestsLost();
	}

	// ------------------------------------------------------------------------------------------------ bytes come in

	bytes(lane: Lane, data: Uint8Array, offset: number, tsUs: number): void {
		if (lane.offset < 0 && offset > 0) {
			lane.late = true;
			if (lane.phase === "parse") lane.phase = "resync";
			if (lane.dir === 0) this.#pairing.requestsLost();
		}
		lane.offset = offset + data.length;
		if (lane.phase === "detect") this.#detectAtOnce(lane, data);
		if (lane.phase === "parse") {
			if (lane.carry.length === 0) {
				if (this.#parse(lane, data, offset, tsUs, false)) this.#parseCarry(lane);
				return;
			}
			this.#keep(lane, data, offset, tsUs);
			if (lane.waitDeadlineUs === 0) this.#parseCarry(lane);
			return;
		}
		if (lane.phase === "opaque") {
			this.#engine.totals.bytesOpaque += data.length;
			return;
		}
		this.#keep(lane, data, offset, tsUs);
		if (lane.phase === "resync") this.#resync(lane);
		else if (lane.phase === "detect") this.#detect();
	}

	gap(lane: Lane, offset: number, length: number, cause: GapCause, tsUs: number): void {
		this.#proceed(lane);
		lane.offset = offset + length;
		if (lane.phase === "opaque") return;
		if (lane.phase !== "parse") this.#messagesLost(lane);
		if (lane.phase === "detect" || this.#parser === null) {
			this.#skip(lane, lane.carry.length);
			lane.late = true;
			return;
		}
		if (lane.phase === "resync") {
			this.#skip(lane, lane.carry.length);
			return;
		}
		this.gapCause = cause;
		let inside = false;
		if (lane.carry.length === 0) {
			this.#show(lane, offset, tsUs, false);
			try {
				inside = this.#parser.gap(lane.dir, length, this);
			} catch (error) {
				this.#failed(error);
				return;
			}
			this.#afterParser();
		}
		if (inside || lane.phase !== "parse") return;
		this.#skip(lane, lane.carry.length);
		lane.closeOpen(offset, tsUs, "partial");
		lane.phase = "resync";
		this.#messagesLost(lane);
	}

	#messagesLost(lane: Lane): void {
		if (lane.dir === 1) this.#pairing.responsesLost();
		else this.#pairing.requestsLost();
	}

	end(lane: Lane, how: "fin" | "reset" | "unknown", tsUs: number): void {
		if (lane.endedHow !== null) return;
		// each round consumes something, or is the last
		while (lane.waitDeadlineUs !== 0) this.#proceed(lane);
		lane.endedHow = how;
		if (this.#parser === null || lane.phase === "opaque") return;
		this.#show(lane, Math.max(0, lane.offset), tsUs, false);
		try {
			this.#parser.end(lane.dir, how, this);
		} catch (error) {
			this.#failed(error);
			return;
		}
		this.#afterParser();
		// who sent it stopped in the middle
		const wasCut = how !== "unknown";
		this.gapCause = wasCut ? "reset" : "missed";
		lane.closeOpen(Math.max(0, lane.offset), tsUs, wasCut ? "aborted" : "partial");
		this.#wakeOther(lane);
	}

	/** Nothing more will come: what still waits is emitted as it is. */
	finish(tsUs: number): void {
		for (const lane of this.lanes) this.end(lane, "unknown", tsUs);
		const wasReset = this.lanes.some((lane) => lane.endedHow === "reset");
		for (;;) {
			const exchange = this.#pairing.takeOldest();
			if (exchange === null) break;
			if (!exchange.isDone) this.#done(exchange, wasReset ? "aborted" : "unanswered");
		}
	}

	/** Lets time pass: held directions go on, old requests are given up. */
	tick(nowUs: number): void {
		for (const lane of this.lanes) if (lane.waitDeadlineUs !== 0 && lane.waitDeadlineUs <= nowUs) this.#proceed(lane);
	}

	/** Emits requests that have waited too long; their responses still pair with what stays behind. */
	age(nowUs: number): void {
		const before = nowUs - this.#engine.options.requestTimeoutUs;
		for (const exchange of this.#pairing.all()) {
			if (exchange.isDone || exchange.req === null || exchange.req.isOpen || exchange.req.endUs > before) continue;
			this.#done(exchange, "unanswered");
		}
	}

	/** Two copies of the stream positions `from` to `to` differed: neither can be trusted. */
	conflict(dir: Direction, from: number, to: number): void {
		for (const exchange of [...this.#pairing.all(), ...this.lanes.flatMap((lane) => lane.open.map((m) => m.exchange))])
			markConflict(exchange, dir, from, to);
	}

	// ------------------------------------------------------------------------------------------- what a parser says

	offsetAt(index: number): number {
		return this.#base + index;
	}

	timeAt(index: number): number {
		return this.#fromCarry ? this.#lane.carry.timeAt(this.#base + index) : this.#tsUs;
	}

	pending(index: number, tag?: number): MessageHead | null {
		return this.#peek(index, tag)?.req?.messageHead ?? null;
	}

	begin(index: number, tag?: number, kind: "exchange" | "message" = "exchange"): MessageWriter {
		const { dir } = this.#lane;
		const offset = this.#base + index;
		const tsUs = this.timeAt(index);
		const answered = dir === 1 && kind === "exchange" ? this.#peek(index, tag) : null;
		let exchange: CapturedExchange;
		if (answered !== null) {
			this.#pairing.take(tag);
			exchange = answered;
			if (answered.isDone) {
				exchange = this.#exchange("exchange", dir, offset, tag);
				exchange.parentId = answered.id;
				exchange.addFlag("late-response");
			}
		} else {
			exchange = this.#exchange(kind, dir, offset, tag);
			if (dir === 0 && kind === "exchange") {
				this.#pairing.add(exchange, tag);
				if (this.#pairing.waitingCount > this.#engine.options.maxPending) this.#evictPending();
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

	handover(protocol: string, hints: Attributes = {}): void {
		this.#handover = { protocol, hints };
	}

	opaque(reason: string): void {
		this.#giveUp = reason;
	}

	flag(name: string): void {
		const message = this.#lane.open[0];
		if (message !== undefined) message.exchange.addFlag(name);
		else (this.#lane.flags ??= []).push(name);
	}

	messageFinished(message: Message): void {
		const { open } = this.lanes[message.dir];
		if (open[open.length - 1] === message) open.pop();
		else open.splice(open.indexOf(message), 1);
		const { exchange } = message;
		if (exchange.isDone) return;
		const { req, res } = exchange;
		if (exchange.kind === "message") this.#done(exchange, message.outcome);
		else if (res !== null && !res.isOpen && (req === null || !req.isOpen)) this.#done(exchange, pairOutcome(req, res));
	}

	// ------------------------------------------------------------------------------------------------------ inside

	#exchange(kind: ExchangeKind, dir: Direction, offset: number, tag: number | undefined): CapturedExchange {
		const { facts, bases, primary } = this.#owner;
		const ordinal = (tag ?? 0) + (dir === 1 ? RESPONSE_ORDINAL : 0);
		const scope = bases === null ? "local" : "network";
		const exchange = new CapturedExchange(facts, this.protocol ?? "raw", kind, scope, ordinal, primary);
		exchange.sequence = (offset + (bases === null ? 0 : bases[dir])) >>> 0;
		return exchange;
	}

	#peek(index: number, tag: number | undefined): CapturedExchange | null {
		return this.#pairing.peek(tag, this.timeAt(index), (lost) => {
			if (lost.isDone) return;
			lost.addFlag("response-lost");
			this.#done(lost, "partial");
		});
	}

	#evictPending(): void {
		const oldest = this.#pairing.takeOldest();
		if (oldest === null || oldest.isDone) return;
		this.#engine.totals.pendingEvicted++;
		oldest.addFlag("pending-cap");
		this.#done(oldest, "unanswered");
	}

	#done(exchange: CapturedExchange, outcome: Outcome): void {
		exchange.isDone = true;
		exchange.outcome = outcome;
		if (exchange.req?.isOpen) {
			exchange.req.bodyGap(null);
			exchange.req.close(this.lanes[0].offset, exchange.req.endUs, "partial");
		}
		this.#owner.exchangeDone(exchange);
	}

	#show(lane: Lane, base: number, tsUs: number, fromCarry: boolean): void {
		this.#lane = lane;
		this.#base = base;
		this.#tsUs = tsUs;
		this.#fromCarry = fromCarry;
	}

	/** True where some was consumed and some is left: the parser may want to go on, or to wait. */
	#parse(lane: Lane, data: Uint8Array, offset: number, tsUs: number, fromCarry: boolean): boolean {
		this.#show(lane, offset, tsUs, fromCarry);
		const shown = this.#plugin!.readsOnly === true ? data : Uint8Array.prototype.slice.call(data);
		let consumed: number;
		try {
			consumed = this.#parser!.data(lane.dir, shown, this);
		} catch (error) {
			this.#failed(error);
			return false;
		}
		if (consumed === data.length) {
			if (fromCarry) lane.carry.consume(consumed);
		} else if (consumed === WAIT && !this.mustProceed) {
			if (!fromCarry) this.#keep(lane, data, offset, tsUs);
			lane.waitDeadlineUs = this.#engine.nowUs + this.#engine.options.mergeWindowUs;
			return false;
		} else if (consumed >= 0 && consumed < data.length) {
			if (fromCarry) lane.carry.consume(consumed);
			else this.#keep(lane, consumed === 0 ? data : data.subarray(consumed), offset + consumed, tsUs);
		} else {
			this.#failed(new RangeError(`data() returned ${consumed} of ${data.length}`));
			return false;
		}
		if (this.#handover !== null || this.#giveUp !== null) this.#afterParser();
		if (consumed > 0) this.#wakeOther(lane);
		return consumed > 0 && consumed < data.length;
	}

	#parseCarry(lane: Lane): void {
		while (lane.carry.length > 0 && lane.phase === "parse" && lane.waitDeadlineUs === 0)
			if (!this.#parse(lane, lane.carry.view(), lane.carry.offset, 0, true)) return;
	}

	/** A held direction goes on, whether or not the other one moved. */
	#proceed(lane: Lane): void {
		if (lane.waitDeadlineUs === 0) return;
		lane.waitDeadlineUs = 0;
		if (lane.carry.length === 0) return;
		this.mustProceed = true;
		const goesOn = this.#parse(lane, lane.carry.view(), lane.carry.offset, 0, true);
		this.mustProceed = false;
		if (goesOn) this.#parseCarry(lane);
	}

	#wakeOther(lane: Lane): void {
		const other = this.lanes[lane.dir === 0 ? 1 : 0];
		if (other.waitDeadlineUs === 0) return;
		other.waitDeadlineUs = 0;
		this.#parseCarry(other);
	}

	#keep(lane: Lane, data: Uint8Array, offset: number, tsUs: number): void {
		lane.carry.append(data, offset, tsUs);
		if (lane.carry.length > this.#engine.options.maxCarryBytes) this.#becomeOpaque("carry-limit");
	}

	#skip(lane: Lane, count: number): void {
		this.#engine.totals.bytesSkipped += count;
		if (count > 0) lane.carry.consume(count);
	}

	#resync(lane: Lane): void {
		const bytes = lane.carry.view();
		let found: { skip: number } | { need: number };
		try {
			found = this.#parser!.resync(lane.dir, bytes);
		} catch (error) {
			this.#failed(error);
			return;
		}
		if ("skip" in found) {
			this.#skip(lane, found.skip);
			lane.phase = "parse";
			this.#parseCarry(lane);
		} else this.#skip(lane, Math.max(0, bytes.length - found.need));
	}

	/** The usual case: the first chunk shows what is spoken, and need not be kept for that. */
	#detectAtOnce(lane: Lane, data: Uint8Array): void {
		const [client, server] = this.lanes;
		if (this.#detection === null || client.carry.length > 0 || server.carry.length > 0) return;
		if (client.late || server.late) return;
		const [a, b] = lane === client ? [data, NOTHING] : [NOTHING, data];
		const answer = this.#detection.ask(a, b, this.#owner.hint(false));
		if (typeof answer !== "object") return;
		this.#detection = null;
		this.#start(answer, null);
	}

	#detect(): void {
		const [client, server] = this.lanes;
		const late = client.late || server.late;
		const hint = this.#owner.hint(late);
		const a = client.carry.length > 0 ? client.carry.view() : NOTHING;
		const b = server.carry.length > 0 ? server.carry.view() : NOTHING;
		const detection = this.#detection;
		if (detection === null) return;
		let answer = detection.ask(a, b, hint);
		if (answer === "no" && this.#owner.rolesAreGuessed) {
			const swapped = new Detection(this.#engine.registry).ask(b, a, hint);
			if (typeof swapped === "object") {
				this.#owner.swapRoles();
				answer = swapped;
			}
		}
		if (answer === "more") return;
		if (answer === "no") {
			if (late && detection.retry()) for (const lane of this.lanes) this.#skip(lane, lane.carry.length);
			else this.#becomeOpaque("unknown-protocol");
			return;
		}
		this.#detection = null;
		this.#start(answer, null);
	}

	/** Exchanges the two lanes; only before a parser was found. */
	swapLanes(): void {
		const [a, b] = this.lanes;
		a.dir = 1;
		b.dir = 0;
		this.lanes = [b, a];
	}

	#start(plugin: ParserPlugin, handover: Attributes | null): void {
		const late = this.lanes[0].late || this.lanes[1].late;
		this.protocol = plugin.protocol;
		this.#plugin = plugin;
		const shared = this.#engine.registry.sharedOf(plugin);
		try {
			this.#parser = plugin.create({ hint: this.#owner.hint(late), shared, handover });
		} catch (error) {
			this.#failed(error);
			return;
		}
		for (const lane of this.lanes) lane.phase = lane.late ? "resync" : "parse";
		for (const lane of this.lanes) {
			if (lane.carry.length === 0) continue;
			if (lane.phase === "resync") this.#resync(lane);
			else if (lane.phase === "parse" && lane.waitDeadlineUs === 0) this.#parseCarry(lane);
		}
	}

	#afterParser(): void {
		const handover = this.#handover;
		const giveUp = this.#giveUp;
		this.#handover = null;
		this.#giveUp = null;
		if (giveUp !== null) this.#becomeOpaque(giveUp);
		else if (handover !== null) {
			const plugin = this.#engine.registry.byProtocol(handover.protocol);
			if (plugin === null) this.#becomeOpaque(`handed-over:${handover.protocol}`);
			else {
				for (const lane of this.lanes) lane.waitDeadlineUs = 0;
				this.#start(plugin, handover.hints);
			}
		}
	}

	#failed(error: unknown): void {
		this.#engine.totals.parserFailures++;
		if (this.#plugin !== null) this.#engine.registry.failed(this.#plugin, error);
		this.#becomeOpaque("parser-failed");
	}

	#becomeOpaque(reason: string): void {
		if (this.opaqueReason !== null) return;
		this.opaqueReason = reason;
		this.#engine.totals.connectionsOpaque++;
		this.#parser = null;
		this.#detection = null;
		this.gapCause = "parse-resync";
		for (const lane of this.lanes) {
			lane.phase = "opaque";
			lane.waitDeadlineUs = 0;
			this.#engine.totals.bytesOpaque += lane.carry.length;
			lane.carry.consume(lane.carry.length);
			lane.closeOpen(lane.offset, null, "partial");
		}
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

export function markConflict(exchange: CapturedExchange, dir: Direction, from: number, to: number): void {
	const message = dir === 0 ? exchange.req : exchange.res;
	if (message === null || message.startOffset >= to || (!message.isOpen && message.endOffset <= from)) return;
	exchange.addFlag("position-conflict");
	message.payload?.conflict(from, to);
}
