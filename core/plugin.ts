/**
 * The three plugin kinds. A plugin is a descriptor (the default export of its folder's `index.ts`) whose `create` is
 * pure: it validates nothing, opens nothing, starts nothing. The world is touched in `open` only.
 */
import type { ZodType } from "zod";
import type { Advice } from "./advice.js";
import type { ChildStream, ContentPlugin } from "./content.js";
import type { CaptureEvent, Direction, Transport, Vantage } from "./events.js";
import type { Attributes, AttributeValue, Exchange, HeaderList } from "./exchange.js";
import type { ConfigFiles, PreparedOptions } from "./parser-options.js";
import type { HeadProto } from "./wire/proto-template.js";
import type { HeadJson } from "./wire/record-template.js";

/** Interfaces of one number are only added to. It was 0 until HTTP/2, WebSocket's hand-over and PostgreSQL had run on them. */
export const PLUGIN_API = 1;

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
	/** It sees plaintext above TLS, and where that lies in connections that other sources see encrypted. */
	readonly seesPlaintext?: true;
	/** One strict zod schema: the only description of the options. */
	readonly config: ZodType<C>;
	/**
	 * Called in the worker thread with validated options, once for each worker: again after one that hung or died. Sync. What it
	 * throws makes this source one that cannot open; the others go on.
	 */
	create(config: C, context: SourceContext): CaptureSource;
	/**
	 * The protocols that validated options name, and where in them: a config with one that no parser reads is refused. Pure.
	 * For whoever gives `OpenEvent.protocol`.
	 */
	protocols?(config: C): readonly { readonly protocol: string; readonly path: readonly (string | number)[] }[];
	/**
	 * The half that must outlive a worker (loaded BPF objects, a listening relay). Called once, in the main thread, where nothing
	 * contains a loop: without need there is no host. Pure, like `create`.
	 */
	host?(config: C, context: HostContext): SourceHost;
}

/**
 * Lives in the worker thread. One object is opened once; a worker that starts again creates a new one. Everything of a worker
 * shares its thread: whoever does not return for `worker_timeout_ms` (10 s) costs that worker, is named, and is left out the
 * third time.
 */
export interface CaptureSource {
	/**
	 * Called once before `batches`. Rejects with a `PolytapError` where the source cannot capture, as it does with anything
	 * else and where it takes longer than 10 s: this source is then reported as failed and closed at the end, the others go on,
	 * and without any there is no run. When it resolves the source captures: whatever begins after that is seen. `signal`
	 * aborts when polytap stops meanwhile; the promise must then settle soon, either way.
	 */
	open(signal: AbortSignal): Promise<void>;
	/**
	 * Called once after `open`. One iteration is one batch; the batch, its events and the memory of their `data` belong
	 * to the source again when the next one is asked for, so they may be reused. Ends when there is nothing more to come
	 * or within 1 s of `signal`; what was already captured is still yielded first. A source in the path of traffic may take the
	 * time that open connections get to end, at most 8 s. A batch may be empty (time passes then).
	 * Events of one `conn` come between its `open` and its `close`; those of different ones in any order. Bytes of one direction
	 * come in the order of their offsets, each once, unless the medium itself reorders or repeats them. When it throws the
	 * source has failed: its connections end as they are and it is closed; core does not call it again. It is closed with the
	 * others, at the end; an event that is not as `CaptureEvent` says counts as throwing.
	 */
	batches(signal: AbortSignal): AsyncIterable<readonly CaptureEvent[]>;
	/**
	 * Called at least once, after `batches` has ended or `open` was rejected; also while `batches` still runs, where that did
	 * not end in time: it must then end at its next turn, and may tell in a last batch what it leaves behind. Idempotent,
	 * legal before `open`. What it rejects with is reported and changes nothing. After 3 s nobody waits for it any more.
	 */
	close(): Promise<void>;
	/**
	 * True while at least half of the source's own buffer is free: core then lets the source wait while fast sinks write,
	 * instead of taking more than they can. Asked between batches, sync. A live source without it is never kept waiting.
	 */
	hasRoom?(): boolean;
	/**
	 * What of an open connection need not be captured: see `Advice`. Called while a batch is being read, sync, cheap, with the
	 * latest word on each matter. Whoever has it is asked to save where that is possible.
	 */
	advise?(conn: number, advice: Advice): void;
	/** The sinks want other things now: all advice is void, and ignored connections come back. With `advise` only. */
	forgetAdvice?(): void;
	/**
	 * Cumulative counters for totals and metrics, snake_case with units. Called some four times a second, from `open` on, and at
	 * the end, after `close` too. Sync, and cheap therefore. What is no finite number is left out.
	 * What is counted for each of several things has labels as Prometheus writes them: `jvm_hook_errors{pid="71"}`.
	 */
	counters?(): Readonly<Record<string, number>>;
}

