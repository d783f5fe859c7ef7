/**
 * Every plugin that comes with polytap. Each is loaded when it is wanted, so that reading a packet capture never loads
 * native code. A test fails where a plugin folder is missing here.
 */
import type { ParserPlugin, SinkPlugin, SourcePlugin } from "../plugin.js";

export interface Builtin<P> {
	/** The `type` of a source or sink, the `protocol` of a parser. */
	readonly name: string;
	load(): Promise<{ readonly default: P }>;
}

export const SOURCES: readonly Builtin<SourcePlugin>[] = [];

/** In the order in which they are asked whether a connection is theirs. */
export const PARSERS: readonly Builtin<ParserPlugin>[] = [];

export const SINKS: readonly Builtin<SinkPlugin>[] = [
	{ name: "console", load: () => import("../../sinks/console/index.js") },
	{ name: "jsonl", load: () => import("../../sinks/jsonl/index.js") },
];
