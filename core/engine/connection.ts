import type { AdviceSubject } from "../advice.js";
import type {
	AnnotateEvent,
	BytesEvent,
	DatagramEvent,
	Direction,
	EndEvent,
	Endpoint,
	GapEvent,
	IdentifyEvent,
	OpenEvent,
	ProcessIdentity,
	Vantage,
} from "../events.js";
import type { Attributes, TlsFacts } from "../exchange.js";
import type { DetectHint } from "../plugin.js";
import { Annotations } from "./annotations.js";
import type { CapturedExchange } from "./captured-exchange.js";
import { Carrier } from "./carrier.js";
import { ConnectionHint } from "./connection-hint.js";
import { connectionRecord } from "./connection-record.js";
import { Conversation } from "./conversation.js";
import type { ConversationOwner, EngineContext } from "./conversation-owner.js";
import { EncryptedBelow } from "./encrypted-below.js";
import { type ConnectionEnds, ConnectionFacts, type VantageFacts } from "./facts.js";
import { HeldExchanges } from "./held-exchanges.js";
import { RecentBytes } from "./recent-bytes.js";
import { RecentDatagrams } from "./recent-datagrams.js";
import { Stream, type StreamReader } from "./stream.js";
import { VantageState } from "./vantage.js";

export interface ConnectionContext extends EngineContext {
	emit(exchange: CapturedExchange): void;
	/** The encrypted connection between two ends that some source watches, or null. */
	carrierOf(ends: string): Connection | null;
	/** No exchange with these ends comes any more. */
	endsLeft(ends: ConnectionEnds): void;
}

/**
 * Two endpoints that talk, seen from one or more vantages. Every vantage's bytes are positions of the same two streams: the
 * second copy of a byte is dropped, a hole of one vantage is healed by another.
 */
export class Connection implements ConversationOwner {
	readonly key: string;
	bases: readonly [number, number] | null;
	facts: ConnectionFacts;
	primary: VantageFacts;
	streams: readonly [Stream, Stream];
	readonly vantages: VantageState[] = [];
	rolesAreGuessed: boolean;
	/** True once a second vantage delivered bytes. */
	isShared = false;
	/** A second vantage will, for all that its source knows. */
	awaitsOther = false;
	/** When the connection leaves the table; 0: not yet known. */
	lingerUs = 0;
	readonly #openedUs: number;
	#lastUs: number;
	/** Null when it is over: what lingers for a late vantage should be small. */
	#conversation: Conversation | null;
	readonly #engine: ConnectionContext;
	readonly #below: Connection | null;
	readonly #quietUs: number | undefined;
	readonly #fromStart: boolean;
	#held: HeldExchanges | null = null;
	#annotations: Annotations | null = null;
	#wasSwapped = false;
	#datagrams = 0;
	#recentDatagrams: RecentDatagrams | null = null;
	/** Both ends as text, where the engine joins layers. */
	ends = "";
	#carrier: Carrier | null = null;
	/** What is known of the encryption of what carries this one. */
	#encryption: EncryptedBelow | null = null;
	/** What it carries, where that is told as plaintext. */
	#above: Connection | null = null;
	/** The same, where another source tells that. */
	coveredBy: Connection | null = null;
	/** What parsers told, once it is over. */
	#lastNotes: Attributes | null = null;

	/** `below`: what carries this one, where this is the plaintext above it. */
	constructor(
		engine: ConnectionContext,
		key: string,
		open: OpenEvent,
		primary: VantageFacts,
		below: Connection | null = null,
	) {
		this.#engine = engine;
		this.#below = below;
		this.#quietUs = open.quietUs;
		this.key = key;
		this.bases = open.bases;
		this.primary = primary;
		this.rolesAreGuessed = !open.roleKnown;
		this.#fromStart = open.fromStart && open.late !== true;
		this.#openedUs = open.tsUs;
		this.#lastUs = open.tsUs;
		this.facts = new ConnectionFacts({
			transport: open.transport,
			client: open.client,
			server: open.server,
			bases: open.bases,
			layer: open.layer,
			netns: open.netns,
			fromStart: open.fromStart,
			group: null,
		});
		this.#conversation = new Conversation(engine, this);
		const { lanes } = this.#conversation;
		const startCause = open.role === "wire" && open.fromStart ? "missed" : "joined-late";
		const isLate = open.late === true;
		this.streams = [
			new Stream(lanes[0], engine.options, startCause, engine.totals, isLate),
			new Stream(lanes[1], engine.options, startCause, engine.totals, isLate),
		];
		if (!open.fromStart) this.#conversation.joinLate();
	}

