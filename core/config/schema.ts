/** The part of the config file that core itself understands. Plugins describe their own options. */
import { z } from "zod";
import { type KubernetesOptions, kubernetesSchema } from "../kubernetes/schema.js";
import { type RecordOptions, recordSchema } from "../recording/schema.js";
import { type RedactRule, redactSchema } from "../redaction/schema.js";
import { type FilterOptions, filterSchema } from "../routing/schema.js";

const name = z
	.string()
	.regex(/^[A-Za-z][A-Za-z0-9_-]{0,62}$/, "a name is a letter, then up to 62 letters, digits, - or _");

const plugin = z.looseObject({ type: z.string().describe("Which plugin: a word of `polytap list`.") });

export const captureSchema = z.strictObject({
	max_body_bytes: z
		.int()
		.min(0)
		.max(2 ** 30)
		.default(1_048_576)
		.describe("How much of each body is kept, in each direction. What is longer is counted and marked `truncated`."),
	merge_window_ms: z
		.int()
		.min(0)
		.max(10_000)
		.default(50)
		.describe("How long bytes and exchanges wait for a second vantage, or for the half that was overtaken."),
	merge: z
		.enum(["off", "window", "late"])
		.default("window")
		.describe(
			"One exchange that several sources saw: `window` waits and writes one record, `late` waits for nothing and marks repetitions, `off` writes each.",
		),
	correlation_window_ms: z
		.int()
		.min(1)
		.max(10_000)
		.default(200)
		.describe("With `merge: window`: how long an exchange waits for the other sources of its connection."),
	request_timeout_ms: z
		.int()
		.min(100)
		.max(3_600_000)
		.default(60_000)
		.describe("After this time a request without a response is written as `unanswered`."),
	max_connections: z
		.int()
		.min(1)
		.max(10_000_000)
		.default(65_536)
		.describe("How many connections are tracked at once. At the cap the oldest one is ended."),
	max_held_bytes: z
		.int()
		.min(1_048_576)
		.max(2 ** 36)
		.default(268_435_456)
		.describe("Most memory for payload that is not written yet. At the cap bodies are cut, with the cause `cap`."),
	connection_records: z
		.boolean()
		.default(false)
		.describe("Write a `connection` record at the end of every connection, not only of those nobody could parse."),
	worker_timeout_ms: z
		.int()
		.min(100)
		.max(600_000)
		.default(10_000)
		.describe("A worker thread that does not answer for this long is ended and started again over the same sources."),
});

export const spoolSchema = z.strictObject({
	path: z
		.string()
		.min(1)
		.describe("Folder for spools. Each sink has a folder of its own name in it, made where it is not there (0700)."),
	max_bytes: z
		.int()
		.min(4_194_304)
		.max(2 ** 44)
		.default(1_073_741_824)
		.describe("Most bytes on the disk. A record that is longer than a quarter of it cannot be in it."),
	sync_ms: z
		.int()
		.min(0)
		.max(60_000)
		.default(100)
		.describe("How long an exchange may wait for its block to be written, and the block to be synced. 0: at once."),
	when_full: z
		.enum(["drop_newest", "drop_oldest"])
		.default("drop_newest")
		.describe("What gives way at `max_bytes` or where the disk is full: what comes, or what has been in it longest."),
	always: z
		.boolean()
		.default(false)
		.describe("Everything goes through the disk, not only what the sink does not take in time."),
});

export const queueSchema = z.strictObject({
	when_full: z
		.enum(["drop_oldest", "drop_newest", "block", "spool"])
		.default("drop_oldest")
		.describe(
			"What gives way when the sink is slower than the traffic. `block` is for recorded sources only; `spool` goes to the disk.",
		),
	spool: spoolSchema.optional().describe("Where and how, with `when_full: spool`."),
	max_exchanges: z.int().min(1).max(1_048_576).default(65_536).describe("Most exchanges that wait for the sink."),
	max_bytes: z
		.int()
		.min(1024)
		.max(2 ** 34)
		.default(33_554_432)
		.describe("Most bytes of memory that the waiting exchanges hold. A larger single exchange may wait alone."),
	batch_exchanges: z.int().min(1).max(65_536).default(512).describe("Most exchanges in one write."),
	batch_bytes: z
		.int()
		.min(1)
		.max(2 ** 30)
		.default(1_048_576)
		.describe("Most bytes of memory in one write."),
	batch_ms: z
		.int()
		.min(0)
		.max(60_000)
		.default(0)
		.describe("How long what is not a full batch may wait for more. 0: some 10 ms."),
	write_timeout_ms: z.int().min(10).max(600_000).default(30_000).describe("A write that takes longer is aborted."),
	max_retries: z
		.int()
		.min(0)
		.max(1_000_000)
		.nullable()
		.default(null)
		.describe("How often a batch is offered again before it is given up. Nothing: 5 times, and with a spool for ever."),
	retry_ms: z
		.int()
		.min(1)
		.max(60_000)
		.default(200)
		.describe("Wait before the first retry; it doubles each time. Up to half of each wait is left out, by chance."),
	retry_max_ms: z.int().min(1).max(3_600_000).default(30_000).describe("Longest wait before a retry."),
});