/** Lives in the main thread, opened before the first worker starts, closed after the last has ended. */
export interface SourceHost {
	/**
	 * Called once. Returns plain, structured-cloneable data (file descriptors, ports, shared buffers) for every worker's
	 * `create`. Rejects with a `PolytapError` where the source cannot capture. It has 30 s.
	 */
	open(signal: AbortSignal): Promise<unknown>;
	/** Idempotent, legal before `open`. After 3 s nobody waits for it any more. */
	close(): Promise<void>;
	/**
	 * Other options, validated, while it runs (SIGHUP). Sync: changes what needs no new start, all of it or nothing, and returns
	 * the keys that it left as they were. When it throws nothing has changed. Without it every change waits for a restart.
	 */
	reconfigure?(config: unknown): readonly string[];
	/** Cumulative counters that only the host can see. Called whenever somebody asks for metrics, and at the end. */
	counters?(): Readonly<Record<string, number>>;
}

// ---------------------------------------------------------------------------------------------------------- parsers

/** What is known about a connection before its bytes are looked at. */
export interface DetectHint {
	readonly transport: "tcp" | "udp" | "unix";
	readonly serverPort: number;
	/** What the server chose in the TLS handshake below these bytes, where that could be read (until TLS 1.2), or null. */
	readonly alpn: string | null;
	/** True where at least one direction did not begin at its first byte: the bytes may start in the middle of a message. */
	readonly late: boolean;
	/**
	 * The one place from which bytes of the connection came so far. At `server` a request is seen when the server reads it, so
	 * what it answers before it reads on answers what it has read. Undefined: nobody knows, or there are several, which may be
	 * found out at any time: read it when it matters.
	 */
	readonly vantage?: Vantage | undefined;
	/** Of a late connection: for so long before its first byte nothing passed. Undefined: nobody knows. */
	readonly quietUs?: number | undefined;
}

/**
 * A protocol. Core asks `detect` of all parsers in the order of their registration, those first that the config names for
 * the server's port; the first `yes` gets the connection. Nobody is asked where the source knows the protocol.
 * Exceptions of `detect` count as `no`, exceptions of `create` make the connection opaque; both are counted and named.
 */
export interface ParserPlugin {
	readonly api: typeof PLUGIN_API;
	readonly kind: "parser";
	/** The name in records and the registry: `http/1.1`. */
	readonly protocol: string;
	readonly summary: string;
	/**
	 * Where its protocol is spoken; without it on TCP and Unix sockets. On `udp` every datagram is one call of `data`, which takes
	 * all of it, and `detect` is asked once, about the first ones.
	 */
	readonly transports?: readonly Transport[];
	/** Promise never to write into bytes it is given. Without it the parser gets a copy. */
	readonly readsOnly?: true;
	/** Some typical exchanges of one connection, as latin-1 text: polytap practises on them before it says that it is ready. */
	readonly example?: readonly { readonly from: "client" | "server"; readonly text: string }[];
	/**
	 * Is this protocol spoken here? Called with what was seen of both directions so far (either may be empty, together at
	 * most 4 KiB) whenever more came, until someone says `yes` or all say `no`; who said `no` is not asked again. The server
	 * may speak first, or its bytes may be captured first: both are looked at. Must answer `more` rather than guess from a
	 * few bytes; missing a protocol beats misclassifying one. Must not keep or change the arrays. Called again from the
	 * first byte after a hand-over to `null`. Where nobody knows which end is the client it is also called with the
	 * directions exchanged.
	 */
	detect(client: Uint8Array, server: Uint8Array, hint: DetectHint): "yes" | "no" | "more";
	/**
	 * Called once for each connection of this protocol, when it was detected or handed over to. `shared` is one object for
	 * all connections of one engine. The parser gets every byte from the place where detection began or the hand-over ended.
	 */
	create(context: ParserContext): ProtocolParser;
	/**
	 * One strict zod schema of the options that a config may give it (`protocols: { NAME: … }`); without it there are none. All
	 * of them must have defaults.
	 */
	readonly config?: ZodType;
	/**
	 * Makes of validated options what `create` gets, while the config is read: for options that name files. Called in the main
	 * thread, only where a config gives options. Its problems are problems of the config. Without it options stay as they are.
	 */
	prepare?(options: unknown, files: ConfigFiles): Promise<PreparedOptions>;
	/** No other protocol comes out of its connections, but TLS: no hand-over, no streams, no contents. */
	readonly isLeaf?: true;
	/** Set where it takes payloads of other protocols' messages. A parser that does nothing else spreads `payloadsOnly`. */
	readonly content?: ContentPlugin;
}

