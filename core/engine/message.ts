import type { Direction, GapCause } from "../events.js";
import type { Attributes, ExchangeMessage, HeaderList, Interim, SubMessage } from "../exchange.js";
import type { MessageHead, MessageWriter } from "../plugin.js";
import { bodyOf, textOrBase64 } from "../wire/body.js";
import { formatTime } from "../wire/time.js";
import type { CapturedExchange } from "./captured-exchange.js";
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
}

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
	outcome: "ok" | "error" | "aborted" | "partial" = "ok";
	payload: Payload | null = null;
	coding: string | null = null;
	trailerList: HeaderList = NO_HEADERS;
	interims: Interim[] | null = null;
	subMessages: SubMessage[] | null = null;
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
	}

	interim(head: MessageHead, index: number): void {
		const context = this.#context;
		if (context === null) return;
		const at = formatTime(context.timeAt(index));
		(this.interims ??= []).push({ at, attributes: head.attributes, headers: head.headers });
	}

	body(bytes: Uint8Array, from: number, to: number): void {
		const context = this.#context;
		if (context === null || from >= to) return;
		const payload = (this.payload ??= new Payload(context.slabs));
		payload.append(bytes, from, to, context.offsetAt(from), context.maxBodyBytes);
	}

	bodyGap(length: number | null): void {
		const context = this.#context;
		if (context === null) return;
		const payload = (this.payload ??= new Payload(context.slabs));
		payload.gap(length, context.gapCause);
	}

	contentEncoding(coding: string): void {
		this.coding = coding;
	}

	trailers(headers: HeaderList): void {
		this.trailerList = headers;
	}

	message(bytes: Uint8Array, from: number, to: number, index: number, attributes: Attributes): void {
		const context = this.#context;
		if (context === null) return;
		const all = (this.subMessages ??= []);
		const room = Math.min(to, from + Math.max(0, context.maxBodyBytes - this.subBytes));
		this.subBytes += to - from;
		const { encoding, data } = textOrBase64(bytes.subarray(from, room));
		all.push({ at: formatTime(context.timeAt(index)), bytes: to - from, attributes, encoding, data });
	}
	subBytes = 0;

	flag(name: string): void {
		this.exchange.addFlag(name);
	}

	finish(index: number, outcome: "ok" | "error" | "aborted"): void {
		const context = this.#context;
		if (context === null) return;
		this.close(context.offsetAt(index), index > 0 ? context.timeAt(index - 1) : context.timeAt(0), outcome);
	}

	/** For the engine: ends the message at a stream position. */
	close(endOffset: number, endUs: number, outcome: "ok" | "error" | "aborted" | "partial"): void {
		const context = this.#context;
		if (context === null) return;
		this.#context = null;
		this.endOffset = endOffset;
		if (endUs > this.endUs) this.endUs = endUs;
		this.outcome = outcome;
		context.messageFinished(this);
	}

	get bytes(): number {
		return this.endOffset - this.startOffset;
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
			body: bodyOf(this.payload, this.coding),
			messages: this.subMessages,
		};
		return this.#view;
	}

	release(): void {
		this.payload?.release();
	}
}

const NO_HEADERS: HeaderList = [];