	/** This is the plaintext of what passes encrypted in `lower`. */
	carriedBy(lower: Connection, library: string | null): void {
		if (this.#encryption !== null || lower === this) return;
		this.#encryption = new EncryptedBelow(lower, library);
		lower.#above = this;
	}

	/** What parsers told about it so far. */
	get notes(): Attributes | null {
		return this.#conversation?.notes ?? this.#lastNotes;
	}

	/** Null: what is spoken is not known. */
	get adviceSubject(): AdviceSubject | null {
		const plugin = this.#conversation?.plugin ?? null;
		if (plugin === null) return null;
		const { id, server } = this.facts;
		return { protocol: plugin.protocol, isLeaf: plugin.isLeaf === true, serverPort: server.port, id };
	}

	get knowsPayload(): boolean {
		return this.#conversation?.knowsPayload === true;
	}

	/** The position before which nothing is needed in this direction: what is kept of a message is full. 0: all is. */
	neededFrom(dir: Direction): number {
		return this.#conversation?.neededFrom(dir) ?? 0;
	}

	/** Another source tells what passes here encrypted. */
	get isCovered(): boolean {
		return this.coveredBy !== null && !this.coveredBy.isFinished;
	}

	/** Its own source tells at that vantage what passes encrypted here. */
	isToldAsPlaintext(role: Vantage): boolean {
		return this.#above?.vantages.some((vantage) => vantage.role === role) === true;
	}

	get isFinished(): boolean {
		return this.#conversation === null;
	}

	/** When `tick` has something to do; 0: never, as things are. */
	get dueUs(): number {
		if (this.#conversation === null) return this.lingerUs;
		let due = this.streams[0].deadlineUs;
		const second = this.streams[1].deadlineUs;
		if (due === 0 || (second !== 0 && second < due)) due = second === 0 ? due : second;
		const held = this.#conversation.dueUs;
		if (held !== 0 && (due === 0 || held < due)) due = held;
		const merging = this.#held?.dueUs ?? 0;
		if (merging !== 0 && (due === 0 || merging < due)) due = merging;
		if (this.lingerUs !== 0 && (due === 0 || this.lingerUs < due)) due = this.lingerUs;
		return due;
	}

	get hasPending(): boolean {
		return this.#conversation !== null && this.#conversation.pendingCount > 0;
	}

	addVantage(open: OpenEvent, facts: VantageFacts): VantageState {
		const vantage = new VantageState(this, open, facts);
		this.vantages.push(vantage);
		this.lingerUs = 0;
		// this one has seen it from the start: it may bring what lies before the other's first byte
		if (open.late !== true) for (const stream of this.streams) stream.startsAnywhere = false;
		if (open.roleKnown && this.rolesAreGuessed) this.#learnRoles(open.client);
		if (!sameEndpoint(open.client, this.facts.client)) vantage.isFlipped = true;
		if (open.protocol !== undefined) this.#conversation?.pin(open.protocol);
		const isExpected = open.expects === "both-ends" || (open.expects !== undefined && this.vantages.length > 1);
		if (isExpected && !this.isShared) this.awaitsOther = true;
		this.#refreshFacts();
		return vantage;
	}

	bytes(vantage: VantageState, event: BytesEvent): void {
		const dir = vantage.isFlipped ? opposite(event.dir) : event.dir;
		this.#lastUs = event.tsUs;
		const stream = this.streams[dir];
		const conversation = this.#conversation;
		if (conversation === null) {
			this.#tooLate(stream, event);
			return;
		}
		if (this.isShared || !vantage.hasBytes) this.#sharedBytes(conversation, vantage, dir, stream, event);
		else if (event.offset < stream.next) this.#compare(conversation, dir, stream, event);
		stream.bytes(event.data, event.offset, event.tsUs, this.#engine.nowUs);
		// plaintext that another source sees asks when its ciphertext passed here
		if (!this.isShared && this.#engine.options.joinsLayers && conversation.protocol === "tls")
			vantage.note(dir, event.offset + event.data.length, event.tsUs);
		if (stream.next === stream.finalOffset) conversation.end(conversation.lanes[dir], this.#endHow[dir], event.tsUs);
		if (this.#held !== null) this.#emitHeld(false);
	}

	gap(vantage: VantageState, event: GapEvent): void {
		if (this.#conversation === null) return;
		const dir = vantage.isFlipped ? opposite(event.dir) : event.dir;
		const stream = this.streams[dir];
		stream.gap(event.offset, event.length, event.cause, this.#engine.nowUs);
		const isCovered = event.cause === "covered";
		// when it passed is asked for all the same
		if (isCovered && event.length !== null) vantage.note(dir, event.offset + event.length, event.tsUs);
		if (isCovered || (event.isFinal === true && !this.isShared)) stream.giveUp(this.#engine.nowUs);
	}

	end(vantage: VantageState, event: EndEvent): void {
		const conversation = this.#conversation;
		if (conversation === null) return;
		const dir = vantage.isFlipped ? opposite(event.dir) : event.dir;
		this.#lastUs = event.tsUs;
		const stream = this.streams[dir];
		this.#endHow[dir] = event.how;
		if (event.finalOffset === null) return;
		stream.end(event.finalOffset, this.#engine.nowUs);
		if (!stream.isHoled) conversation.end(conversation.lanes[dir], event.how, event.tsUs);
	}
	readonly #endHow: ["fin" | "reset" | "unknown", "fin" | "reset" | "unknown"] = ["unknown", "unknown"];

	/** Datagrams are one stream of each direction, in the order in which they come. Another vantage's copy of one is that one. */
	datagram(vantage: VantageState, event: DatagramEvent): void {
		const dir = vantage.isFlipped ? opposite(event.dir) : event.dir;
		const next = Math.max(this.streams[dir].next, 0);
		const known = (this.#recentDatagrams ??= new RecentDatagrams()).offsetOf(vantage, dir, event, next);
		if (known === next) {
			this.#datagrams++;
			this.#engine.totals.datagrams++;
		} else this.#engine.totals.datagramsDuplicate++;
		const { conn, tsUs, data } = event;
		this.bytes(vantage, { kind: "bytes", conn, dir: event.dir, offset: known, tsUs, data });
	}

	annotate(vantage: VantageState, event: AnnotateEvent): void {
		if (this.isFinished) return;
		const dir = vantage.isFlipped ? opposite(event.dir) : event.dir;
		if (event.lowerRange !== undefined && this.#engine.options.joinsLayers)
			this.#placeBelow(dir, event.toOffset, event.lowerRange);
		(this.#annotations ??= new Annotations()).add(event, dir);
	}

	/** As the vantage calls its ends. */
	identify({ isFlipped }: VantageState, { client, server, tls }: IdentifyEvent): void {
		const { facts } = this;
		this.#setFacts(
			(isFlipped ? server : client) ?? facts.client.process,
			(isFlipped ? client : server) ?? facts.server.process,
			tls ?? facts.tls,
		);
	}

	/**
	 * A vantage said its last word. The connection ends when all have, every byte that was promised is here, and nobody is waited
	 * for.
	 */
	close(vantage: VantageState, tsUs: number): void {
		vantage.isClosed = true;
		this.#lastUs = tsUs;
		if (!this.vantages.every((each) => each.isClosed)) return;
		const isWhole = this.streams.every((stream) => !stream.isHoled && stream.finalOffset >= 0);
		if (this.#held !== null) this.#emitHeld(false);
		const isComplete = isWhole && (this.#held?.dueUs ?? 0) === 0 && (this.isShared || !this.awaitsOther);
		if (isComplete) this.finish();
		// a vantage that comes late must still find its connection; packets have none
		if (!isComplete || vantage.role !== "wire") this.lingerUs = this.#engine.nowUs + this.#engine.options.mergeWindowUs;
	}

	tick(nowUs: number): void {
		const conversation = this.#conversation;
		if (conversation === null) return;
		for (const dir of DIRECTIONS) {
			const stream = this.streams[dir];
			if (stream.deadlineUs === 0 || stream.deadlineUs > nowUs) continue;
			stream.giveUp(nowUs);
			if (stream.finalOffset >= 0 && !stream.isHoled)
				conversation.end(conversation.lanes[dir], this.#endHow[dir], nowUs);
		}
		conversation.tick(nowUs);
		if (this.#held !== null) this.#emitHeld(false);
		if (this.lingerUs !== 0 && this.lingerUs <= nowUs) this.finish();
	}

	age(nowUs: number): void {
		this.#conversation?.age(nowUs);
	}

	/** Ends the connection as it is. */
	finish(): void {
		const conversation = this.#conversation;
		if (conversation === null) return;
		this.#conversation = null;
		this.#lastNotes = conversation.notes;
		for (const dir of DIRECTIONS) {
			const stream = this.streams[dir];
			stream.giveUp(this.#engine.nowUs);
			conversation.end(conversation.lanes[dir], this.#endHow[dir], this.#lastUs);
		}
		conversation.finish(this.#lastUs);
		this.#emitHeld(true);
		this.#engine.totals.connectionsClosed++;
		// what nobody could parse is told at least by its bytes
		const isParsed = conversation.protocol !== null && conversation.opaqueReason === null;
		const isTold = this.#engine.options.connectionRecords || !isParsed || conversation.notes !== null;
		this.#lastNotes = conversation.notes;
		if (isTold && (this.#engine.options.connectionRecords || !this.#isToldAbove)) this.#emitRecord(conversation);
		for (const stream of this.streams) stream.reader = NOBODY;
	}

	// ---------------------------------------------------------------------------------- for the conversation

	hint(late: boolean): DetectHint {
		const { transport, server } = this.facts;
		// a Unix socket has a number there, and no port
		return new ConnectionHint(
			transport,
			transport === "unix" ? 0 : server.port,
			this.#below?.alpn ?? null,
			late,
			this.#quietUs,
			this,
		);
	}

	/** From where alone bytes came; undefined: from several places, or where client and server are, or were, a guess. */
	get onlyVantage(): Vantage | undefined {
		return this.isShared || this.rolesAreGuessed || this.#wasSwapped ? undefined : this.primary.vantage;
	}

	/** What a TLS handshake that anybody could read chose for what it carries; null: nobody knows. */
	get alpn(): string | null {
		const chosen = this.#conversation?.notes?.["tls.next_protocol"];
		return typeof chosen === "string" ? chosen : null;
	}

	swapRoles(): void {
		this.#swap();
		this.rolesAreGuessed = false;
	}

	exchangeDone(exchange: CapturedExchange): void {
		this.#learnTls();
		exchange.facts = this.facts;
		this.#annotations?.applyTo(exchange);
		if (!this.isShared && !this.awaitsOther && !this.#awaitsCarrier()) {
			this.#engine.emit(exchange);
			return;
		}
		this.#held ??= new HeldExchanges(this);
		this.#held.add(exchange, this.#engine.nowUs + this.#engine.options.mergeWindowUs);
		// not at once: the other vantage's copy of the last byte may be the very event that is being handled
	}

	// --------------------------------------------------------------------------------------------- inside

	/** A vantage that comes when everything has been said. */
	#tooLate(stream: Stream, { data, offset }: BytesEvent): void {
		const { totals } = this.#engine;
		if (offset + data.length > stream.next) totals.bytesOrphaned += data.length;
		else {
			totals.bytesDuplicate += data.length;
			totals.bytesUncompared += data.length;
		}
	}

	#sharedBytes(
		conversation: Conversation,
		vantage: VantageState,
		dir: Direction,
		stream: Stream,
		event: BytesEvent,
	): void {
		if (!this.isShared && this.vantages.some((other) => other !== vantage && other.hasBytes)) {
			this.isShared = true;
			for (const each of DIRECTIONS)
				for (const other of this.vantages) if (other.hasBytes) other.seen[each] = this.streams[each].next;
			for (const lane of conversation.lanes) lane.recent ??= new RecentBytes();
		}
		if (!vantage.hasBytes && !this.isShared) {
			vantage.hasBytes = true;
			this.primary = vantage.facts;
		}
		if (!this.isShared) return;
		vantage.note(dir, event.offset + event.data.length, event.tsUs);
		if (event.offset < stream.next) this.#compare(conversation, dir, stream, event);
	}

	/** A second copy of bytes that were delivered: equal, or not to be trusted. */
	#compare(conversation: Conversation, dir: Direction, stream: Stream, event: BytesEvent): void {
		const lane = conversation.lanes[dir];
		const { totals } = this.#engine;
		// what lies before the first byte that was watched is no copy of anything
		const copied = Math.min(event.offset + event.data.length, stream.next) - Math.max(event.offset, stream.first);
		if (copied <= 0) return;
		if (lane.recent === null) {
			totals.bytesUncompared += copied;
			lane.recent = new RecentBytes();
			return;
		}
		const { compared, from, to } = lane.recent.compare(event.data, event.offset);
		totals.bytesUncompared += copied - compared;
		if (from === to) return;
		totals.bytesConflicting += to - from;
		conversation.conflict(dir, from, to);
		this.#held?.conflict(dir, from, to);
	}

	#placeBelow(dir: Direction, toOffset: number, range: readonly [number, number]): void {
		if (this.#carrier === null) {
			this.#carrier = new Carrier();
			this.#carrier.join(this, () => this.#engine.carrierOf(this.ends));
		}
		this.#carrier.place(dir, toOffset, range);
	}

	#awaitsCarrier(): boolean {
		if (this.#carrier === null) return false;
		this.#carrier.join(this, () => this.#engine.carrierOf(this.ends));
		return this.#carrier.isAwaited;
	}

	#emitHeld(all: boolean): void {
		const held = this.#held;
		if (held === null || held.dueUs === 0) return;
		this.#carrier?.join(this, () => this.#engine.carrierOf(this.ends));
		for (const exchange of held.take(this.#engine.nowUs, all, this.#carrier)) {
			// what was said while it waited
			this.#annotations?.applyTo(exchange);
			this.#engine.emit(exchange);
		}
	}

	#learnRoles(client: Endpoint): void {
		this.rolesAreGuessed = false;
		if (!sameEndpoint(client, this.facts.client) && this.#conversation?.protocol === null) this.#swap();
	}

	#swap(): void {
		this.#wasSwapped = true;
		this.bases = this.bases === null ? null : [this.bases[1], this.bases[0]];
		this.streams = [this.streams[1], this.streams[0]];
		this.#endHow.reverse();
		this.#conversation?.swapLanes();
		for (const vantage of this.vantages) {
			vantage.swap();
		}
		const { ends } = this.facts;
		this.facts = this.facts.flipped();
		this.#engine.endsLeft(ends);
	}

	#learnTls(): void {
		const below = this.#encryption;
		if (below === null) return;
		const tls = below.learn() ? below.facts : this.facts.tls;
		// both ends may be known below, of which one alone tells plaintext
		const { client, server } = below.endpoints;
		const isSame = sameEndpoint(client, this.facts.client);
		this.#setFacts(
			this.facts.client.process ?? (isSame ? client : server).process,
			this.facts.server.process ?? (isSame ? server : client).process,
			tls,
		);
	}

	/** True where what passed in it encrypted came out as plaintext. */
	get #isToldAbove(): boolean {
		return this.#above?.streams.some(({ first }) => first >= 0) ?? false;
	}

	#refreshFacts(): void {
		let clientProcess = this.facts.client.process;
		let serverProcess = this.facts.server.process;
		for (const { role, process, isFlipped } of this.vantages) {
			if (process === null || (role !== "client" && role !== "server")) continue;
			if ((role === "client") !== isFlipped) clientProcess = process;
			else serverProcess = process;
		}
		this.#setFacts(clientProcess, serverProcess, this.facts.tls);
	}

	#setFacts(clientProcess: ProcessIdentity | null, serverProcess: ProcessIdentity | null, tls: TlsFacts | null): void {
		const { client, server, tls: tlsBefore } = this.facts;
		if (clientProcess === client.process && serverProcess === server.process && tls === tlsBefore) return;
		this.facts = this.facts.knowing(clientProcess, serverProcess, tls);
	}

	#emitRecord(conversation: Conversation): void {
		this.#learnTls();
		const record = connectionRecord(
			{
				facts: this.facts,
				bases: this.bases,
				primary: this.primary,
				streams: this.streams,
				isPlaintext: this.#encryption !== null,
				annotations: this.#annotations?.ofConnection ?? null,
				datagrams: this.#datagrams,
				outcome: this.#endHow.includes("reset") ? "aborted" : this.#fromStart ? "ok" : "partial",
				openedUs: this.#openedUs,
				lastUs: this.#lastUs,
			},
			conversation,
		);
		if (record !== null) this.#engine.emit(record);
	}
}

const DIRECTIONS = [0, 1] as const;
const NOBODY: StreamReader = { onBytes: () => {}, onGap: () => {} };
function opposite(dir: Direction): Direction {
	return dir === 0 ? 1 : 0;
}

function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
	return a.port === b.port && a.address === b.address;
}