export interface ParserContext {
	readonly hint: DetectHint;
	/** Lives as long as the engine and is seen by this protocol's parsers only: for caches. Bounded by the parser itself. */
	readonly shared: Map<string, unknown>;
	/** Hints of the parser that handed over, or null where core detected the protocol. */
	readonly handover: Attributes | null;
	/**
	 * Id of the exchange from which the connection was handed over (a WebSocket handshake, a CONNECT), or null. Core makes it
	 * the `parentId` of whatever this parser begins without a parent of its own.
	 */
	readonly parent: string | null;
	/** As `config` and `prepare` made them; without options in the config the defaults, or null where there is a `prepare`. */
	readonly options: unknown;
	/** Is there a parser for payloads of this media type (lower case, without parameters)? The answer never changes. */
	takesContent(mediaType: string): boolean;
}

/** `data` returns it to hold this direction until the other one moves. */
export const WAIT = -1;

/**
 * Parses one connection. Sans-I/O: bytes in, calls on `out` and return values out. Never reads a clock, never throws for
 * bad bytes (an exception is a bug; the engine catches it, names it and goes on with an opaque connection). Calls never
 * overlap, and after `handover` or `opaque` took effect there are none.
 *
 * The order in which the two directions are seen is not the order on the wire: an answer may be offered before its
 * question. A parser that needs the other side first returns `WAIT`. How a stream is cut into calls means nothing either: the
 * same bytes make the same exchanges. Where bytes are missing, what is told as complete is what was there: a message that the
 * parser did not see is never made up, and a body that lost bytes says so.
 */
export interface ProtocolParser {
	/**
	 * The next bytes of a direction, in order and without holes; at least one. Returns how many were consumed; the rest is
	 * offered again at the front of a longer array when more came (so a parser may remember how far it scanned), and at once
	 * where something was consumed. Returning 0 for ever is bounded by the engine's carry limit, after which the connection is
	 * opaque. The limit is 1 MiB a direction. `WAIT` holds the direction until the other one was offered more or ended, at most for the merge window: then
	 * `out.mustProceed` is true and `WAIT` is not accepted. `WAIT` consumes nothing: whoever wants to hold the direction in
	 * the middle of the array returns what was consumed, is called again with the rest, and returns `WAIT` then; what was
	 * told on `out` before `WAIT` must not be told again. Any other number is a bug.
	 */
	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number | typeof WAIT;
	/**
	 * `length` bytes (null: nobody knows how many) are missing before whatever comes next in `dir`; index 0 is the first of
	 * them, so a message that ends with them is finished at `length`. Returns true where the parser knows that all of them
	 * lie inside one payload and has told the message so with `bodyGap`; its state stays valid. Returns false otherwise: the
	 * engine then ends the direction's open messages as `partial`, which makes their writers deaf, and asks `resync`.
	 *
	 * Called only while everything before the hole was consumed and the direction is not looking for its next message:
	 * otherwise the hole cannot lie inside a payload, and `resync` is what the parser hears of it. State that later bytes
	 * depend on (a compression table, prepared statements) belongs to the parser: it must count as unknown what the hole may
	 * have changed, and never guess.
	 */
	gap(dir: Direction, length: number | null, out: ParserOutput): boolean;
	/**
	 * After a gap or a late join: where does the next message begin? `skip`: that many bytes on (then `data` goes on from
	 * there, state reset for this direction). `need`: not in these bytes, of which the last `need` must be offered again.
	 * Called again, with more bytes, until it says `skip`. The skipped bytes are counted. The other direction is not touched.
	 * Of `out` only `timeAt`, `offsetAt` and `settle` may be used: no message begins here.
	 */
	resync(dir: Direction, bytes: Uint8Array, out: ParserOutput): { readonly skip: number } | { readonly need: number };
	/**
	 * How many of the next bytes of a direction are certainly payload of the message that is being read, Infinity where it ends
	 * with the direction; 0: nobody knows. `gap` of so many must return true. Without it nothing is ever left out on purpose.
	 */
	payloadAhead?(dir: Direction): number;
	/**
	 * The direction is over: once for each, after its last byte was offered. `fin` and `reset` are what the sender did,
	 * `unknown` means that only watching ended. Finish what its end completes; the engine ends what is still open in it, as
	 * `aborted`, or `partial` after `unknown`. Index 0 is the end of the direction. A parser that took over a direction which
	 * was over already is told at once.
	 */
	end(dir: Direction, how: "fin" | "reset" | "unknown", out: ParserOutput): void;
}

