import type {
	AnnotateEvent,
	BytesEvent,
	Direction,
	EndEvent,
	Endpoint,
	GapEvent,
	IdentifyEvent,
	OpenEvent,
	ProcessIdentity,
	Vantage,
} from "../events.js";
import type { Attributes, AttributeValue, TlsFacts } from "../exchange.js";
import type { DetectHint } from "../plugin.js";
import { Annotations } from "./annotations.js";
import { CapturedExchange, type Sighting } from "./captured-exchange.js";
import { Carrier } from "./carrier.js";
import { ConnectionHint } from "./connection-hint.js";
import { Conversation, type ConversationOwner, type EngineContext, markConflict } from "./conversation.js";
import { EncryptedBelow } from "./encrypted-below.js";
import { ConnectionFacts, type VantageFacts } from "./facts.js";
import { RecentBytes } from "./recent-bytes.js";
import { Stream, type StreamReader } from "./stream.js";
import { VantageState } from "./vantage.js";

export interface ConnectionContext extends EngineContext {
	emit(exchange: CapturedExchange): void;
	/** The encrypted connection between two ends that some source watches, or null. */
	carrierOf(ends: string): Connection | null;
}

interface HeldExchange {
	readonly exchange: CapturedExchange;
	readonly deadlineUs: number;
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
	#held: HeldExchange[] = [];
	#annotations: Annotations | null = null;
	#wasSwapped = false;
	#datagrams = 0;
	/** Both ends as text, where the engine joins layers. */
	ends = "";
	#carrier: Carrier | null = null;
	/** What is known of the encryption of what carries this one. */
	#encryption: EncryptedBelow | null = null;
	/** What it carries, where that is told as plaintext. */
	#above: Connection | null = null;
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
		const merging = this.#held[0]?.deadlineUs ?? 0;
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
		if (this.#held.length > 0) this.#emitHeld(false);
	}

