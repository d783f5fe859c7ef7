/** What differs between the config that runs and a new one, and what of it can change without a source starting again. */
import { isDeepStrictEqual } from "node:util";
import type { Config, ProtocolEntry, SinkEntry, SourceEntry } from "../config/schema.js";
import type { PluginModules } from "./plugins.js";
import type { ReloadChange } from "./sink-set.js";

export interface SourceChange {
	readonly now: SourceEntry;
	readonly next: SourceEntry;
}

export interface ReloadPlan {
	/** As the file is now, but for what waits for a restart. Sources are as they were. */
	readonly config: Config;
	readonly change: Omit<ReloadChange, "roster">;
	/** Sources whose options differ: their hosts may know what to do with some. */
	readonly sources: readonly SourceChange[];
	/** In words: `sink file added`. */
	readonly applied: readonly string[];
	readonly notApplied: readonly string[];
}

export function planReload(now: Config, next: Config, plugins: PluginModules, nextPlugins: PluginModules): ReloadPlan {
	const applied: string[] = [];
	const notApplied: string[] = [];
	const sources = sourceChanges(now, next, notApplied);
	const sinks = sinkChanges(now, next, applied, notApplied);
	const isRedactNew = !isDeepStrictEqual(now.redact, next.redact);
	if (isRedactNew) applied.push("redact");
	for (const key of changedKeys(now.capture, next.capture)) applied.push(`capture.${key}`);
	for (const key of changedKeys(now.log, next.log)) applied.push(`log.${key}`);
	for (const key of changedKeys(now, next)) if (!LOOKED_AT.has(key)) notApplied.push(...waiting(key, now, next));
	notApplied.push(...protocolChanges(now.protocols, next.protocols));
	const [known, wanted] = [plugins, nextPlugins].map(({ parsers }) => new Set(parsers.map(({ name }) => name)));
	for (const name of wanted!) if (!known!.has(name)) notApplied.push(`parser ${name} (needs a restart)`);
	for (const name of known!) if (!wanted!.has(name)) notApplied.push(`parser ${name} is gone (needs a restart)`);
	return {
		config: { ...now, capture: next.capture, log: next.log, redact: next.redact, sinks: sinks.effective },
		change: {
			plugins: { ...plugins, sinks: nextPlugins.sinks },
			open: sinks.open,
			remove: sinks.remove,
			refilter: sinks.refilter,
			redact: isRedactNew ? next.redact : null,
			capture: next.capture,
		},
		sources,
		applied,
		notApplied,
	};
}

/** By themselves; whatever else a config has, now or some day, waits for a restart and is named. */
const LOOKED_AT: ReadonlySet<string> = new Set<keyof Config>([
	"sources",
	"sinks",
	"redact",
	"capture",
	"log",
	"protocols",
]);

/** What of a top-level key waits: its options one by one where it is there before and after. */
function waiting(key: string, now: Config, next: Config): string[] {
	const [before, after] = [now, next].map((config) => new Map<string, unknown>(Object.entries(config)).get(key));
	const isMapping = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);
	if (!isMapping(before) || !isMapping(after)) return [`${key} (needs a restart)`];
	return changedKeys(before as object, after as object).map((one) => `${key}.${one} (needs a restart)`);
}

/** Which parsers there are, what they were given and whom they were hinted to is settled when the worker starts. */
function protocolChanges(now: readonly ProtocolEntry[], next: readonly ProtocolEntry[]): string[] {
	const names = new Set([...now, ...next].map(({ protocol }) => protocol));
	return [...names].flatMap((name) => {
		const [before, after] = [now, next].map((entries) => entries.find(({ protocol }) => protocol === name));
		const whole = `protocols.${name}`;
		if (before === undefined || after === undefined) return [`${whole} (needs a restart)`];
		const keys = [
			...changedKeys({ ports: before.ports }, { ports: after.ports }),
			...changedKeys(before.options as object, after.options as object),
		];
		if (keys.length > 0) return keys.map((key) => `${whole}.${key} (needs a restart)`);
		return isDeepStrictEqual(before.prepared, after.prepared) ? [] : [`files that ${whole} names (need a restart)`];
	});
}

/** Names of what differs, in two mappings. */
export function changedKeys(now: object, next: object): string[] {
	const a: Readonly<Record<string, unknown>> = { ...now };
	const b: Readonly<Record<string, unknown>> = { ...next };
	return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((key) => !isDeepStrictEqual(a[key], b[key]));
}

function sourceChanges(now: Config, next: Config, notApplied: string[]): SourceChange[] {
	const changes: SourceChange[] = [];
	for (const entry of next.sources) {
		const before = now.sources.find(({ name }) => name === entry.name);
		if (before === undefined) notApplied.push(`source ${entry.name} is new (needs a restart)`);
		else if (before.type !== entry.type) notApplied.push(`source ${entry.name} has another type (needs a restart)`);
		else if (!isDeepStrictEqual(before.options, entry.options)) changes.push({ now: before, next: entry });
	}
	for (const { name } of now.sources)
		if (!next.sources.some((entry) => entry.name === name)) notApplied.push(`source ${name} is gone (needs a restart)`);
	return changes;
}

function sinkChanges(now: Config, next: Config, applied: string[], notApplied: string[]) {
	const open: SinkEntry[] = [];
	const remove: string[] = [];
	const refilter: SinkEntry[] = [];
	const effective: SinkEntry[] = [];
	for (const entry of next.sinks) {
		const before = now.sinks.find(({ name }) => name === entry.name);
		effective.push(entry);
		if (before === undefined) {
			open.push(entry);
			applied.push(`sink ${entry.name} added`);
			continue;
		}
		const keys = changedKeys(before, entry);
		if (keys.length === 0) continue;
		if (keys.length === 1 && keys[0] === "filter") {
			refilter.push(entry);
			applied.push(`filter of sink ${entry.name}`);
		} else if (isSpooled(before) || isSpooled(entry)) {
			effective[effective.length - 1] = before;
			notApplied.push(`sink ${entry.name} has a spool (needs a restart)`);
		} else {
			open.push(entry);
			remove.push(entry.name);
			applied.push(`sink ${entry.name} changed`);
		}
	}
	for (const { name } of now.sinks) {
		if (next.sinks.some((entry) => entry.name === name)) continue;
		remove.push(name);
		applied.push(`sink ${name} removed`);
	}
	return { open, remove, refilter, effective };
}

/** Its spool is open and locked: a second outlet could not have it at the same time. */
function isSpooled(entry: SinkEntry): boolean {
	return entry.queue.when_full === "spool";
}