/**
 * How a parser speaks, during a call of `data`, `gap` or `end` only. Indexes count from the start of the `bytes` of that
 * call (0 where it has none) and mean positions of that call's direction.
 */
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
	 * A message begins at byte `index` of this direction. Kind `exchange`: direction 0 makes requests, direction 1 responses,
	 * paired in order, or with the request of the same tag (a stream, a correlation id: 32 bits; one protocol uses one way).
	 * A request that begins with the tag of one that still waits shows that one to be unanswered. A negative tag is the parser's
	 * own count, for a protocol that answers in an order which only its parser knows: it pairs, and is no part of the
	 * exchange's id. A response without its request makes a `partial` exchange. The exchange comes out when both messages are finished. Several messages may be
	 * open at once in each direction; a response may begin and even finish before its request does.
	 *
	 * Kind `message`: one-way, in either direction, stands alone and comes out when it is finished: a WebSocket frame, a
	 * pushed response, a notification, a request that has no answer by definition. Several responses to one request that
	 * belong together are `message` parts of one response instead; an endless series (a subscription) is one `message` each.
	 *
	 * `parent`: id of the exchange or message that it belongs to (`MessageWriter.id`); without it that of the hand-over.
	 */
	begin(index: number, tag?: number, kind?: "exchange" | "message", parent?: string): MessageWriter;
	/**
	 * The oldest request that waits, or that of `tag`, gets no response: it comes out now, with this outcome, or when it is
	 * finished itself. For requests that turn out to be one-way (`ok`), that the server skips after an error (`aborted`), that
	 * either side gives up before a response began (`aborted`), whose response was lost (`partial`). Without such a request
	 * nothing happens: false.
	 */
	settle(outcome: "ok" | "error" | "aborted" | "partial", tag?: number): boolean;
	/**
	 * Everything after the consumed bytes, in both directions, belongs to another registered parser: in this direction from
	 * what this call returns, in the other one from what was consumed of it so far, so `WAIT` there first. `null`: to whoever
	 * `detect`s it. Opaque if there is no such parser. Finish what is open before; what stays open comes out as `partial`.
	 * `hints` are for the next parser alone (a negotiated extension, a subprotocol), `parent` is the id of the exchange
	 * that led there.
	 */
	handover(protocol: string | null, hints?: Attributes, parent?: string): void;
	/** Give up: the rest of the connection is counted and summarised, not parsed. `reason` is a word-like-this. */
	opaque(reason: string): void;
	/** A flag for the exchange whose message has been open longest in this direction, or else for the next one. */
	flag(name: string): void;
	/**
	 * A fact about the connection as a whole (who logged in, which settings hold). The first `note` or `count` makes a
	 * `connection` record come out at the end, with them as annotations. At most 64 names; later ones are ignored.
	 */
	note(name: string, value: AttributeValue): void;
	/** Adds to a counter of the connection as a whole (pings, window updates): what is not worth a record each. */
	count(name: string, by?: number): void;
	/**
	 * A stream in both directions inside this connection (a tunnel, a WebSocket on HTTP/2), which another registered parser
	 * will read. `tag` is its number here: the ordinal of what is begun in it without a tag. It holds what it is given until
	 * `start`, up to the engine's carry limit. At most 1024 are open at once, four deep; what is beyond is opaque and counted.
	 */
	child(tag: number): ChildStream;
}

/** Plain data that JSON can say. It belongs to core from the call on and must not be changed. */
export type StructuredValue =
	| null
	| boolean
	| number
	| string
	| readonly StructuredValue[]
	| { readonly [name: string]: StructuredValue };

