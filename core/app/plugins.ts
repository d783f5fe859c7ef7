/** Finds and loads plugins from module specifiers. */
import type { ExtendedCatalog, PluginCatalog } from "../config/resolve.js";
import { payloadsOnly } from "../content.js";
import { PolytapError } from "../errors.js";
import { type ParserPlugin, PLUGIN_API, type SinkPlugin, type SourcePlugin } from "../plugin.js";

import { loadPlugins } from "./plugin-loading.js";

export interface PluginModule {
	/** The `type` of a source or sink, the `protocol` of a parser. */
	readonly name: string;
	/** What `import()` takes: its default export is the descriptor, or a list of them. */
	readonly module: string;
	/** In that list. */
	readonly position?: number;
	/** A module of the config's `plugins`: somebody else wrote it, and what it gives is looked at. */
	readonly foreign?: true;
}

/** Plain data: it crosses into worker threads. */
export interface PluginModules {
	readonly sources: readonly PluginModule[];
	readonly parsers: readonly PluginModule[];
	readonly sinks: readonly PluginModule[];
}

export class Plugins implements PluginCatalog {
	readonly modules: PluginModules;
	/** Some module of the config did not work: a type that is not known may have been its. */
	readonly isIncomplete: boolean;

	constructor(modules: PluginModules, isIncomplete = false) {
		this.modules = modules;
		this.isIncomplete = isIncomplete;
	}

	async extended(specifiers: readonly string[], folder: string): Promise<ExtendedCatalog> {
		const { modules, failures } = await loadPlugins(specifiers, folder, this.modules);
		return { catalog: new Plugins(modules, failures.length > 0), failures };
	}

	sourceTypes(): readonly string[] {
		return this.modules.sources.map((source) => source.name);
	}

	sinkTypes(): readonly string[] {
		return this.modules.sinks.map((sink) => sink.name);
	}

	async source(type: string): Promise<SourcePlugin | null> {
		const found = this.modules.sources.find((one) => one.name === type);
		return found === undefined ? null : ((await load(found, "source")) as SourcePlugin);
	}

	async sink(type: string): Promise<SinkPlugin | null> {
		const found = this.modules.sinks.find((one) => one.name === type);
		return found === undefined ? null : ((await load(found, "sink")) as SinkPlugin);
	}

	async protocols(): Promise<readonly string[]> {
		const loaded = await this.eachParser();
		return loaded.flatMap(({ name, plugin }) =>
			plugin instanceof Error || plugin.detect === payloadsOnly.detect ? [] : [name],
		);
	}

	async protocolsWithOptions(): Promise<readonly string[]> {
		const loaded = await this.eachParser();
		return loaded.flatMap(({ name, plugin }) => (plugin instanceof Error || plugin.config === undefined ? [] : [name]));
	}

	async parser(protocol: string): Promise<ParserPlugin | null> {
		const found = this.modules.parsers.find((one) => one.name === protocol);
		return found === undefined ? null : ((await load(found, "parser")) as ParserPlugin);
	}

	/** All of them, in order. Rejects where one cannot be loaded. */
	parsers(): Promise<ParserPlugin[]> {
		return Promise.all(this.modules.parsers.map(async (one) => (await load(one, "parser")) as ParserPlugin));
	}

	/** All of them, in order; an error in the place of one that cannot be loaded. */
	eachParser(): Promise<
		{ readonly name: string; readonly plugin: ParserPlugin | Error; readonly isForeign: boolean }[]
	> {
		return Promise.all(
			this.modules.parsers.map(async (one) => {
				const { name, foreign } = one;
				const plugin = await load(one, "parser").then(
					(loaded) => loaded as ParserPlugin,
					(error: unknown) => (error instanceof Error ? error : new Error(String(error))),
				);
				return { name, plugin, isForeign: foreign === true };
			}),
		);
	}
}

interface Descriptor {
	readonly api: unknown;
	readonly kind: unknown;
	readonly type?: unknown;
	readonly protocol?: unknown;
}

/** A descriptor of that kind, name and API; `INTERNAL` where the module has another one. */
async function load({ name, module, position }: PluginModule, kind: "source" | "parser" | "sink"): Promise<unknown> {
	const { default: exported }: { default?: unknown } = await import(module);
	const found: unknown = Array.isArray(exported) ? exported[position ?? 0] : exported;
	if (!isDescriptor(found) || found.kind !== kind || (found.type ?? found.protocol) !== name) {
		throw new PolytapError("INTERNAL", `${module} is not the ${kind} "${name}"`);
	}
	if (found.api !== PLUGIN_API) {
		throw new PolytapError("INTERNAL", `the ${kind} "${name}" is made for plugin API ${found.api}, not ${PLUGIN_API}`);
	}
	return found;
}

function isDescriptor(value: unknown): value is Descriptor {
	return typeof value === "object" && value !== null && "api" in value && "kind" in value;
}
