import type { Direction, GapCause } from "../events.js";
import type { Attributes, Body, ExchangeMessage, HeaderList, Interim } from "../exchange.js";
import type {
	ItemDecoder,
	LastByte,
	MessageHead,
	MessageWriter,
	ParserPlugin,
	PartWriter,
	StructuredValue,
} from "../plugin.js";
import { formatTime } from "../wire/time.js";
import type { CapturedExchange } from "./captured-exchange.js";
import { Content } from "./content.js";
import { decodedBody } from "./decoded-items.js";
import { Extras } from "./extras.js";
import { Items } from "./items.js";
import { Part } from "./part.js";
import { Payload } from "./payload.js";
import type { SlabPool } from "./slab.js";

/** What a message needs from the conversation it is part of. */
export interface MessageContext {
	readonly slabs: SlabPool;
	readonly maxBodyBytes: number;
	/** Why the bytes that the parser is being told about are missing. */
	readonly gapCause: GapCause;
	/** Why something is missing that a parser needs for what it is shown. */
	readonly lossCause: GapCause;
	offsetAt(index: number): number;
	timeAt(index: number): number;
	messageFinished(message: Message): void;
	/** Where the direction stands that is not the one being parsed. */
	positionOf(dir: Direction): number;
	/** The position of byte `index` in its own stream, and how far that of byte `index - 1` is from the connection's. */
	positionBefore(index: number): number;
	shiftBefore(index: number): number;
	shiftOf(dir: Direction): number;
	/** Who takes payloads of that type; null: nobody. */
	contentPlugin(mediaType: string): ParserPlugin | null;
	pluginOf(protocol: string): ParserPlugin | null;
	sharedOf(plugin: ParserPlugin): Map<string, unknown>;
	optionsOf(plugin: ParserPlugin): unknown;
	contentFailed(plugin: ParserPlugin, error: unknown): void;
	/** Indexes mean positions that are so many further, until they are moved back. */
	moveBase(by: number): void;
	/** A record of its own that lies inside the payload of a message. */
	beginInside(message: Message, index: number, protocol: string): Message;
}

/** Messages of a stream that one message keeps; what follows is flagged, not kept. */
export const MAX_PARTS = 16_384;

/** One direction of an exchange: written by a parser, read by sinks. */
export class Message implements MessageWriter {
	readonly exchange: CapturedExchange;
	readonly dir: Direction;
	/** Stream positions; `endOffset` is -1 while the message is open. */
	readonly startOffset: number;
	endOffset = -1;
	startUs: number;
	endUs: number;
	messageHead: MessageHead | null = null;
	/** The head as the parser gave it; `messageHead` may be one without secrets later. */
	saidHead: MessageHead | null = null;
	outcome: "ok" | "error" | "aborted" | "partial" = "ok";
	payload: Payload | null = null;
	coding: string | null = null;
	trailerList: HeaderList = NO_HEADERS;
	interims: Interim[] | null = null;
	extras: Extras | null = null;
	/** Bytes on the wire where positions do not tell them; -1: they do. */
	wire = -1;
	#context: MessageContext | null;
	#view: ExchangeMessage | null = null;

	constructor(
		exchange: CapturedExchange,
		dir: Direction,
		startOffset: number,
		startUs: number,
		context: MessageContext,
	) {
		this.exchange = exchange;
		this.dir = dir;
		this.startOffset = startOffset;
		this.startUs = startUs;
		this.endUs = startUs;
		this.#context = context;
	}

	get isOpen(): boolean {
		return this.endOffset < 0;
	}

	head(head: MessageHead): void {
		this.messageHead = head;
		this.saidHead = head;
	}

	/** Nothing that its payload still brings is kept, and nobody reads it. */
	get isFull(): boolean {
		const context = this.#context;
		if (context === null || this.payload === null || this.extras?.reader != null) return false;
		return this.payload.bytes >= context.maxBodyBytes;
	}

