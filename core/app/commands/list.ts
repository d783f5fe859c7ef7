/** `polytap list`: the plugins and their options. */
import { z } from "zod";
import { sinkCommonSchema } from "../../config/schema.js";
import { didYouMean } from "../../config/suggest.js";
import { PolytapError } from "../../errors.js";
import { BUILTINS } from "../builtins.js";
import { readConfig } from "../config-file.js";
import { Plugins } from "../plugins.js";

interface Listed {
	readonly kind: "source" | "parser" | "sink";
	readonly name: string;
	readonly summary: string;
	/** Null: it has no options. */
	readonly options: z.ZodType | null;
}

/** `name`: only that plugin; rejects where there is none. `config`: with the plugins of that file. */
export async function list(name: string | null, asJson: boolean, config: string | null = null): Promise<string> {
	const all = await everything(await pluginsOf(config));
	const chosen = name === null ? all : all.filter((one) => one.name === name);
	if (chosen.length === 0) {
		const names = all.map((one) => one.name);
		const guess = didYouMean(name ?? "", names) || `; there are: ${names.join(", ")}`;
		throw new PolytapError("USAGE", `there is no plugin "${name}"${guess}`);
	}
	if (asJson) {
		const rows = chosen.map(({ options, ...one }) => ({
			...one,
			options: options === null ? null : jsonSchema(options),
		}));
		return `${JSON.stringify(rows, null, "\t")}\n`;
	}
	const lines: string[] = [];
	for (const [kind, title] of TITLES) {
		const ofKind = chosen.filter((one) => one.kind === kind);
		if (ofKind.length === 0) continue;
		if (lines.length > 0) lines.push("");
		lines.push(title);
		for (const one of ofKind) lines.push(`  ${one.name}: ${one.summary}`, ...optionsOf(one.options, "    "));
		if (kind === "sink") lines.push("  every sink", ...optionsOf(sinkCommonSchema, "    "));
	}
	return `${lines.join("\n")}\n`;
}

async function pluginsOf(config: string | null): Promise<Plugins> {
	if (config === null) return new Plugins(BUILTINS);
	const { catalog } = await readConfig(config);
	return catalog instanceof Plugins ? catalog : new Plugins(BUILTINS);
}

const TITLES = [
	["source", "sources (each with `type`)"],
	["parser", "parsers (options in `protocols`)"],
	["sink", "sinks (each with `type`)"],
] as const;

async function everything(plugins: Plugins): Promise<Listed[]> {
	const out: Listed[] = [];
	for (const type of plugins.sourceTypes()) {
		const plugin = await plugins.source(type);
		if (plugin !== null) out.push({ kind: "source", name: type, summary: plugin.summary, options: plugin.config });
	}
	for (const { protocol, summary, config } of await plugins.parsers())
		out.push({ kind: "parser", name: protocol, summary, options: config ?? null });
	for (const type of plugins.sinkTypes()) {
		const plugin = await plugins.sink(type);
		if (plugin !== null) out.push({ kind: "sink", name: type, summary: plugin.summary, options: plugin.config });
	}
	return out;
}

interface JsonProperty {
	readonly description?: string;
	readonly default?: unknown;
	readonly properties?: Readonly<Record<string, JsonProperty>>;
	readonly required?: readonly string[];
	/** Of a list. */
	readonly items?: JsonProperty;
	readonly anyOf?: readonly JsonProperty[];
}

function jsonSchema(schema: z.ZodType): JsonProperty {
	return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonProperty;
}

function optionsOf(schema: z.ZodType | null, indent: string): string[] {
	return schema === null ? [] : rowsOf(jsonSchema(schema), indent);
}

/** A field of a list's entries stands under it with a dash, as in a config file. */
function rowsOf({ properties = {}, required = [] }: JsonProperty, indent: string): string[] {
	return Object.entries(properties).flatMap(([name, property]) => {
		const state = required.includes(name) ? " (required)" : defaultOf(property.default);
		const inner = [property, ...(property.anyOf ?? [])];
		return [
			`${indent}${name}${state}: ${property.description ?? ""}`,
			...inner.flatMap((one) => rowsOf(one, `${indent}  `)),
			...inner.flatMap((one) => (one.items === undefined ? [] : rowsOf(one.items, `${indent}  - `))),
		];
	});
}

function defaultOf(value: unknown): string {
	return value === undefined || value === null || typeof value === "object" ? "" : ` (${JSON.stringify(value)})`;
}