export const metricsSchema = z
	.strictObject({
		listen: z
			.string()
			.regex(/^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}$/, "must be host:port, like 127.0.0.1:9464 or [::1]:9464")
			.default("127.0.0.1:9464")
			.describe("Address and port. Port 0: one that is free; it is said on stderr."),
		allow_remote: z
			.boolean()
			.default(false)
			.describe("Permit an address that others can reach. There is no encryption and no password."),
	})
	.refine(({ listen, allow_remote }) => allow_remote || isLoopback(hostOf(listen)), {
		path: ["listen"],
		message: "is not a loopback address: others could read it; `allow_remote: true` permits that",
	});

/** `[::1]:9464` in two. */
export function hostOf(listen: string): string {
	return listen.slice(0, listen.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}

function isLoopback(host: string): boolean {
	return host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** A protocol by its name in records: `http/1.1`. */
const protocolName = z.string().min(1).max(64);

/** What every protocol takes beside the options of its parser. */
export const protocolSchema = z.strictObject({
	ports: z
		.array(z.int().min(1).max(65_535))
		.min(1)
		.max(64)
		.describe(
			"Ports of servers where it is likely: its parser is asked before the others. It still has to recognise it.",
		)
		.optional(),
});

export const logSchema = z.strictObject({
	format: z.enum(["text", "json"]).default("text").describe("Lines for people, or one JSON object a line."),
	level: z
		.enum(["error", "warn", "info"])
		.default("info")
		.describe("The least that is told. `ready` and the totals are `info`."),
});

/** What every sink takes beside its own options. */
export const sinkCommonSchema = z.strictObject({
	queue: queueSchema.prefault({}).describe("What stands between the traffic and this sink."),
	filter: filterSchema.optional().describe("Which exchanges this sink gets. Nothing: all of them."),
});

export const configSchema = z.strictObject({
	version: z.literal(1).describe("Version of this file's format."),
	plugins: z
		.array(z.string().min(1))
		.max(100)
		.default([])
		.describe("Modules with plugins of others: paths (`./x.js`, from this file's folder) or names of packages."),
	sources: z.record(name, plugin).describe("Where traffic comes from. The key is a name of your choice."),
	capture: captureSchema.prefault({}).describe("Limits and times of the engine."),
	protocols: z
		.record(protocolName, z.looseObject({}))
		.default({})
		.describe("Options of protocols, and hints for finding out what is spoken, by protocol."),
	metrics: metricsSchema.optional().describe("Metrics for Prometheus, and health, over HTTP. Nothing: off."),
	kubernetes: kubernetesSchema
		.optional()
		.describe("Ask the cluster who the pods of this node are, and write it to the processes of records. Nothing: off."),
	log: logSchema.prefault({}).describe("What polytap says about itself, on stderr."),
	redact: redactSchema.default([]).describe("What is taken out of every exchange before any sink gets it."),
	record: recordSchema
		.optional()
		.describe("Write down all that the engine is told, for `polytap read` to replay. Nothing: no recording."),
	sinks: z.record(name, plugin).describe("Where exchanges go. The key is a name of your choice."),
});

export type LogOptions = z.output<typeof logSchema>;
export type MetricsOptions = z.output<typeof metricsSchema>;
export type CaptureOptions = z.output<typeof captureSchema>;
export type QueueOptions = z.output<typeof queueSchema>;

export interface SourceEntry {
	readonly name: string;
	readonly type: string;
	/** Validated, with defaults. Plain data. */
	readonly options: unknown;
	readonly offline: boolean;
}

export interface SinkEntry {
	readonly name: string;
	readonly type: string;
	/** Validated, with defaults. Plain data. */
	readonly options: unknown;
	readonly queue: QueueOptions;
	readonly filter?: FilterOptions | undefined;
}

export interface ProtocolEntry {
	readonly protocol: string;
	/** Of servers where it is likely. */
	readonly ports: readonly number[];
	/** Validated, with defaults. Plain data. */
	readonly options: unknown;
	/** What the parser gets: made of the options, and of the files that they name. Plain data; absent: it has no options. */
	readonly prepared?: unknown;
}

/** A config that `check` would accept. Plain data: it crosses into worker threads. */
export interface Config {
	readonly sources: readonly SourceEntry[];
	readonly sinks: readonly SinkEntry[];
	readonly capture: CaptureOptions;
	readonly redact: readonly RedactRule[];
	/** Protocols of which the file says something. */
	readonly protocols: readonly ProtocolEntry[];
	/** Absent: nothing is recorded. */
	readonly record?: RecordOptions | undefined;
	readonly log: LogOptions;
	readonly metrics?: MetricsOptions | undefined;
	/** Absent: nobody is asked. */
	readonly kubernetes?: KubernetesOptions | undefined;
}
