/**
 * The three plugin kinds. A plugin is a descriptor (the default export of its folder's `index.ts`) whose `create` is
 * pure: it validates nothing, opens nothing, starts nothing. The world is touched in `open` only.
 */
import type { ZodType } from "zod";
import type { CaptureEvent, Direction } from "./events.js";
import type { Attributes, Exchange, HeaderList } from "./exchange.js";
import type { HeadJson } from "./wire/record-template.js";

/** Stays 0 until HTTP/2, WebSocket hand-over and PostgreSQL have run on these interfaces; then 1, and kept. */
export const PLUGIN_API = 0;

/** How a plugin speaks to the person who runs polytap: one coded line on stderr, rate-limited by core. */
export interface Diagnostics {
	warn(code: string, message: string, hint?: string): void;
	info(message: string): void;
}

// ---------------------------------------------------------------------------------------------------------- sources

export interface SourceContext {
	/** The name of this source in the config. */
	readonly name: string;
	readonly diagnostics: Diagnostics;
	/** What this source's host returned from `open` (plain data, structured-cloneable), or null where it has no host. */
	readonly host: unknown;
}

export interface HostContext {
	readonly name: string;
	readonly diagnostics: Diagnostics;
}

export interface SourcePlugin<C = unknown> {
	readonly api: typeof PLUGIN_API;
	readonly kind: "source";
	/** The word that names it in a config: `type: ebpf`. */
	readonly type: string;
	readonly summary: string;
	/**
	 * Reads what was recorded before: the engine's time is that of its events, and it may be made to wait for slow sinks.
	 * Without it the source is live: wall-clock time, and a full queue drops.
	 */
	readonly offline?: true;
	/** One strict zod schema: the only description of the options. */
	readonly config: ZodType<C>;
	create(config: C, context: SourceContext): CaptureSource;
	/** The half that must outlive a worker (loaded BPF objects, a listening relay). Runs in the main thread. */
	host?(config: C, context: HostContext): SourceHost;
}

/** Lives in the worker thread. */
export interface CaptureSource {
	/**
	 * Called once before `batches`. Rejects with a `PolytapError` where the source cannot capture. When it resolves the
	 * source captures: whatever begins after that is seen.
	 */
	open(signal: AbortSignal): Promise<void>;
	/**
	 * Called once after `open`. One iteration is one batch; the batch, its events and the memory of their `data` belong
	 * to the source again when the next one is asked for, so they may be reused. Ends when there is nothing more to come
	 * or within 1 s of `signal`; what was already captured is still yielded first.
	 */
	batches(signal: AbortSignal): AsyncIterable<readonly CaptureEvent[]>;
	/** Idempotent, legal before `open`. */
	close(): Promise<void>;
	/** Cumulative counters for totals and metrics, snake_case with units. Called about once a second and at the end. */
	counters?(): Readonly<Record<string, number>>;
}

/** Lives in the main thread, opened before the first worker starts, closed after the last has ended. */
export interface SourceHost {
	/** Returns plain, structured-cloneable data (file descriptors, ports, shared buffers) for every worker's `create`. */
	open(signal: AbortSignal): Promise<unknown>;
	close(): Promise<void>;
	/** Cumulative counters that only the host can see. Called about once a second and at the end. */
	counters?(): Readonly<Record<string, number>>;
}

// ---------------------------------------------------------------------------------------------------------- parsers

/** What is known about a connection before its bytes are looked at. */
export interface DetectHint {
	readonly transport: "tcp" | "udp" | "unix";
	readonly serverPort: number;
	/** From a TLS handshake, or null. */
	readonly alpn: string | null;
	/** True where at least one direction did not begin at its first byte: the bytes may start in the middle of a message. */
	readonly late: boolean;
}

