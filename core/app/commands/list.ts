/** `polytap list`: the plugins and their options. */
import { z } from "zod";
import { queueSchema } from "../../config/schema.js";
import { PARSERS, SINKS, SOURCES } from "../builtins.js";

export async function list(): Promise<string> {
	const lines: string[] = ["sources (each with `type`)"];
	for (const builtin of SOURCES) {
		const { type, summary, config } = (await builtin.load()).default;
		lines.push(`  ${type}: ${summary}`, ...optionsOf(config));
	}
	lines.push("", "parsers");
	for (const builtin of PARSERS) {
		const { protocol, summary } = (await builtin.load()).default;
		lines.push(`  ${protocol}: ${summary}`);
	}
	lines.push("", "sinks (each with `type` and `queue`)");
	for (const builtin of SINKS) {
		const { type, summary, config } = (await builtin.load()).default;
		lines.push(`  ${type}: ${summary}`, ...optionsOf(config));
	}
	lines.push("", "queue of a sink", ...optionsOf(queueSchema));
	return `${lines.join("\n")}\n`;
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
