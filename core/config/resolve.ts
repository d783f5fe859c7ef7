/** Validates a config that is already plain data: core's part, then each plugin's. */
import type { z } from "zod";
import type { ErrorCode } from "../errors.js";
import type { ConfigFiles } from "../parser-options.js";
import type { ParserPlugin, SinkPlugin, SourcePlugin } from "../plugin.js";
import { type Path, type Problem, problemsOf } from "./problem.js";
import { resolveProtocols } from "./protocols.js";
import { type Config, configSchema, type SinkEntry, type SourceEntry, sinkCommonSchema } from "./schema.js";
import { didYouMean } from "./suggest.js";

/** Where plugins are found. Given by the app: core/config knows none. */
export interface PluginCatalog {
	sourceTypes(): readonly string[];
	sinkTypes(): readonly string[];
	/** Those that a connection can speak. */
	protocols(): Promise<readonly string[]>;
	/** Null where there is no such type. */
	source(type: string): Promise<SourcePlugin | null>;
	sink(type: string): Promise<SinkPlugin | null>;
	/** Null where there is none. */
	parser(protocol: string): Promise<ParserPlugin | null>;
	/** Those that take more than `ports`. */
	protocolsWithOptions(): Promise<readonly string[]>;
	/** True: a module of `plugins` did not work, and a type that is not known may have been its. */
	readonly isIncomplete?: boolean;
	/** With the modules of a config's `plugins`; paths start at `folder`. Absent: there can be no others. */
	extended?(specifiers: readonly string[], folder: string): Promise<ExtendedCatalog>;
}

export interface ExtendedCatalog {
	readonly catalog: PluginCatalog;
	/** `index`: in the list of modules. */
	readonly failures: readonly { readonly index: number; readonly code: ErrorCode; readonly message: string }[];
}

export type Resolution =
	| {
			readonly config: Config;
			readonly problems: readonly [];
			/** Sources and sinks that are left out because the module of their type did not work. */
			readonly leftOut: readonly Problem[];
	  }
	| { readonly config: null; readonly problems: readonly Problem[] };

/** `files`: what options may name. */
export async function resolveConfig(
	raw: unknown,
	catalog: PluginCatalog,
	files: ConfigFiles = NO_FILES,
): Promise<Resolution> {
	const problems: Problem[] = [];
	const leftOut: Problem[] = [];
	const base = configSchema.safeParse(raw ?? {});
	if (!base.success) problems.push(...problemsOf(base.error.issues, configSchema, raw ?? {}, []));
	const sources = await resolveSources(mapping(raw, "sources"), catalog, problems, leftOut);
	const sinks = await resolveSinks(mapping(raw, "sinks"), catalog, problems, leftOut);
	const protocols = await resolveProtocols(mapping(raw, "protocols"), catalog, files, problems);
	if (base.success) await checkPins(sources, catalog, problems);
	if (base.success) checkTogether(base.data, sources, sinks, problems);
	if (!base.success || problems.length > 0) return { config: null, problems };
	const { capture, redact, record, log, metrics, kubernetes } = base.data;
	const core = { capture, redact, record, log, metrics, kubernetes };
	return { config: { sources, sinks, protocols, ...core }, problems: [], leftOut };
}

async function resolveSources(
	entries: Entries,
	catalog: PluginCatalog,
	problems: Problem[],
	leftOut: Problem[],
): Promise<SourceEntry[]> {
	const out: SourceEntry[] = [];
	for (const [name, entry] of entries) {
		const path = ["sources", name];
		const plugin = await find(
			"source",
			entry,
			path,
			catalog.sourceTypes(),
			(type) => catalog.source(type),
			catalog.isIncomplete ? leftOut : problems,
		);
		if (plugin === null) continue;
		const { type, ...rest } = entry;
		const options = validated(plugin.config, rest, path, problems);
		out.push({ name, type: String(type), options, offline: plugin.offline === true });
	}
	return out;
}

async function resolveSinks(
	entries: Entries,
	catalog: PluginCatalog,
	problems: Problem[],
	leftOut: Problem[],
): Promise<SinkEntry[]> {
	const out: SinkEntry[] = [];
	for (const [name, entry] of entries) {
		const path = ["sinks", name];
		const plugin = await find(
			"sink",
			entry,
			path,
			catalog.sinkTypes(),
			(type) => catalog.sink(type),
			catalog.isIncomplete ? leftOut : problems,
		);
		const { type, ...all } = entry;
		const common = validatedCommon(all, path, problems);
		const rest = Object.fromEntries(Object.entries(all).filter(([key]) => !COMMON_KEYS.includes(key)));
		if (plugin === null) continue;
		const options = validated(plugin.config, rest, path, problems, COMMON_KEYS);
		if (common !== null) out.push({ name, type: String(type), options, ...common });
	}
	return out;
}