export interface ParserPlugin {
	readonly api: typeof PLUGIN_API;
	readonly kind: "parser";
	/** The name in records and the registry: `http/1.1`. */
	readonly protocol: string;
	readonly summary: string;
	/** Promise never to write into bytes it is given. Without it the parser gets a copy. */
	readonly readsOnly?: true;
	/** Some typical exchanges of one connection, as latin-1 text: polytap practises on them before it says that it is ready. */
	readonly example?: readonly { readonly from: "client" | "server"; readonly text: string }[];
	/**
	 * Is this protocol spoken here? Called with what was seen of both directions so far (either may be empty, together at
	 * most 4 KiB) whenever more came, until someone says `yes` or all say `no`. Must answer `more` rather than guess from a
	 * few bytes; missing a protocol beats misclassifying one. Must not keep or change the arrays.
	 */
	detect(client: Uint8Array, server: Uint8Array, hint: DetectHint): "yes" | "no" | "more";
	/** Called once for each connection of this protocol. `shared` is one object for all connections of one engine. */
	create(context: ParserContext): ProtocolParser;
}

export interface ParserContext {
	readonly hint: DetectHint;
	/** Lives as long as the engine and is seen by this protocol's parsers only: for caches. Bounded by the parser itself. */
	readonly shared: Map<string, unknown>;
	/** Hints of the parser that handed over, or null. */
	readonly handover: Attributes | null;
}

/** `data` returns it to hold this direction until the other one moves. */
export const WAIT = -1;

/**
 * Parses one connection. Sans-I/O: bytes in, calls on `out` and return values out. Never reads a clock, never throws for
 * bad bytes (an exception is a bug; the engine catches it, names it and goes on with an opaque connection).
 */
export interface ProtocolParser {
	/**
	 * The next bytes of a direction, in order and without holes. Returns how many were consumed; the rest is offered again,
	 * at the front of a longer array, when more came (so a parser may remember how far it scanned). Returning 0 for ever is
	 * bounded by the engine's carry limit, after which the connection is opaque. `WAIT` holds the direction until the other
	 * one delivered something, at most for the merge window: then `out.mustProceed` is true and `WAIT` is not accepted.
	 */
	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number | typeof WAIT;
	/**
	 * `length` bytes (null: nobody knows how many) are missing before whatever comes next in `dir`; index 0 is the first of
	 * them, so a message that ends with them is finished at `length`. Returns true where the
	 * parser knows that all of them lie inside one payload and has told the message so with `bodyGap`; its state stays
	 * valid. Returns false otherwise: the engine then ends the direction's open messages as incomplete and asks `resync`.
	 */
	gap(dir: Direction, length: number | null, out: ParserOutput): boolean;
	/**
	 * After a gap or a late join: where does the next message begin? `skip`: that many bytes on (then `data` goes on from
	 * there, state reset for this direction). `need`: not in these bytes, of which the last `need` must be offered again.
	 */
	resync(dir: Direction, bytes: Uint8Array): { readonly skip: number } | { readonly need: number };
	/** The direction is over. Finish what its end completes; the engine ends what is still open as incomplete. */
	end(dir: Direction, how: "fin" | "reset" | "unknown", out: ParserOutput): void;
}

/** How a parser speaks. Indexes count from the start of the `bytes` that `data` was called with. */
export interface ParserOutput {
	/** True when a `WAIT` has been held for as long as it may be. */
	readonly mustProceed: boolean;
	/** Connection-wide position of byte `index` in its direction. */
	offsetAt(index: number): number;
	/** When byte `index` was captured, microseconds. */
	timeAt(index: number): number;
	/**
	 * The head of the request that a response beginning at byte `index` answers (in order, or by tag), before that response
	 * is begun: HTTP needs its method. Null: none is waiting; a parser that needs it returns `WAIT` unless `mustProceed`.
	 */
	pending(index: number, tag?: number): MessageHead | null;
	/**
	 * A message begins at byte `index` of this direction. Direction 0 makes requests, direction 1 responses, paired in order,
	 * or with the request of the same tag. `kind` `message`: one-way, stands alone.
	 */
	begin(index: number, tag?: number, kind?: "exchange" | "message"): MessageWriter;
	/** Everything after the consumed bytes, in both directions, belongs to another registered parser. Opaque if there is none. */
	handover(protocol: string, hints?: Attributes): void;
	/** Give up: the rest of the connection is counted and summarised, not parsed. */
	opaque(reason: string): void;
	/** A flag for the exchange that is open in this direction, or the next one. */
	flag(name: string): void;
}