/**
 * A payload under construction: bytes (`body`) or structured values (`item`), never both. Beyond `max_body_bytes`, counted
 * in bytes on the wire, it is counted and no longer kept: the parser need not look at any limit.
 */
export interface PayloadWriter {
	/**
	 * Payload bytes `from` (inclusive) to `to` (exclusive) of `bytes`. Copied at once. Where `bytes` are not those of the call
	 * (unmasked, decompressed) `index` is the index that the first of them has in those.
	 */
	body(bytes: Uint8Array, from: number, to: number, index?: number): void;
	/**
	 * `length` payload bytes are missing here (null: an unknown number, at its end). The engine knows the cause. Called from
	 * `gap`.
	 */
	bodyGap(length: number | null): void;
	/**
	 * True while its end is still to come, where only what follows tells that (the end of a result's rows). Where its message ends
	 * before that, other than well or by the protocol's own error, its end is missing.
	 */
	expectMore(isExpected: boolean): void;
	/** `length` payload bytes are a secret (a password): counted as `redacted`, and never copied anywhere. */
	secret(length: number): void;
	/** One structured value (a row, a document, a reply) that took `bytes` bytes. The body is `json`: the list of them. */
	item(value: StructuredValue, bytes: number): void;
	/**
	 * The payload is a list of structured values, of which `body` gives the raw bytes in pieces of any size, framing included;
	 * `decoder` makes values of them when somebody looks, and may be told again before the end. For what comes in large numbers
	 * or may be large (rows): nothing is held until a value is whole, and nothing is made that nobody reads.
	 */
	items(decoder: ItemDecoder): void;
}

/**
 * Makes structured values of raw bytes that core kept. Called after the exchange is over, any number of times or never;
 * it must give the same each time, change nothing, and keep no view of the bytes.
 */
export interface ItemDecoder {
	/** Bytes that the item takes which begins at `at`, its framing included; 0: the bytes up to `to` do not tell. */
	size(bytes: Uint8Array, at: number, to: number): number;
	/** The item that lies at `at` to `to`, the `index`th from 0. It is left out (`parse-resync`) where this throws. */
	value(bytes: Uint8Array, at: number, to: number, index: number): StructuredValue;
}

/**
 * One message under construction. Valid until `finish` or `abandon`, or until the engine ends it (a hole, the end of its
 * direction, a hand-over); calls after that are ignored. May be kept from call to call, and used from calls of the other
 * direction, except for what takes an index or bytes, which are of its own direction.
 */
export interface MessageWriter extends PayloadWriter {
	/** Id of the exchange, for `parent`. Made when it is read: read it once. */
	readonly id: string;
	/**
	 * Start line, headers, attributes. What is known only at the end (a status in trailers, a command's tag) is told by another
	 * head: the last one counts.
	 */
	head(head: MessageHead): void;
	/** A response before the final one (HTTP 1xx). */
	interim(head: MessageHead, index: number): void;
	/** Content coding of the payload, as a comma-separated list in the order applied: `gzip`. */
	contentEncoding(coding: string): void;
	/**
	 * Media type of the payload (lower case, without parameters), after `head` and before `body`: a registered parser that
	 * takes such payloads (`ParserPlugin.content`) is given this one, and what it makes of it stands in its place. False: there
	 * is none. Only worth a call where `ParserContext.takesContent` said so.
	 */
	contentType(mediaType: string): boolean;
	/** The same by the name of the parser, where no media type tells. */
	content(protocol: string): boolean;
	/**
	 * Payload is missing here, nobody knows how much, that no hole took itself: what it needs to be read (a compression window,
	 * the message's beginning) lay in an earlier hole. Also from `data`. `cause`: where it was no hole but a bound of the parser.
	 */
	lost(cause?: "cap" | "parse-resync"): void;
	trailers(headers: HeaderList): void;
	/**
	 * One message of a stream inside this one, beginning at byte `index` (gRPC, server-sent events, a result of several). Its
	 * payload may come in any number of calls. All of them share `max_body_bytes`. There may be 16384; more are flagged.
	 */
	message(index: number, attributes: Attributes): PartWriter;
	/**
	 * Adds to the bytes that this message took on the wire, where others lie between its first and its last (multiplexed
	 * streams). Without it they are counted from its first to its last byte.
	 */
	wireBytes(count: number): void;
	flag(name: string): void;
	/**
	 * Facts about its exchange that are in neither message: who waited for what, why it was given up. In `annotations`, over
	 * those of the same name. Until the exchange comes out, also when the message is over.
	 */
	annotate(attributes: Attributes): void;
	/**
	 * The message ends before byte `index`. `error` is the protocol's own word for failure. Only in a call of its own
	 * direction.
	 */
	finish(index: number, outcome: "ok" | "error" | "aborted"): void;
	/**
	 * The other direction ended the message (a stream was reset): it ends where its own direction stands now, or, where what
	 * came after is none of it, behind the byte that `last` says.
	 */
	abandon(outcome: "ok" | "error" | "aborted", last?: LastByte): void;
}

