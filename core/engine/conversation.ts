import type { Direction, GapCause } from "../events.js";
import type { Attributes, Outcome } from "../exchange.js";
import type { ParserPlugin } from "../plugin.js";
import { WAIT } from "../plugin.js";
import { Children } from "./children.js";
import type { ConversationOwner, EngineContext } from "./conversation-owner.js";
import { Detection } from "./detection.js";
import { Lane, type LaneOwner } from "./lane.js";
import { ParserAtWork } from "./parser-at-work.js";
import { type Handover, ParserVoice } from "./parser-voice.js";

const NOTHING = new Uint8Array(0);
/** A connection whose parsers hand it over more often than this goes round in circles. */
const MAX_HANDOVERS = 16;

/**
 * What the two ends of a connection say to each other: finds the parser, drives it, and turns what it says into paired
 * exchanges.
 */
export class Conversation implements LaneOwner {
	lanes: readonly [Lane, Lane];
	opaqueReason: string | null = null;
	readonly #engine: EngineContext;
	readonly #owner: ConversationOwner;
	readonly #voice: ParserVoice;
	#detection: Detection | null;
	#parser: ParserAtWork | null = null;
	/** Both directions wait, and one is being asked again. */
	#bothWait = false;
	#handovers = 0;
	/** The protocol that the source named; null: it is to be found. */
	#pinned: string | null = null;

	constructor(engine: EngineContext, owner: ConversationOwner) {
		this.#engine = engine;
		this.#owner = owner;
		this.lanes = [new Lane(this, 0), new Lane(this, 1)];
		this.#voice = new ParserVoice(engine, owner, this.lanes, (voice) => new Children(engine, owner, voice, inside));
		this.#detection = new Detection(engine.registry);
	}

	/** For one that is a logical stream inside another: it holds what comes until `startInside`. */
	holdInside(carrier: ParserVoice, tag: number): void {
		this.#voice.carrier = carrier;
		this.#voice.tag = tag;
		this.#detection = null;
	}

