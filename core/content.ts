/**
 * Parsers inside parsers: payloads of messages, and logical streams inside connections. Both are found through the registry,
 * by name or by what they carry; parsers know nothing of each other.
 */
import type { Direction } from "./events.js";
import type { Attributes, HeaderList } from "./exchange.js";
import type { MessageHead, MessageWriter, ParserPlugin, PartWriter } from "./plugin.js";

/**
 * The half of a parser that reads payloads of other protocols' messages: gRPC in HTTP/2 and HTTP/1.1, server-sent events. It
 * may split them into parts of the same message, or into records of their own, and say what the exchange is.
 */
export interface ContentPlugin {
	/** Lower case, without parameters. `application/x` also means `application/x+y`, where nobody takes that one by name. */
	readonly mediaTypes: readonly string[];
	/** Called when a message whose payload is of such a type has its head. Null: not this one; its payload stays a body. */
	create(context: ContentContext): ContentParser | null;
}

export interface ContentContext {
	readonly dir: Direction;
	/** Lower case, without parameters; as the parser of the message gave it. */
	readonly mediaType: string;
	readonly head: MessageHead;
	/** Of the request that a response answers, as its parser gave it; null where it is not known, and for requests. */
	readonly request: MessageHead | null;
	/** As in `ParserContext`: the same object for both halves of a parser. */
	readonly shared: Map<string, unknown>;
	/** As in `ParserContext`. */
	readonly options: unknown;
}

/**
 * Reads the payload of one message, as it passes: sans-I/O, clock-free, no exceptions, and no more kept than it needs.
 * Everything between two calls is in order; what was compressed by `contentEncoding` comes compressed.
 */
export interface ContentParser {
	/** Before anything else, with the head there: say what the message is. */
	start?(out: ContentOutput): void;
	/** Payload bytes `from` (inclusive) to `to` (exclusive). `out` takes indexes of `bytes`. */
	body(bytes: Uint8Array, from: number, to: number, out: ContentOutput): void;
	/** `length` payload bytes are missing (null: an unknown number, at its end). Index 0 is where. */
	gap(length: number | null, out: ContentOutput): void;
	trailers?(headers: HeaderList, out: ContentOutput): void;
	/** The message is over; `isWhole`: its own parser says that it came to its end. Writers of parts are valid for the last time. */
	end(isWhole: boolean, out: ContentOutput): void;
}

/** How it speaks, during its calls only. */
export interface ContentOutput {
	/** Keeps bytes as the message's body too. Without it the body stays empty: what was split is not kept twice. */
	body(bytes: Uint8Array, from: number, to: number, index?: number): void;
	/** A gap of that body. */
	bodyGap(length: number | null): void;
	/** As `MessageWriter.message`: a part of this message. */
	part(index: number, attributes: Attributes): PartWriter;
	/**
	 * A record of its own, of kind `message` and this parser's protocol, whose parent is this exchange: for what has no end
	 * (events) or is looked at one by one. Begins at byte `index`; several may be open.
	 */
	record(index: number): MessageWriter;
	/** Attributes, headers and summary of the message, instead of those that its own parser gave. */
	head(head: MessageHead): void;
	/** Trailers that were found in the payload. */
	trailers(headers: HeaderList): void;
	/** The exchange is one of this protocol, not of the one that carries it. */
	rename(protocol: string): void;
	/** How the message ends where it comes to its end, instead of what its own parser will say. */
	outcome(outcome: "ok" | "error"): void;
	flag(name: string): void;
	/** Not what it should be: the exchange is flagged, and what follows is a body after all. */
	giveUp(flag: string): void;
}

/** For parsers of payloads: connections are not theirs. */
export const payloadsOnly: Pick<ParserPlugin, "detect" | "create"> = {
	detect: () => "no",
	create: () => ({
		data: (_dir, _bytes, out) => {
			out.opaque("reads-payloads-only");
			return 0;
		},
		gap: () => false,
		resync: (_dir, bytes) => ({ skip: bytes.length }),
		end: () => {},
	}),
};

/**
 * A logical stream, driven by the parser of the connection that carries it. To the parser inside it looks like a connection:
 * `WAIT`, `resync`, hand-over and detection work alike, positions and times are those of the carrying bytes. What is noted or
 * counted there belongs to the carrying connection. A hole of the carrying direction that its parser did not take, and the
 * end of that direction, reach it by themselves.
 */
export interface ChildStream {
	/** Bytes of the direction of the call: `from` (inclusive) to `to` (exclusive) of `bytes`; `index` as in `PayloadWriter.body`. */
	data(bytes: Uint8Array, from: number, to: number, index?: number): void;
	/** `length` bytes of the direction of the call are missing here (null: nobody knows how many). */
	gap(length: number | null): void;
	/** A direction is over, or both are (a stream was reset). When both are, nothing more may come. */
	end(dir: Direction, how: "fin" | "reset" | "unknown"): void;
	/** Once: who reads it, with what it has so far. As in `handover`; `parent` is the id of the exchange that opened it. */
	start(protocol: string | null, hints?: Attributes, parent?: string): void;
}
