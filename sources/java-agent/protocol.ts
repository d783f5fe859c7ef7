/**
 * The protocol between polytap and an agent: JSON-RPC 2.0 in lines, over a Unix socket or loopback TCP. This file is its only
 * description; docs/reference/java-bridge.md is generated from it. Objects may have more fields than are named here: they are
 * ignored, so that a later agent can speak to an earlier polytap.
 */
import { z } from "../../core/index.js";

/** Changes when an agent that speaks one cannot speak the other. */
export const PROTOCOL_VERSION = "1";

export const LIMITS = {
	/** A line, without its newline. */
	maxLineBytes: 262_144,
	/** What may follow one line. */
	maxAttachmentBytes: 4_194_304,
	/** Payload of one row. */
	maxChunkBytes: 32_768,
	/** Rows of one message. */
	maxRows: 256,
	/** Added to the payload of each row when credit is counted. */
	rowCost: 64,
	/** Threads that are remembered by index. */
	maxThreads: 65_536,
	/** Contexts whose attributes are remembered; the oldest go first. */
	maxContexts: 16_384,
	/** From the connection to a valid `initialize`. */
	initializeTimeoutMs: 5_000,
	/** Between the first and the last byte of one message. */
	messageTimeoutMs: 10_000,
	/** An agent that says nothing for so long is gone. */
	idleTimeoutMs: 60_000,
	/** Requests with an error that one session may make. */
	maxErrors: 100,
} as const;

export const RPC_ERRORS = {
	parse: { code: -32700, meaning: "the line is no JSON, or no JSON-RPC message" },
	request: { code: -32600, meaning: "a JSON-RPC message, but not one that is allowed here" },
	method: { code: -32601, meaning: "there is no such method" },
	params: { code: -32602, meaning: "`params` are not as described; lies about lengths and positions too" },
	refused: { code: -32001, meaning: "wrong token, or a user or process that may not connect" },
	version: { code: -32002, meaning: "another version of the protocol" },
	order: { code: -32003, meaning: "`initialize` must come first, and once" },
	limit: { code: -32004, meaning: "a line, an attachment, the credit or the number of JVMs is above its limit" },
	timeout: { code: -32005, meaning: "a message, or any message, took too long to come" },
} as const;
export type RpcProblem = keyof typeof RPC_ERRORS;

const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const text = (most: number) => z.string().max(most);
const conn = count.describe("the agent's number for the connection; never used again in the same instance");
const time = count.describe("microseconds of the clock that `initialize` named");
const pair = z.tuple([count, count]);
const address = z.tuple([text(64), z.int().min(0).max(65_535)]);
const attributes = z.record(
	z.string().regex(/^[a-z][a-z0-9_.]{0,63}$/),
	z.union([text(16_384), z.number(), z.boolean()]),
);

export const initializeParams = z.object({
	protocol: text(16).describe(`the version of this protocol, \`"${PROTOCOL_VERSION}"\``),
	agent: text(200).describe("name and version of the agent"),
	token: text(256).optional().describe("where polytap's config has one"),
	instance: z
		.string()
		.regex(/^[A-Za-z0-9-]{8,64}$/)
		.describe("chosen at random when the agent starts, the same at each reconnect: the JVM's identity"),
	pid: count.describe("as the process sees itself; on a Unix socket the kernel's word counts instead"),
	jvm: z.record(text(32), text(400)).optional().describe("what the runtime says of itself: `vendor`, `version`, …"),
	clock: z
		.object({
			kind: z.enum(["monotonic", "wall"]).describe("`monotonic`: CLOCK_MONOTONIC; `wall`: since 1970"),
			nowUs: count.describe("that clock when this message was written"),
		})
		.describe("what times in this session mean"),
	hooks: z
		.array(z.object({ id: text(64), state: text(32), reason: text(400).optional() }))
		.max(64)
		.optional()
		.describe(
			"what the agent can see: `active`, `partial` (a method is not there), `waiting` (its class is not loaded), `skipped`, `failed`",
		),
	caps: z
		.object({ attachments: z.boolean().optional() })
		.optional()
		.describe("`attachments`: payload may follow the line as raw bytes"),
});

export const initializeResult = z.object({
	protocol: text(16),
	attachments: z.boolean().describe("true: `data` may use `bin`; otherwise `b64`"),
	maxLineBytes: count,
	maxAttachmentBytes: count,
	maxChunkBytes: count.describe("payload of one row"),
	maxRows: count.describe("rows of one message"),
	creditBytes: count.describe("what may be sent at once: payload, and 64 for each row"),
	capture: z
		.object({ semantics: z.boolean(), plain: z.boolean(), values: z.boolean(), traces: z.boolean() })
		.describe(
			"wanted beside plaintext of TLS: what only the runtime knows; connections without TLS; values bound to statements; ids of traces",
		),
});

export const openParams = z.object({
	c: conn,
	at: time,
	fd: z.int().min(-1).optional().describe("the socket's file descriptor in the JVM, -1: not known"),
	l: address.nullable().optional().describe("numeric local address and port; absent until it is known: `conn.bound`"),
	r: address.nullable().optional().describe("numeric remote address and port"),
	role: z.enum(["client", "server"]),
	fromStart: z.boolean().describe("position 0 is the first byte of application data"),
	offsets: pair.describe("positions, sent and received, from which on there will be data"),
	tls: z
		.object({
			provider: text(100).optional(),
			version: text(32).optional(),
			cipher: text(100).optional(),
			alpn: text(255).nullable().optional(),
			serverName: text(255).nullable().optional(),
		})
		.nullable()
		.describe("null: no TLS, the bytes are those of the wire"),
	cipherBase: z
		.tuple([count.nullable(), count.nullable()])
		.optional()
		.describe("position in the TCP stream of cipher offset 0, for each direction; null: not known"),
});
export type OpenParams = z.infer<typeof openParams>;

