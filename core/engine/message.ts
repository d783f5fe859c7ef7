import type { Direction, GapCause } from "../events.js";
import type { Attributes, Body, ExchangeMessage, HeaderList, Interim } from "../exchange.js";
import type { ItemDecoder, MessageHead, MessageWriter, PartWriter, StructuredValue } from "../plugin.js";
import { formatTime } from "../wire/time.js";
import type { CapturedExchange } from "./captured-exchange.js";
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
	offsetAt(index: number): number;
	timeAt(index: number): number;
	messageFinished(message: Message): void;
	/** Where the direction stands that is not the one being parsed. */
	positionOf(dir: Direction): number;
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

	interim(head: MessageHead, index: number): void {
		const context = this.#context;
		if (context === null) return;
		const at = formatTime(context.timeAt(index));
		(this.interims ??= []).push({ at, attributes: head.attributes, headers: head.headers });
	}

	body(bytes: Uint8Array, from: number, to: number, index = from): void {
		const context = this.#context;
		if (context === null || from >= to) return;
		const payload = (this.payload ??= new Payload(context.slabs));
		payload.append(bytes, from, to, context.offsetAt(index), context.maxBodyBytes);
	}

	bodyGap(length: number | null): void {
		const context = this.#context;
		if (context !== null) this.#missing(context, length, context.gapCause);
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
		const context = this.#context;
		if (context === null) return;
		const extras = this.#extras(context);
		extras.wireBytes = Math.max(0, extras.wireBytes) + count;
	}

	contentEncoding(coding: string): void {
		this.coding = coding;
	}

	trailers(headers: HeaderList): void {
		this.trailerList = headers;
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

	finish(index: number, outcome: "ok" | "error" | "aborted"): void {
		const context = this.#context;
		if (context === null) return;
		this.close(context.offsetAt(index), index > 0 ? context.timeAt(index - 1) : context.timeAt(0), outcome);
	}

	abandon(outcome: "ok" | "error" | "aborted"): void {
		const context = this.#context;
		if (context === null) return;
		this.close(Math.max(this.startOffset, context.positionOf(this.dir)), context.timeAt(0), outcome);
	}

	get id(): string {
		return this.exchange.id;
	}

	/** For the engine: ends the message at a stream position. */
	close(endOffset: number, endUs: number, outcome: "ok" | "error" | "aborted" | "partial"): void {
		const context = this.#context;
		if (context === null) return;
		this.#context = null;
		this.endOffset = endOffset;
		if (endUs > this.endUs) this.endUs = endUs;
		this.outcome = outcome;
		this.extras?.closeParts();
		context.messageFinished(this);
	}

	get bytes(): number {
		const { extras } = this;
		return extras !== null && extras.wireBytes >= 0 ? extras.wireBytes : this.endOffset - this.startOffset;
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
	body: () => {},
	bodyGap: () => {},
	secret: () => {},
	item: () => {},
	items: () => {},
};

const NO_HEADERS: HeaderList = [];
