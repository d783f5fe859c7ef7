/** `polytap list`: the plugins and their options. */
import { z } from "zod";
import { queueSchema } from "../../config/schema.js";
import type { SinkPlugin, SourcePlugin } from "../../plugin.js";
import { BUILTINS } from "../builtins.js";
import { Plugins } from "../plugins.js";

export async function list(): Promise<string> {
	const plugins = new Plugins(BUILTINS);
	const lines: string[] = ["sources (each with `type`)"];
	for (const type of plugins.sourceTypes()) lines.push(...described(type, await plugins.source(type)));
	lines.push("", "parsers");
	for (const { protocol, summary } of await plugins.parsers()) lines.push(`  ${protocol}: ${summary}`);
	lines.push("", "sinks (each with `type` and `queue`)");
	for (const type of plugins.sinkTypes()) lines.push(...described(type, await plugins.sink(type)));
	lines.push("", "queue of a sink", ...optionsOf(queueSchema));
	return `${lines.join("\n")}\n`;
}

function described(type: string, plugin: SourcePlugin | SinkPlugin | null): string[] {
	return plugin === null ? [] : [`  ${type}: ${plugin.summary}`, ...optionsOf(plugin.config)];
}

function optionsOf(schema: z.ZodType): string[] {
	const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
	return Object.entries(properties).map(([name, property]) => {
		if (typeof property === "boolean") return `    ${name}`;
		const state = required.includes(name) ? " (required)" : defaultOf(property.default);
		return `    ${name}${state}: ${property.description ?? ""}`;
	});
}

function defaultOf(value: unknown): string {
	return value === undefined || value === null ? "" : ` (${JSON.stringify(value)})`;
}