	/** Null: whoever detects it. */
	startInside(protocol: string | null, hints: Attributes, parent: string | null): void {
		if (this.#parser !== null || this.opaqueReason !== null) return;
		const plugin = protocol === null ? null : this.#engine.registry.byProtocol(protocol);
		this.#voice.parent = parent;
		if (plugin !== null) {
			for (const lane of this.lanes) lane.phase = lane.late ? "resync" : "parse";
			this.#start(plugin, hints);
		} else if (protocol !== null) this.#becomeOpaque(`handed-over:${protocol}`);
		else {
			this.#detection = new Detection(this.#engine.registry);
			if (this.lanes[0].carry.length > 0 || this.lanes[1].carry.length > 0) this.#detect();
		}
	}

	/** For the parser inside, as the carrying connection's parser is asked. */
	get voice(): ParserVoice {
		return this.#voice;
	}

	/** Of the parser that is at work, or was. */
	get protocol(): string | null {
		return this.#voice.protocol;
	}

	/** The parser that is at work. */
	get plugin(): ParserPlugin | null {
		return this.#parser?.plugin ?? null;
	}

	get knowsPayload(): boolean {
		return this.#parser?.knowsPayload === true;
	}

	/** See `Connection`. */
	neededFrom(dir: Direction): number {
		const lane = this.lanes[dir];
		const [message, another] = lane.open;
		if (lane.phase !== "parse" || lane.carry.length > 0 || message === undefined || another !== undefined) return 0;
		if (!message.isFull) return 0;
		try {
			return lane.offset + (this.#parser?.payloadAhead(dir) ?? 0);
		} catch (error) {
			this.#failed(error);
			return 0;
		}
	}

	/** What parsers told about the connection as a whole, or null. */
	get notes(): Attributes | null {
		return this.#voice.notes?.values ?? null;
	}

	get pendingCount(): number {
		return this.#voice.pairing.waitingCount + (this.#voice.children?.pendingCount ?? 0);
	}

	/** When a held direction must go on; 0: none is held. */
	get dueUs(): number {
		const a = this.lanes[0].waitDeadlineUs;
		const b = this.lanes[1].waitDeadlineUs;
		const own = a === 0 || (b !== 0 && b < a) ? b : a;
		const { children } = this.#voice;
		if (children === null) return own;
		const inside = children.dueUs;
		return own === 0 || (inside !== 0 && inside < own) ? inside : own;
	}

	/** Neither direction begins at its first byte. */
	joinLate(): void {
		for (const lane of this.lanes) lane.late = true;
		this.#voice.pairing.requestsLost();
	}

	get pinned(): string | null {
		return this.#pinned;
	}

	/** Whoever configured the source says what is spoken. Means nothing once that was found out. */
	pin(protocol: string): void {
		if (this.#pinned !== null || this.#detection === null) return;
		this.#pinned = protocol;
		this.#voice.isPinned = true;
		const { registry } = this.#engine;
		const plugin = registry.byProtocol(protocol);
		if (plugin === null) this.#becomeOpaque("no-such-parser");
		else this.#detection = new Detection(registry, plugin);
	}

	// ------------------------------------------------------------------------------------------------ bytes come in

	bytes(lane: Lane, data: Uint8Array, offset: number, tsUs: number): void {
		if (lane.offset < 0 && offset > 0) {
			lane.late = true;
			if (lane.phase === "parse") lane.phase = "resync";
			if (lane.dir === 0) this.#voice.pairing.requestsLost();
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
		this.#voice.holeCause = cause;
		if (lane.phase !== "parse") this.#messagesLost(lane);
		if (lane.phase === "detect" || this.#parser === null) {
			this.#skip(lane, lane.carry.length);
			lane.late = true;
			return;
		}
		if (lane.phase === "resync") {
			this.#skip(lane, lane.carry.length);
			this.#voice.children?.lost(lane.dir, tsUs);
			return;
		}
		this.#voice.gapCause = cause;
		let inside = false;
		if (lane.carry.length === 0) {
			this.#voice.show(lane, offset, tsUs, false);
			try {
				inside = this.#parser.gap(lane.dir, length, this.#voice);
			} catch (error) {
				this.#failed(error);
				return;
			}
			this.#afterParser();
		}
		if (inside || lane.phase !== "parse") return;
		this.#lost(lane, offset, tsUs);
	}

	/** A hole of which nobody knows how long it is: only in a logical stream. */
	gapOfUnknownLength(lane: Lane, tsUs: number): void {
		this.#proceed(lane);
		if (lane.phase === "opaque") return;
		this.#voice.holeCause = this.#voice.carrier?.gapCause ?? "missed";
		if (lane.phase === "parse") this.#lost(lane, Math.max(0, lane.offset), tsUs);
		else {
			this.#messagesLost(lane);
			this.#skip(lane, lane.carry.length);
			lane.late = true;
		}
	}

	#lost(lane: Lane, offset: number, tsUs: number): void {
		this.#skip(lane, lane.carry.length);
		lane.closeOpen(offset, tsUs, "partial");
		lane.phase = "resync";
		this.#messagesLost(lane);
		this.#voice.children?.lost(lane.dir, tsUs);
	}

	#messagesLost(lane: Lane): void {
		if (lane.dir === 1) this.#voice.pairing.responsesLost();
		else this.#voice.pairing.requestsLost();
	}

	end(lane: Lane, how: "fin" | "reset" | "unknown", tsUs: number): void {
		if (lane.endedHow !== null) return;
		// each round consumes something, or is the last
		while (lane.waitDeadlineUs !== 0) this.#proceed(lane);
		lane.endedHow = how;
		this.#tellEnd(lane, how, tsUs);
		this.#wakeOther(lane);
	}

	#tellEnd(lane: Lane, how: "fin" | "reset" | "unknown", tsUs = this.#engine.nowUs): void {
		if (this.#parser === null || lane.phase === "opaque") return;
		this.#voice.show(lane, Math.max(0, lane.offset), tsUs, false);
		try {
			this.#parser.end(lane.dir, how, this.#voice);
		} catch (error) {
			this.#failed(error);
			return;
		}
		this.#afterParser();
		// who sent it stopped in the middle
		const wasCut = how !== "unknown";
		this.#voice.gapCause = wasCut ? "reset" : "missed";
		this.#voice.children?.end(lane.dir, how, tsUs);
		lane.closeOpen(Math.max(0, lane.offset), tsUs, wasCut ? "aborted" : "partial");
	}

	/** Nothing more will come: what still waits is emitted as it is. */
	finish(tsUs: number): void {
		for (const lane of this.lanes) this.end(lane, "unknown", tsUs);
		this.#voice.children?.finish(tsUs);
		const { carrier } = this.#voice;
		const isUnread = this.lanes[0].carry.length > 0 || this.lanes[1].carry.length > 0;
		if (carrier !== null && this.#parser === null && isUnread) this.#becomeOpaque("unknown-protocol");
		if (isUnread && this.#isPinnedInVain) this.#becomeOpaque("unread");
		this.#settleAll(this.lanes.some((lane) => lane.endedHow === "reset") ? "aborted" : "unanswered");
	}

	#settleAll(outcome: Outcome): void {
		for (;;) {
			const exchange = this.#voice.pairing.takeOldest();
			if (exchange === null) break;
			if (!exchange.isDone) this.#voice.done(exchange, outcome);
		}
		this.#voice.pairing.forgetOwed();
	}

	/** Lets time pass: held directions go on, old requests are given up. */
	tick(nowUs: number): void {
		for (const lane of this.lanes) if (lane.waitDeadlineUs !== 0 && lane.waitDeadlineUs <= nowUs) this.#proceed(lane);
		this.#voice.children?.tick(nowUs);
	}

	/** Emits requests that have waited too long; their responses still pair with what stays behind. */
	age(nowUs: number): void {
		const before = nowUs - this.#engine.options.requestTimeoutUs;
		for (const exchange of this.#voice.pairing.all()) {
			if (exchange.isDone || exchange.req === null || exchange.req.isOpen || exchange.req.endUs > before) continue;
			this.#voice.done(exchange, "unanswered");
		}
		this.#voice.children?.age(nowUs);
	}

	/** Two copies of the stream positions `from` to `to` differed: neither can be trusted. */
	conflict(dir: Direction, from: number, to: number): void {
		for (const exchange of this.#voice.pairing.all()) exchange.conflict(dir, from, to);
		for (const { open } of this.lanes) for (const { exchange } of open) exchange.conflict(dir, from, to);
		this.#voice.children?.conflict(dir, from, to);
	}

	// ------------------------------------------------------------------------------------------------------ inside

	/** True where some was consumed and some is left: the parser may want to go on, or to wait. */
	#parse(lane: Lane, data: Uint8Array, offset: number, tsUs: number, fromCarry: boolean): boolean {
		this.#voice.show(lane, offset, tsUs, fromCarry);
		let consumed: number;
		try {
			consumed = this.#parser!.data(lane.dir, data, this.#voice);
		} catch (error) {
			this.#failed(error);
			return false;
		}
		if (consumed === data.length) {
			if (fromCarry) lane.carry.consume(consumed);
		} else if (consumed === WAIT && !this.#voice.mustProceed) {
			if (!fromCarry) this.#keep(lane, data, offset, tsUs);
			lane.waitDeadlineUs = this.#engine.nowUs + this.#engine.options.mergeWindowUs;
			if (!this.#bothWait) {
				// the other one may have waited for what this one was just shown
				this.#bothWait = true;
				this.#wakeOther(lane);
				this.#bothWait = false;
			}
			return false;
		} else if (Number.isInteger(consumed) && consumed >= 0 && consumed < data.length) {
			if (fromCarry) lane.carry.consume(consumed);
			else this.#keep(lane, consumed === 0 ? data : data.subarray(consumed), offset + consumed, tsUs);
		} else {
			this.#failed(new RangeError(`data() returned ${String(consumed)} of ${data.length}`));
			return false;
		}
		if (this.#voice.wantedHandover !== null || this.#voice.wantedEnd !== null) this.#afterParser();
		// also where nothing was consumed: a parser may know more than before
		this.#wakeOther(lane);
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
		this.#voice.mustProceed = true;
		const goesOn = this.#parse(lane, lane.carry.view(), lane.carry.offset, 0, true);
		this.#voice.mustProceed = false;
		if (goesOn) this.#parseCarry(lane);
	}

	#wakeOther(lane: Lane): void {
		const other = this.lanes[lane.dir === 0 ? 1 : 0];
		const { waitDeadlineUs, carry } = other;
		if (waitDeadlineUs === 0) return;
		const { offset } = carry;
		const { mustProceed } = this.#voice;
		other.waitDeadlineUs = 0;
		this.#voice.mustProceed = false;
		this.#parseCarry(other);
		this.#voice.mustProceed = mustProceed;
		// the same bytes have waited since then: who is woken again and again would wait for ever
		if (other.waitDeadlineUs !== 0 && carry.offset === offset) other.waitDeadlineUs = waitDeadlineUs;
	}

	#keep(lane: Lane, data: Uint8Array, offset: number, tsUs: number): void {
		lane.carry.append(data, offset, tsUs, lane.shift);
		// who is held has waited long enough when there is no more room
		if (lane.waitDeadlineUs !== 0 && lane.carry.length > this.#engine.options.maxCarryBytes) this.#proceed(lane);
		if (lane.carry.length > this.#engine.options.maxCarryBytes) this.#becomeOpaque("carry-limit");
	}

	#skip(lane: Lane, count: number): void {
		this.#engine.totals.bytesSkipped += count;
		if (count > 0) lane.carry.consume(count);
	}

	#resync(lane: Lane): void {
		const bytes = lane.carry.view();
		let found: { skip: number } | { need: number };
		this.#voice.show(lane, lane.carry.offset, 0, true);
		try {
			found = this.#parser!.resync(lane.dir, bytes, this.#voice);
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
		if (this.#voice.isPinned) {
			this.#startPinned();
			return;
		}
		if (client.late || server.late) return;
		const [a, b] = lane === client ? [data, NOTHING] : [NOTHING, data];
		const answer = this.#detection.ask(a, b, this.#owner.hint(false));
		if (typeof answer !== "object") return;
		this.#detection = null;
		this.#start(answer, null);
	}

	/** Where the roles are a guess, `detect` is asked first: which end is the client? */
	#startPinned(): void {
		if (this.#owner.rolesAreGuessed) return;
		this.#detection = null;
		this.#start(this.#engine.registry.byProtocol(this.#pinned!)!, null);
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
		if (answer === "no" && this.#owner.rolesAreGuessed && this.protocol === null) {
			const { registry } = this.#engine;
			const only = this.#pinned === null ? null : registry.byProtocol(this.#pinned);
			const swapped = new Detection(registry, only).ask(b, a, {
				...hint,
				serverPort: this.#owner.facts.client.port,
			});
			if (typeof swapped === "object") {
				this.#owner.swapRoles();
				answer = swapped;
			} else if (only !== null) answer = only;
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
		this.#voice.lanes = this.lanes;
	}

	/** `handover` null: the protocol was detected, so a direction that joined late must find its first message. */
	#start(plugin: ParserPlugin, handover: Attributes | null): void {
		const late = this.lanes[0].late || this.lanes[1].late;
		const { parent } = this.#voice;
		this.#voice.protocol = plugin.protocol;
		const shared = this.#engine.registry.sharedOf(plugin);
		try {
			const { registry } = this.#engine;
			const takesContent = (mediaType: string): boolean => registry.byMediaType(mediaType) !== null;
			const hint = this.#owner.hint(late);
			const options = registry.optionsOf(plugin);
			const context = { hint, shared, handover, parent, options, takesContent };
			this.#parser = new ParserAtWork(plugin, plugin.create(context));
		} catch (error) {
			this.#failed(error, plugin);
			return;
		}
		const parser = this.#parser;
		if (handover === null) for (const lane of this.lanes) lane.phase = lane.late ? "resync" : "parse";
		for (const lane of this.lanes) {
			if (lane.carry.length === 0) continue;
			if (lane.phase === "resync") this.#resync(lane);
			else if (lane.phase === "parse" && lane.waitDeadlineUs === 0) this.#parseCarry(lane);
		}
		// a direction that was over before this parser came
		for (const lane of this.lanes)
			if (lane.endedHow !== null && this.#parser === parser) this.#tellEnd(lane, lane.endedHow);
	}

	#afterParser(): void {
		const voice = this.#voice;
		const { wantedHandover: handover, wantedEnd: reason } = voice;
		if (handover === null && reason === null) return;
		voice.wantedHandover = null;
		voice.wantedEnd = null;
		if (reason !== null) this.#becomeOpaque(reason);
		else if (handover !== null) this.#handOver(handover);
	}

	#handOver({ protocol, hints, parent }: Handover): void {
		const voice = this.#voice;
		const plugin = protocol === null ? null : this.#engine.registry.byProtocol(protocol);
		if (protocol !== null && plugin === null) {
			this.#becomeOpaque(`handed-over:${protocol}`);
			return;
		}
		if (++this.#handovers > MAX_HANDOVERS) {
			this.#becomeOpaque("handover-limit");
			return;
		}
		voice.gapCause = "parse-resync";
		voice.children?.finish(this.#engine.nowUs);
		for (const lane of this.lanes) {
			lane.waitDeadlineUs = 0;
			const shift = voice.shiftOf(lane.dir);
			lane.closeOpen(voice.positionOf(lane.dir) - shift, null, "partial", shift);
		}
		this.#settleAll("unanswered");
		voice.parent = parent;
		voice.isPinned = false;
		if (plugin !== null) this.#start(plugin, hints);
		else this.#detectAnew();
	}

	#detectAnew(): void {
		this.#parser = null;
		this.#detection = new Detection(this.#engine.registry);
		for (const lane of this.lanes) {
			// it begins exactly here, but for a direction that was looking for its next message
			lane.late = lane.phase !== "parse";
			lane.phase = "detect";
		}
		if (this.lanes[0].carry.length > 0 || this.lanes[1].carry.length > 0) this.#detect();
	}

	#failed(error: unknown, plugin = this.#parser?.plugin ?? null): void {
		this.#engine.totals.parserFailures++;
		if (plugin !== null) this.#engine.registry.failed(plugin, error);
		this.#becomeOpaque("parser-failed");
	}

	/** So far the parser that was named has made nothing of the bytes. */
	get #isPinnedInVain(): boolean {
		const { isPinned, hasBegun, notes } = this.#voice;
		return isPinned && !hasBegun && notes === null;
	}

	#becomeOpaque(reason: string): void {
		if (this.opaqueReason !== null) return;
		const isMismatch = this.#isPinnedInVain;
		this.opaqueReason = isMismatch ? `pin-mismatch:${reason}` : reason;
		if (isMismatch) this.#engine.totals.connectionsPinMismatched++;
		const { carrier, children } = this.#voice;
		if (carrier === null) this.#engine.totals.connectionsOpaque++;
		else {
			this.#engine.totals.streamsOpaque++;
			carrier.count(`polytap.streams_opaque.${this.opaqueReason}`);
		}
		children?.finish(this.#engine.nowUs);
		this.#parser = null;
		this.#detection = null;
		this.#voice.gapCause = "parse-resync";
		for (const lane of this.lanes) {
			lane.phase = "opaque";
			lane.waitDeadlineUs = 0;
			this.#engine.totals.bytesOpaque += lane.carry.length;
			carrier?.count("polytap.streams_opaque.bytes", lane.carry.length);
			lane.carry.consume(lane.carry.length);
			lane.closeOpen(lane.offset, null, "partial");
		}
	}
}

const inside = (engine: EngineContext, owner: ConversationOwner): Conversation => new Conversation(engine, owner);