/** One message under construction. Valid until `finish` or `abandon`; calls after that are ignored. */
export interface MessageWriter {
	/** Start line, headers, attributes. Once. */
	head(head: MessageHead): void;
	/** A response before the final one (HTTP 1xx). */
	interim(head: MessageHead, index: number): void;
	/** Payload bytes `from` (inclusive) to `to` (exclusive) of `bytes`. Copied at once. */
	body(bytes: Uint8Array, from: number, to: number): void;
	/** `length` payload bytes are missing here (null: an unknown number). The engine knows the cause. */
	bodyGap(length: number | null): void;
	/** Content coding of the payload, as a comma-separated list in the order applied: `gzip`. */
	contentEncoding(coding: string): void;
	trailers(headers: HeaderList): void;
	/** One message of a stream inside this one (gRPC, server-sent events). */
	message(bytes: Uint8Array, from: number, to: number, index: number, attributes: Attributes): void;
	flag(name: string): void;
	/** The message ends before byte `index`. */
	finish(index: number, outcome: "ok" | "error" | "aborted"): void;
}

/**
 * Start line and headers of a message. A parser that sees the same bytes again should give the same object again:
 * whatever is derived from it (serialised forms, redacted forms, filter results) is cached on it.
 */
export class MessageHead {
	/** For `summary`: `GET /orders/7` of a request, `200` of a response. */
	readonly summary: string;
	readonly attributes: Attributes;
	readonly block: HeaderBlock;
	/** For core only: the serialised forms, made when a sink wants them for the second time. */
	json: HeadJson | null = null;
	/** For core only: a sink wanted its serialised form before. */
	wasWritten = false;

	constructor(summary: string, attributes: Attributes, headers: HeaderList | HeaderBlock) {
		this.summary = summary;
		this.attributes = attributes;
		this.block = headers instanceof HeaderBlock ? headers : new HeaderBlock(headers);
	}

	get headers(): HeaderList {
		return this.block.list;
	}
}

/** Header fields that several heads share: the start line differs from message to message more often than they do. */
export class HeaderBlock {
	readonly list: HeaderList;
	/** For core only: the serialised form, made when a sink wants it for the second time. */
	json: Uint8Array | null = null;
	/** For core only: a sink wanted its serialised form before. */
	wasWritten = false;

	constructor(list: HeaderList) {
		this.list = list;
	}
}

// ------------------------------------------------------------------------------------------------------------ sinks

export interface SinkContext {
	readonly name: string;
	readonly diagnostics: Diagnostics;
}

export interface SinkPlugin<C = unknown> {
	readonly api: typeof PLUGIN_API;
	readonly kind: "sink";
	readonly type: string;
	readonly summary: string;
	readonly config: ZodType<C>;
	create(config: C, context: SinkContext): Sink;
}

export interface Sink {
	/** How many `write` calls may be under way at once; 1 keeps the order. */
	readonly maxInFlight: number;
	open(signal: AbortSignal): Promise<void>;
	/**
	 * Resolves when the batch is written as safely as the sink promises. Rejects with `Retryable` (the whole batch may be
	 * offered again), `Permanent` (never again) or `Partial` (some of it was written). Must not keep the exchanges' memory
	 * after it settled.
	 */
	write(batch: readonly Exchange[], signal: AbortSignal): Promise<void>;
	/** Flushes and frees. Idempotent, legal before `open`. */
	close(): Promise<void>;
	counters?(): Readonly<Record<string, number>>;
}

/** Any plugin descriptor, as the built-in list and third-party modules give it. */
export type Plugin = SourcePlugin<never> | ParserPlugin | SinkPlugin<never>;