/** The last byte of a message that may go on: its place, as `offsetAt` says, and when it came. */
export interface LastByte {
	readonly offset: number;
	readonly us: number;
}

/** A message of a stream. Valid as long as the message that it is part of. */
export interface PartWriter extends PayloadWriter {
	/** Adds attributes, over those of the same name. */
	attributes(attributes: Attributes): void;
	/** What its bytes mean is found out when somebody wants to know, and only where all of them are there. */
	decodeWith(decoder: PartDecoder): void;
}

/** Turns the bytes of a part into plain data. May be shared by any number of parts; outlives the parser's call. */
export interface PartDecoder {
	/**
	 * Null: they are not what they should be; the part shows its bytes. Pure; must not keep or change `bytes`. What it gives
	 * is bounded by itself. `decodedFrom`: the coding that was undone for it.
	 */
	decode(bytes: Uint8Array): { readonly value: StructuredValue; readonly decodedFrom?: string } | null;
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
	/** For core only: the same for exchange.proto. */
	proto: HeadProto | null = null;
	wasEncoded = false;
	/** For core only: what is shown of it, and by whose rules. */
	redacted: { readonly by: object; readonly head: MessageHead } | null = null;

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
	/** For core only: the same for exchange.proto. */
	proto: Uint8Array | null = null;
	wasEncoded = false;
	/** For core only: what is shown of it, and by whose rules. */
	redacted: { readonly by: object; readonly block: HeaderBlock } | null = null;

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
	/** Called in the worker thread with validated options, once for each worker, and at a reload that changes it. Sync. */
	create(config: C, context: SinkContext): Sink;
}

export interface Sink {
	/** How many `write` calls may be under way at once. Read once, after `create`. */
	readonly maxInFlight: number;
	/**
	 * True: the sink itself keeps the order of its calls. What they do takes effect in the order in which `write` was called,
	 * and where one fails, those called after it that have not taken effect fail too (`Retryable`), until none is under way.
	 * Core then offers batches in arrival order, up to `maxInFlight` at once. Without it core writes each connection's
	 * exchanges one batch after the other, and `maxInFlight` batches of different connections at once.
	 */
	readonly keepsOrder?: true;
	/**
	 * Called once before `write`. Rejects with a `PolytapError` where it cannot deliver. Then, and after 10 s, this sink is reported
	 * as failed and gets nothing; the others go on, and without any there is no run. Whoever is away only for now resolves
	 * and rejects `write` with `Retryable`.
	 */
	open(signal: AbortSignal): Promise<void>;
	/**
	 * Resolves when the batch is written as safely as the sink promises. Rejects with `Retryable` (the whole batch may be
	 * offered again), `Permanent` (never again) or `Partial` (some of it was written). Must not keep the exchanges' memory
	 * after it settled; must not change them. Anything else that it rejects with counts as `Permanent`. `signal` aborts when
	 * polytap will not wait any longer. That is after `write_timeout_ms` (the batch is offered again) or at the end; until it
	 * settles it keeps its place among the `maxInFlight`.
	 */
	write(batch: readonly Exchange[], signal: AbortSignal): Promise<void>;
	/**
	 * Flushes and frees. Called when no `write` is under way. Idempotent, legal before `open`. A `write` that does not settle
	 * after its signal holds it up for a moment only; after 3 s nobody waits for `close` itself any more.
	 */
	close(): Promise<void>;
	/** Cumulative counters, snake_case with units. Called some four times a second and at the end. Sync, and cheap therefore. */
	counters?(): Readonly<Record<string, number>>;
}

/** Any plugin descriptor, as the built-in list and third-party modules give it. */
export type Plugin = SourcePlugin<never> | ParserPlugin | SinkPlugin<never>;
