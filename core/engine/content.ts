import type { ContentOutput, ContentParser } from "../content.js";
import type { Attributes, HeaderList } from "../exchange.js";
import type { MessageHead, MessageWriter, ParserPlugin, PartWriter } from "../plugin.js";
import type { Message, MessageContext } from "./message.js";

/** The payload parser of one message, and what it speaks to. */
export class Content implements ContentOutput {
	/** How the message ends where it comes to its end; null: as its own parser says. */
	wantedOutcome: "ok" | "error" | null = null;
	readonly #plugin: ParserPlugin;
	readonly #message: Message;
	readonly #context: MessageContext;
	/** Null once it gave up or failed. */
	#parser: ContentParser | null = null;

	constructor(plugin: ParserPlugin, message: Message, context: MessageContext) {
		this.#plugin = plugin;
		this.#message = message;
		this.#context = context;
	}

	/** False: it does not want this one. */
	start(mediaType: string): boolean {
		const { dir, saidHead, exchange } = this.#message;
		if (saidHead === null) return false;
		const request = dir === 1 ? (exchange.req?.saidHead ?? null) : null;
		const shared = this.#context.sharedOf(this.#plugin);
		try {
			const options = this.#context.optionsOf(this.#plugin);
			const context = { dir, mediaType, head: saidHead, request, shared, options };
			this.#parser = this.#plugin.content?.create(context) ?? null;
			this.#parser?.start?.(this);
		} catch (error) {
			this.#failed(error);
		}
		return this.#parser !== null;
	}

	/** False: nobody reads them any more; they are the body's. */
	read(bytes: Uint8Array, from: number, to: number, index: number): boolean {
		const parser = this.#parser;
		if (parser === null) return false;
		const isShared = this.#plugin.readsOnly === true;
		const shown = isShared ? bytes : Uint8Array.prototype.slice.call(bytes, from, to);
		const start = isShared ? from : 0;
		// it speaks in indexes of what it is shown
		const shift = index - start;
		this.#context.moveBase(shift);
		try {
			parser.body(shown, start, start + to - from, this);
		} catch (error) {
			// what it did with these bytes nobody knows: better twice than not at all
			this.#failed(error);
			this.#message.keep(shown, start, start + to - from, start);
		} finally {
			this.#context.moveBase(-shift);
		}
		return true;
	}

	gap(length: number | null): boolean {
		if (this.#parser === null) return false;
		this.#guard((parser) => parser.gap(length, this));
		return true;
	}

	readTrailers(headers: HeaderList): void {
		this.#guard((parser) => parser.trailers?.(headers, this));
	}

	end(isWhole: boolean): void {
		this.#guard((parser) => parser.end(isWhole, this));
		this.#parser = null;
	}

	// ------------------------------------------------------------------------------------------- for the payload parser

	body(bytes: Uint8Array, from: number, to: number, index = from): void {
		this.#message.keep(bytes, from, to, index);
	}

	bodyGap(length: number | null): void {
		this.#message.keepGap(length);
	}

	part(index: number, attributes: Attributes): PartWriter {
		return this.#message.message(index, attributes);
	}

	record(index: number): MessageWriter {
		return this.#context.beginInside(this.#message, index, this.#plugin.protocol);
	}

	head(head: MessageHead): void {
		// what the message's own parser is told of it stays what it said
		this.#message.messageHead = head;
	}

	trailers(headers: HeaderList): void {
		this.#message.trailerList = headers;
	}

	rename(protocol: string): void {
		this.#message.exchange.protocol = protocol;
	}

	outcome(outcome: "ok" | "error"): void {
		this.wantedOutcome = outcome;
	}

	flag(name: string): void {
		this.#message.exchange.addFlag(name);
	}

	giveUp(flag: string): void {
		this.#message.exchange.addFlag(flag);
		this.#parser = null;
	}

	#guard(call: (parser: ContentParser) => void): void {
		if (this.#parser === null) return;
		try {
			call(this.#parser);
		} catch (error) {
			this.#failed(error);
		}
	}

	#failed(error: unknown): void {
		this.#parser = null;
		this.#message.exchange.addFlag("content-parser-failed");
		this.#context.contentFailed(this.#plugin, error);
	}
}