	gap(vantage: VantageState, event: GapEvent): void {
		if (this.#conversation === null) return;
		const dir = vantage.isFlipped ? opposite(event.dir) : event.dir;
		const stream = this.streams[dir];
		stream.gap(event.offset, event.length, event.cause, this.#engine.nowUs);
		if (event.isFinal === true && !this.isShared) stream.giveUp(this.#engine.nowUs);
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

	datagram(): void {
		this.#datagrams++;
		this.#engine.totals.datagrams++;
	}

	annotate(vantage: VantageState, event: AnnotateEvent): void {
		if (this.isFinished) return;
		const dir = vantage.isFlipped ? opposite(event.dir) : event.dir;
		if (event.lowerRange !== undefined && this.#engine.options.joinsLayers)
			(this.#carrier ??= new Carrier()).place(dir, event.toOffset, event.lowerRange);
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

	/** A vantage said its last word. The connection ends when all have, and every byte that was promised is here. */
	close(vantage: VantageState, tsUs: number): void {
		vantage.isClosed = true;
		this.#lastUs = tsUs;
		if (!this.vantages.every((each) => each.isClosed)) return;
		const isWhole = this.streams.every((stream) => !stream.isHoled && stream.finalOffset >= 0);
		if (isWhole) this.finish();
		// a vantage that comes late must still find its connection; packets have none
		if (!isWhole || vantage.role !== "wire") this.lingerUs = this.#engine.nowUs + this.#engine.options.mergeWindowUs;
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
		if (this.#held.length > 0) this.#emitHeld(false);
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
		return new ConnectionHint(transport, server.port, this.#below?.alpn ?? null, late, this.#quietUs, this);
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
		if (!this.isShared && this.#carrier === null) {
			this.#engine.emit(exchange);
			return;
		}
		this.#held.push({ exchange, deadlineUs: this.#engine.nowUs + this.#engine.options.mergeWindowUs });
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
		for (const { exchange } of this.#held) markConflict(exchange, dir, from, to);
	}

	#emitHeld(all: boolean): void {
		const held = this.#held;
		let ready = 0;
		while (ready < held.length) {
			const { exchange, deadlineUs } = held[ready]!;
			this.#carrier?.join(this, () => this.#engine.carrierOf(this.ends));
			if (!all && deadlineUs > this.#engine.nowUs && !this.#isSeenByAll(exchange)) break;
			if (this.isShared) this.#addSightings(exchange);
			this.#addSightingsBelow(exchange);
			this.#engine.emit(exchange);
			ready++;
		}
		if (ready > 0) held.splice(0, ready);
	}

	/** The other source's vantages come behind those that saw the plaintext. */
	#addSightingsBelow(exchange: CapturedExchange): void {
		const below = this.#carrier?.sightings(exchange, this) ?? [];
		if (below.length === 0) return;
		const { seenBy, startUs, endUs } = exchange;
		exchange.sightings = [...(exchange.sightings ?? [{ facts: seenBy, startUs, endUs }]), ...below];
	}

	#isSeenByAll(exchange: CapturedExchange): boolean {
		if (this.#carrier?.hasSeen(exchange, this) === false) return false;
		if (!this.isShared) return true;
		const { req, res } = exchange;
		for (const vantage of this.vantages) {
			if (!vantage.hasBytes || vantage.isClosed) continue;
			if (req !== null && vantage.seen[0] < req.endOffset) return false;
			if (res !== null && vantage.seen[1] < res.endOffset) return false;
		}
		return true;
	}

	#addSightings(exchange: CapturedExchange): void {
		const sightings: Sighting[] = [];
		const { req, res } = exchange;
		const first = req ?? res;
		const last = res ?? req;
		if (first === null || last === null) return;
		for (const vantage of this.vantages) {
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
		this.facts = this.facts.flipped();
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
		const reason = conversation.opaqueReason;
		const protocol = conversation.protocol ?? "raw";
		const annotations: Record<string, AttributeValue> = { ...this.#annotations?.ofConnection, ...conversation.notes };
		if (reason !== null) annotations["polytap.opaque.reason"] = reason;
		if (conversation.pinned !== null) annotations["polytap.protocol.pinned"] = conversation.pinned;
		if (this.#datagrams > 0) annotations["polytap.datagrams"] = this.#datagrams;
		let bytes = this.#datagrams;
		for (const dir of DIRECTIONS) {
			const { capturedBytes, gapBytes, gapsByCause } = this.streams[dir];
			const name = dir === 0 ? "polytap.client_to_server" : "polytap.server_to_client";
			annotations[`${name}.bytes_captured`] = capturedBytes;
			annotations[`${name}.bytes_missing`] = gapBytes;
			for (const [cause, missing] of gapsByCause) annotations[`${name}.bytes_missing.${cause}`] = missing;
			bytes += capturedBytes + gapBytes;
		}
		if (bytes === 0) return;
		this.#learnTls();
		const scope = this.bases === null ? "local" : "network";
		const ordinal = this.#encryption === null ? CONNECTION_ORDINAL : PLAINTEXT_ORDINAL;
		const record = new CapturedExchange(this.facts, protocol, "connection", scope, ordinal, this.primary);
		record.sequence = this.bases?.[0] ?? 0;
		record.annotations = annotations;
		record.outcome = this.#endHow.includes("reset") ? "aborted" : this.#fromStart ? "ok" : "partial";
		record.connectionSummary = {
			operation: `${this.facts.transport} connection`,
			result: reason ?? (protocol === "raw" ? "undetected" : ""),
			startUs: this.#openedUs,
			endUs: this.#lastUs,
		};
		this.#engine.emit(record);
	}
}

const DIRECTIONS = [0, 1] as const;
const NOBODY: StreamReader = { onBytes: () => {}, onGap: () => {} };
/** The ordinal of a connection's own record: no exchange has it. */
const CONNECTION_ORDINAL = 0xffff_ffff;
/** The same of what another one carries. */
const PLAINTEXT_ORDINAL = 0xffff_fffe;

function opposite(dir: Direction): Direction {
	return dir === 0 ? 1 : 0;
}

function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
	return a.port === b.port && a.address === b.address;
}