async function find<P>(
	kind: "source" | "sink",
	entry: Readonly<Record<string, unknown>>,
	path: Path,
	types: readonly string[],
	load: (type: string) => Promise<P | null>,
	problems: Problem[],
): Promise<P | null> {
	const { type } = entry;
	// A missing or odd `type` is already a problem of core's own schema.
	if (typeof type !== "string") return null;
	const plugin = await load(type);
	if (plugin === null) {
		const guess = didYouMean(type, types) || `; there are: ${types.join(", ")}`;
		problems.push({ path: [...path, "type"], atKey: false, message: `unknown ${kind} type "${type}"${guess}` });
	}
	return plugin;
}

/** Core's own part of a sink's entry. */
function validatedCommon(entry: Readonly<Record<string, unknown>>, path: Path, problems: Problem[]) {
	const common = Object.fromEntries(COMMON_KEYS.filter((key) => entry[key] != null).map((key) => [key, entry[key]]));
	const parsed = sinkCommonSchema.safeParse(common);
	if (!parsed.success) problems.push(...problemsOf(parsed.error.issues, sinkCommonSchema, common, path));
	return parsed.success ? parsed.data : null;
}

export function validated(
	schema: z.ZodType,
	value: unknown,
	path: Path,
	problems: Problem[],
	also: readonly string[] = [],
) {
	const parsed = schema.safeParse(value);
	if (parsed.success) return parsed.data;
	for (const problem of problemsOf(parsed.error.issues, schema, value, path)) {
		const key = String(problem.path.at(-1));
		const hint =
			problem.atKey && problem.path.length === path.length + 1 && !problem.message.includes("did you mean")
				? didYouMean(key, ["type", ...also])
				: "";
		problems.push({ ...problem, message: problem.message + hint });
	}
	return undefined;
}

export function noParser(protocol: string, known: readonly string[]): string {
	return `no parser reads "${protocol}"${didYouMean(protocol, known) || `; there are: ${known.join(", ")}`}`;
}

/** A protocol that no parser reads is a slip of the finger. */
async function checkPins(sources: readonly SourceEntry[], catalog: PluginCatalog, problems: Problem[]): Promise<void> {
	const named: { readonly protocol: string; readonly path: Path }[] = [];
	for (const { name, type, options } of sources) {
		if (options === undefined) continue;
		const plugin = await catalog.source(type);
		for (const { protocol, path } of plugin?.protocols?.(options) ?? [])
			named.push({ protocol, path: ["sources", name, ...path] });
	}
	// a module that did not work may have been the one that reads it
	if (named.length === 0 || catalog.isIncomplete === true) return;
	const known = await catalog.protocols();
	for (const { protocol, path } of named) {
		if (known.includes(protocol)) continue;
		problems.push({ path, atKey: false, message: noParser(protocol, known) });
	}
}

function checkTogether(
	declared: z.output<typeof configSchema>,
	sources: readonly SourceEntry[],
	sinks: readonly SinkEntry[],
	problems: Problem[],
): void {
	for (const kind of ["sources", "sinks"] as const) {
		if (Object.keys(declared[kind]).length > 0) continue;
		problems.push({ path: [kind], atKey: false, message: `at least one ${kind.slice(0, -1)} is needed` });
	}
	if (declared.record?.allow_unredacted === false) {
		problems.push({
			path: ["record", "allow_unredacted"],
			atKey: false,
			message: "a recording holds what was captured before redaction, secrets included: it must be true for that",
		});
	}
	const live = sources.find((source) => !source.offline);
	for (const { name, queue } of sinks) {
		const path = ["sinks", name, "queue"];
		if (queue.when_full === "spool" && queue.spool === undefined)
			problems.push({
				path: [...path, "when_full"],
				atKey: false,
				message: `"spool" needs \`spool: { path: … }\` beside it`,
			});
		if (queue.when_full !== "spool" && queue.spool !== undefined)
			problems.push({ path: [...path, "spool"], atKey: true, message: "is used with `when_full: spool` only" });
	}
	for (const sink of sinks) {
		if (sink.queue.when_full === "block" && live !== undefined) {
			problems.push({
				path: ["sinks", sink.name, "queue", "when_full"],
				atKey: false,
				message: `"block" would stop the live source "${live.name}": use spool, drop_oldest or drop_newest`,
			});
		}
	}
}

const NO_FILES: ConfigFiles = {
	resolve: (path) => path,
	read: async () => {
		throw new Error("there are no files here");
	},
};

const COMMON_KEYS = Object.keys(sinkCommonSchema.shape);

export type Entries = [string, Readonly<Record<string, unknown>>][];

function mapping(raw: unknown, key: string): Entries {
	const found = isMapping(raw) ? raw[key] : undefined;
	if (!isMapping(found)) return [];
	return Object.entries(found).filter((entry): entry is [string, Record<string, unknown>] => isMapping(entry[1]));
}

function isMapping(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