export const boundParams = z.object({ c: conn, fd: z.int().min(-1).optional(), l: address, r: address });

export const closeParams = z.object({
	c: conn,
	at: time,
	final: pair.describe("positions after the last byte, sent and received"),
	how: z.enum(["fin", "reset", "unknown"]),
});

export const rowSchema = z.tuple([
	conn,
	z.int().min(0).max(1).describe("0: the application sent it, 1: it received it"),
	count.describe("position of the first byte in that direction's plaintext"),
	time,
	count.describe("index of the thread, 0: not told"),
	z.int().min(-1).describe("ciphertext bytes of that direction up to the end of this row, -1: not known"),
	z.int().min(1).max(LIMITS.maxChunkBytes).describe("bytes of payload"),
	count.describe("context, 0: none"),
]);
/** `[c, dir, offset, tUs, thread, cipherEnd, length, context]`. */
export type Row = z.infer<typeof rowSchema>;

export const dataParams = z
	.object({
		e: z.array(rowSchema).min(1).max(LIMITS.maxRows).describe("the rows, in order"),
		bin: z
			.int()
			.min(1)
			.max(LIMITS.maxAttachmentBytes)
			.optional()
			.describe("exactly so many raw bytes follow the newline: the rows' payloads one after the other"),
		b64: z.string().optional().describe("the same as base64, where attachments were not agreed on"),
	})
	.refine((value) => (value.bin === undefined) !== (value.b64 === undefined), {
		message: "either bin or b64",
	});

export const GAP_REASONS = { "queue-full": "ring-full", limit: "limit", disconnected: "source-lost" } as const;

export const gapParams = z.object({
	c: conn,
	dir: z.int().min(0).max(1),
	offset: count,
	length: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
	at: time,
	cause: z.enum(["queue-full", "limit", "disconnected"]),
});

export const threadParams = z.object({
	i: z.int().min(1).max(LIMITS.maxThreads).describe("index that rows use from now on"),
	name: text(256),
	id: count,
	virtual: z.boolean().optional(),
});

export const semanticParams = z.object({
	kind: z
		.string()
		.regex(/^[a-z][a-z0-9_.-]{0,63}$/)
		.describe("`pool.checkout`, `jdbc.execute`, `jdbc.result`, `http.attempt`, …"),
	at: time,
	ctx: count.optional().describe("rows with this context get the attributes"),
	c: conn.optional().describe("what is sent next on this connection gets the attributes"),
	attributes: attributes.describe("at most 32, names as OpenTelemetry has them, or `java.…`"),
});

export const statsParams = z.object({
	counters: z
		.record(z.string().regex(/^[a-z][a-z0-9_]{0,63}$/), z.number().min(0))
		.describe("cumulative; `hook_errors`, `dropped_events`, `dropped_bytes`, `queue_bytes` are looked at"),
	lastError: text(2000).nullable().optional().describe("of a hook"),
	hooks: initializeParams.shape.hooks,
});

export const creditParams = z.object({ bytes: count.describe("may be sent in addition") });
const nothing = z.object({});

export interface MethodSpec {
	readonly from: "agent" | "polytap";
	readonly kind: "request" | "notification";
	readonly summary: string;
	readonly params: z.ZodType;
	readonly result?: z.ZodType;
}

export const METHODS = {
	initialize: {
		from: "agent",
		kind: "request",
		summary: "The first message of a session.",
		params: initializeParams,
		result: initializeResult,
	},
	ping: { from: "agent", kind: "request", summary: "Answered with `{}`.", params: nothing, result: nothing },
	"conn.open": {
		from: "agent",
		kind: "notification",
		summary:
			"A connection is watched from here on. After a reconnect live ones are told again with the same `c`; positions in between become a gap.",
		params: openParams,
	},
	"conn.bound": {
		from: "agent",
		kind: "notification",
		summary: "The addresses of a connection that was told without. What came before waits for it, at most 1 MiB.",
		params: boundParams,
	},
	"conn.sync": {
		from: "agent",
		kind: "notification",
		summary: "After a reconnect: every live connection has been told; others are over.",
		params: nothing,
	},
	"conn.close": {
		from: "agent",
		kind: "notification",
		summary: "Nothing more comes of it. Positions that were not sent are a gap.",
		params: closeParams,
	},
	data: {
		from: "agent",
		kind: "notification",
		summary: "Payload. A position that jumps ahead is a gap of cause `ring-full`; one that goes back is an error.",
		params: dataParams,
	},
	gap: {
		from: "agent",
		kind: "notification",
		summary: "Payload that was dropped, and why. Positions go on behind it.",
		params: gapParams,
	},
	thread: { from: "agent", kind: "notification", summary: "Names a thread.", params: threadParams },
	semantic: {
		from: "agent",
		kind: "notification",
		summary: "What only the runtime knows; ends up in `annotations`.",
		params: semanticParams,
	},
	stats: {
		from: "agent",
		kind: "notification",
		summary: "Sent at least every 20 seconds.",
		params: statsParams,
	},
	credit: { from: "polytap", kind: "notification", summary: "More may be sent.", params: creditParams },
	stop: {
		from: "polytap",
		kind: "request",
		summary: "Hooks become inert until `start`. For whoever stands in for polytap; polytap does not send it by itself.",
		params: nothing,
		result: nothing,
	},
	start: { from: "polytap", kind: "request", summary: "Hooks are active again.", params: nothing, result: nothing },
} as const satisfies Record<string, MethodSpec>;
export type Method = keyof typeof METHODS;
