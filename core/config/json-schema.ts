/** The JSON Schema of a config file, for editors: core's keys and the options of every plugin that the catalog knows. */
import { z } from "zod";
import type { PluginCatalog } from "./resolve.js";
import { configSchema, protocolSchema, sinkCommonSchema } from "./schema.js";

type JsonSchema = Record<string, unknown>;

export async function configJsonSchema(catalog: PluginCatalog): Promise<JsonSchema> {
	const schema = toJsonSchema(configSchema);
	const properties = schema.properties as Record<string, JsonSchema>;
	const sources = await Promise.all(catalog.sourceTypes().map((type) => catalog.source(type)));
	const sinks = await Promise.all(catalog.sinkTypes().map((type) => catalog.sink(type)));
	const common = toJsonSchema(sinkCommonSchema).properties as Record<string, JsonSchema>;
	properties.sources!.additionalProperties = oneOfTypes(sources, {});
	properties.sinks!.additionalProperties = oneOfTypes(sinks, common);
	const parsers = await Promise.all((await catalog.protocolsWithOptions()).map((protocol) => catalog.parser(protocol)));
	const detected = await catalog.protocols();
	const hints = toJsonSchema(protocolSchema).properties as Record<string, JsonSchema>;
	properties.protocols = {
		...properties.protocols,
		additionalProperties: { ...toJsonSchema(protocolSchema), $schema: undefined },
		properties: Object.fromEntries(
			parsers.flatMap((plugin) => {
				if (plugin?.config === undefined) return [];
				const schema = toJsonSchema(plugin.config);
				const all = { ...(detected.includes(plugin.protocol) ? hints : {}), ...(schema.properties as object) };
				return [[plugin.protocol, { ...schema, properties: all, description: plugin.summary, $schema: undefined }]];
			}),
		),
	};
	properties.include = {
		description: "Files that this one stands on, relative to it; `*` in the name. What is set here wins.",
		anyOf: [{ type: "string" }, { type: "array", items: { type: "string" } }],
	};
	return {
		...schema,
		// variables may stand for numbers, and included files may bring what is required
		required: undefined,
		title: "polytap config file",
	};
}

interface Described {
	readonly type: string;
	readonly summary: string;
	readonly config: z.ZodType;
}

function oneOfTypes(plugins: readonly (Described | null)[], common: Record<string, JsonSchema>): JsonSchema {
	const branches = plugins.flatMap((plugin) => {
		if (plugin === null) return [];
		const schema = toJsonSchema(plugin.config);
		const properties = { type: { const: plugin.type }, ...(schema.properties as object), ...common };
		const required = ["type", ...((schema.required as string[] | undefined) ?? [])];
		return [{ ...schema, description: plugin.summary, properties, required, $schema: undefined }];
	});
	return { oneOf: branches };
}

function toJsonSchema(schema: z.ZodType): JsonSchema {
	return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
}