	interim(head: MessageHead, index: number): void {
		const context = this.#context;
		if (context === null) return;
		const at = formatTime(context.timeAt(index));
		(this.interims ??= []).push({ at, attributes: head.attributes, headers: head.headers });
	}

	body(bytes: Uint8Array, from: number, to: number, index = from): void {
		const reader = this.extras?.reader ?? null;
		if (reader === null || !reader.read(bytes, from, to, index)) this.keep(bytes, from, to, index);
	}

	/** For the engine: the bytes are the body's, whoever read them. */
	keep(bytes: Uint8Array, from: number, to: number, index: number): void {
		const context = this.#context;
		if (context === null || from >= to) return;
		const payload = (this.payload ??= new Payload(context.slabs));
		payload.append(bytes, from, to, context.offsetAt(index), context.maxBodyBytes);
	}

	bodyGap(length: number | null): void {
		const reader = this.extras?.reader ?? null;
		if (reader === null || !reader.gap(length)) this.keepGap(length);
	}

	/** For the engine, as `keep`. */
	keepGap(length: number | null): void {
		const context = this.#context;
		if (context !== null) this.#missing(context, length, context.gapCause);
	}

	lost(cause?: "cap" | "parse-resync"): void {
		const context = this.#context;
		if (context !== null) this.#missing(context, null, cause ?? context.lossCause);
	}

	expectMore(isExpected: boolean): void {
		const context = this.#context;
		if (context !== null) this.#extras(context).isExpectingMore = isExpected;
	}

	secret(length: number): void {
		const context = this.#context;
		if (context !== null) this.#missing(context, length, "redacted");
	}

	item(value: StructuredValue, bytes: number): void {
		const context = this.#context;
		if (context === null) return;
		const extras = this.#extras(context);
		extras.items ??= new Items(context.slabs);
		extras.items.add(value, bytes, context.maxBodyBytes);
	}

	items(decoder: ItemDecoder): void {
		const context = this.#context;
		if (context !== null) this.#extras(context).decoder = decoder;
	}

