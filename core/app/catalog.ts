import type { PluginCatalog } from "../config/resolve.js";
import { PolytapError } from "../errors.js";
import type { ParserPlugin, SinkPlugin, SourcePlugin } from "../plugin.js";
import { type Builtin, PARSERS, SINKS, SOURCES } from "./builtins.js";

/** The built-in plugins, as the config asks for them. */
export const builtinCatalog: PluginCatalog = {
	sourceTypes: () => SOURCES.map((source) => source.name),
	sinkTypes: () => SINKS.map((sink) => sink.name),
	source: (type) => find(SOURCES, type),
	sink: (type) => find(SINKS, type),
};

/** For names that a config has already been checked for. */
export async function sourcePlugin(type: string): Promise<SourcePlugin> {
	return (await find(SOURCES, type)) ?? missing("source", type);
}

export async function sinkPlugin(type: string): Promise<SinkPlugin> {
	return (await find(SINKS, type)) ?? missing("sink", type);
}

export async function parserPlugins(): Promise<ParserPlugin[]> {
	return Promise.all(PARSERS.map(async (parser) => (await parser.load()).default));
}

async function find<P>(builtins: readonly Builtin<P>[], name: string): Promise<P | null> {
	const found = builtins.find((builtin) => builtin.name === name);
	return found === undefined ? null : (await found.load()).default;
}

function missing(kind: string, type: string): never {
	throw new PolytapError("INTERNAL", `there is no ${kind} of type "${type}"`);
}
