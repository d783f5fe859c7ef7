/** Makes the sources and sinks of a config. What cannot be made is one that fails when it is opened, and so stops no other. */
import type { SinkEntry, SourceEntry } from "../config/schema.js";
import { PolytapError } from "../errors.js";
import type { CaptureSource, Sink, SinkPlugin, SourcePlugin } from "../plugin.js";
import type { RateLimitedBoard } from "./diagnostics.js";
import { guardedSink } from "./guarded-sink.js";
import { guardedSource } from "./guarded-source.js";
import type { PluginModules } from "./plugins.js";
import { Plugins } from "./plugins.js";
import type { Pulse } from "./pulse.js";
import type { Roster } from "./roster.js";

export interface NamedSink {
	readonly entry: SinkEntry;
	readonly sink: Sink;
}

export interface Workshop {
	readonly plugins: PluginModules;
	readonly roster: Roster;
	readonly board: RateLimitedBoard;
	readonly pulse: Pulse;
}

/** A descriptor, or why there is none. */
export type Found<P> = P | PolytapError;

export async function findSink(plugins: PluginModules, { name, type }: SinkEntry): Promise<Found<SinkPlugin>> {
	try {
		return (await new Plugins(plugins).sink(type)) ?? unknownType("sink", type);
	} catch (error) {
		return failed("SINK_FAILED", name, error);
	}
}

export async function findSource(plugins: PluginModules, { name, type }: SourceEntry): Promise<Found<SourcePlugin>> {
	try {
		return (await new Plugins(plugins).source(type)) ?? unknownType("source", type);
	} catch (error) {
		return failed("SOURCE_FAILED", name, error);
	}
}

export function makeSink(plugin: Found<SinkPlugin>, entry: SinkEntry, shop: Workshop): NamedSink {
	if (plugin instanceof PolytapError) return { entry, sink: failingSink(plugin) };
	const context = { name: entry.name, diagnostics: shop.board.for(entry.name) };
	const owner = shop.roster.numberOf("sink", entry.name);
	try {
		return { entry, sink: guardedSink(() => plugin.create(entry.options, context), owner, shop.pulse) };
	} catch (error) {
		return { entry, sink: failingSink(failed("SINK_FAILED", entry.name, error)) };
	}
}

export function makeSource(
	plugin: Found<SourcePlugin>,
	entry: SourceEntry,
	host: unknown,
	shop: Workshop,
): CaptureSource {
	if (plugin instanceof PolytapError) return failingSource(plugin);
	const context = { name: entry.name, diagnostics: shop.board.for(entry.name), host };
	const owner = shop.roster.numberOf("source", entry.name);
	const isForeign = shop.plugins.sources.some((one) => one.name === entry.type && one.foreign === true);
	try {
		return guardedSource(() => plugin.create(entry.options, context), owner, shop.pulse, isForeign);
	} catch (error) {
		return failingSource(failed("SOURCE_FAILED", entry.name, error));
	}
}

function failingSink(error: PolytapError): Sink {
	const fail = () => Promise.reject(error);
	return { maxInFlight: 1, open: fail, write: fail, close: async () => {} };
}

function failingSource(error: PolytapError): CaptureSource {
	return {
		open: () => Promise.reject(error),
		batches: () => {
			throw error;
		},
		close: async () => {},
	};
}

function failed(code: "SINK_FAILED" | "SOURCE_FAILED", name: string, error: unknown): PolytapError {
	if (error instanceof PolytapError) return error;
	return new PolytapError(code, `${name}: ${error instanceof Error ? error.message : String(error)}`, null, error);
}

function unknownType(kind: string, type: string): PolytapError {
	return new PolytapError("INTERNAL", `there is no ${kind} of type "${type}"`);
}