	wireBytes(count: number): void {
		if (this.#context !== null) this.wire = this.wire < 0 ? count : this.wire + count;
	}

	contentEncoding(coding: string): void {
		this.coding = coding;
	}

	contentType(mediaType: string): boolean {
		const plugin = this.#context?.contentPlugin(mediaType) ?? null;
		return plugin !== null && this.#readWith(plugin, mediaType);
	}

	content(protocol: string): boolean {
		const plugin = this.#context?.pluginOf(protocol) ?? null;
		return plugin !== null && this.#readWith(plugin, "");
	}

	trailers(headers: HeaderList): void {
		this.trailerList = headers;
		if (this.#context !== null) this.extras?.reader?.readTrailers(headers);
	}

	message(index: number, attributes: Attributes): PartWriter {
		const context = this.#context;
		if (context === null) return NO_PART;
		const extras = this.#extras(context);
		const parts = (extras.parts ??= []);
		if (parts.length >= MAX_PARTS) {
			this.exchange.addFlag("messages-cap");
			return NO_PART;
		}
		const part = new Part(attributes, context.timeAt(index), extras.budget, context);
		parts.push(part);
		return part;
	}

	flag(name: string): void {
		this.exchange.addFlag(name);
	}

	annotate(attributes: Attributes): void {
		const { exchange } = this;
		if (!exchange.isDone) exchange.annotations = { ...exchange.annotations, ...attributes };
	}

	finish(index: number, outcome: "ok" | "error" | "aborted"): void {
		const context = this.#context;
		if (context === null) return;
		const shift = context.shiftBefore(index);
		this.#cut(outcome);
		const endUs = index > 0 ? context.timeAt(index - 1) : context.timeAt(0);
		this.close(context.positionBefore(index) + shift, endUs, outcome, shift);
	}

	abandon(outcome: "ok" | "error" | "aborted", last?: LastByte): void {
		const context = this.#context;
		if (context === null) return;
		this.#cut(outcome);
		const { dir } = this;
		const end = Math.max(this.startOffset, last === undefined ? context.positionOf(dir) : last.offset + 1);
		this.close(end, last?.us ?? context.timeAt(0), outcome, context.shiftOf(dir));
	}

	get id(): string {
		return this.exchange.id;
	}

	/** For the engine: ends the message at a stream position; `shift` is that of the last byte. */
	close(endOffset: number, endUs: number, outcome: "ok" | "error" | "aborted" | "partial", shift: number): void {
		const context = this.#context;
		if (context === null) return;
		this.outcome = outcome;
		if (this.extras !== null) this.#endExtras(this.extras, shift);
		this.#context = null;
		this.endOffset = endOffset;
		if (endUs > this.endUs) this.endUs = endUs;
		context.messageFinished(this);
	}

	get bytes(): number {
		return this.wire >= 0 ? this.wire : this.endOffset - this.startOffset - (this.extras?.skew ?? 0);
	}

	/** The plain form. Made once, and only where somebody asks for it. */
	view(): ExchangeMessage {
		this.#view ??= {
			startedAt: formatTime(this.startUs),
			endedAt: formatTime(this.endUs),
			bytes: this.bytes,
			attributes: this.messageHead?.attributes ?? {},
			headers: this.messageHead?.headers ?? NO_HEADERS,
			trailers: this.trailerList,
			interim: this.interims ?? [],
			body: this.bodyView(),
			messages: this.extras?.messages() ?? null,
		};
		return this.#view;
	}

	/** The payload's plain form, made anew. */
	bodyView(): Body {
		return this.extras?.items?.view() ?? decodedBody(this.payload, this.extras?.decoder ?? null, this.coding);
	}

	/** For redaction: what is shown from now on. The message is over. */
	show(head: MessageHead | null, trailers: HeaderList, interims: Interim[] | null): void {
		this.messageHead = head;
		this.trailerList = trailers;
		this.interims = interims;
		this.#view = null;
	}

	/** Payload bytes that it keeps in the engine's memory. */
	get heldBytes(): number {
		return (this.payload?.captured ?? 0) + (this.extras?.heldBytes ?? 0);
	}

	release(): void {
		this.payload?.release();
		this.extras?.release();
	}

	#readWith(plugin: ParserPlugin, mediaType: string): boolean {
		const context = this.#context;
		if (context === null || this.extras?.reader != null || plugin.content === undefined) return false;
		const reader = new Content(plugin, this, context);
		if (!reader.start(mediaType)) return false;
		this.#extras(context).reader = reader;
		return true;
	}

	#cut(outcome: "ok" | "error" | "aborted"): void {
		if (outcome === "aborted" && this.extras?.isExpectingMore === true) this.bodyGap(null);
	}

	#endExtras(extras: Extras, shift: number): void {
		const { reader } = extras;
		const isWhole = this.outcome === "ok" || this.outcome === "error";
		if (reader !== null) {
			reader.end(isWhole);
			if (isWhole && reader.wantedOutcome !== null) this.outcome = reader.wantedOutcome;
		}
		extras.skew += shift;
		extras.closeParts(isWhole);
	}

	/** For the engine: it lies in a logical stream, whose bytes do not follow each other on the wire. */
	startInside(shift: number): void {
		if (this.#context !== null) this.#extras(this.#context).skew = -shift;
	}

	#extras(context: MessageContext): Extras {
		this.extras ??= new Extras(context.maxBodyBytes);
		return this.extras;
	}

	#missing(context: MessageContext, length: number | null, cause: GapCause): void {
		const items = this.extras?.items ?? null;
		if (items !== null) items.gap(length, cause);
		else (this.payload ??= new Payload(context.slabs)).gap(length, cause);
	}
}

/** What a message gives that is over, or has too many. */
const NO_PART: PartWriter = {
	attributes: () => {},
	expectMore: () => {},
	body: () => {},
	bodyGap: () => {},
	secret: () => {},
	item: () => {},
	items: () => {},
	decodeWith: () => {},
};

const NO_HEADERS: HeaderList = [];
