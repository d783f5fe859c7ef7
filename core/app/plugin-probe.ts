/** A thread of its own in which a module is imported for the first time: whatever it does there ends with the thread. */
import { parentPort, workerData } from "node:worker_threads";
import { PLUGIN_API } from "../plugin.js";

/** What the thread says of the module's default export. */
export type Probed =
	| { readonly kind: "failed"; readonly reason: string }
	| { readonly kind: "plugins"; readonly plugins: readonly ProbedPlugin[] };

export interface ProbedPlugin {
	readonly kind: string;
	/** The `type` of a source or sink, the `protocol` of a parser. */
	readonly name: string;
	readonly api: unknown;
	/** What is wrong with its descriptor; null: nothing. */
	readonly problem: string | null;
}

const FUNCTIONS: Readonly<Record<string, readonly string[]>> = {
	source: ["create"],
	parser: ["detect", "create"],
	sink: ["create"],
};

async function probe(url: string): Promise<Probed> {
	let found: unknown;
	try {
		({ default: found } = (await import(url)) as { default?: unknown });
	} catch (error) {
		return { kind: "failed", reason: error instanceof Error ? error.message : String(error) };
	}
	if (found === undefined) return { kind: "failed", reason: "it has no default export" };
	const all: readonly unknown[] = Array.isArray(found) ? found : [found];
	return { kind: "plugins", plugins: all.map(probed) };
}

function probed(found: unknown): ProbedPlugin {
	const fields = (typeof found === "object" && found !== null ? found : {}) as Record<string, unknown>;
	const kind = String(fields.kind);
	const name = fields[kind === "parser" ? "protocol" : "type"];
	const plugin = { kind, name: String(name), api: fields.api };
	return { ...plugin, problem: plugin.api === PLUGIN_API ? problemOf(fields, kind, name) : null };
}

function problemOf(fields: Record<string, unknown>, kind: string, name: unknown): string | null {
	const functions = FUNCTIONS[kind];
	if (functions === undefined) return `"kind" is ${kind}, not source, parser or sink`;
	if (typeof name !== "string" || name === "") return `"${kind === "parser" ? "protocol" : "type"}" is no name`;
	if (typeof fields.summary !== "string") return '"summary" is no text';
	for (const key of functions) if (typeof fields[key] !== "function") return `"${key}" is no function`;
	const config = fields.config as { safeParse?: unknown; _zod?: unknown } | undefined;
	const hasConfig = kind !== "parser" || config !== undefined;
	if (hasConfig && (typeof config?.safeParse !== "function" || config._zod === undefined))
		return '"config" is no zod schema: use `z` from polytap';
	return null;
}

const port = parentPort;
if (port !== null) port.postMessage(await probe(String(workerData)));
