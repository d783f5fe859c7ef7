import { type Diagnostics, z } from "../../core/index.js";
import { ContractBreach, messageOf } from "./breach.js";
import type { Clause } from "./contract.js";

/** Nobody reads along in a test. */
export const SILENT: Diagnostics = { warn: () => {}, info: () => {} };

/** Throws the breach of one plugin. */
export type Fail = (clause: Clause, what: string, cause?: unknown) => never;

export function failer(plugin: string, where: string): Fail {
	return (clause, what, cause) => {
		throw new ContractBreach(plugin, clause, what, where, cause);
	};
}

interface JsonSchema {
	readonly properties?: Readonly<Record<string, JsonSchema>>;
	readonly description?: string;
	readonly additionalProperties?: unknown;
}

/** The options as they take effect; a breach where they are refused. */
export function configured<C>(schema: z.ZodType<C>, config: unknown, fail: Fail): C {
	const parsed = schema.safeParse(config);
	return parsed.success ? parsed.data : fail("options", `the config of the kit is refused: ${messageOf(parsed.error)}`);
}

/** A strict schema with a description on every field, in snake_case. */
export function checkSchema(schema: z.ZodType, config: unknown, fail: Fail): void {
	const given = typeof config === "object" && config !== null ? config : {};
	if (schema.safeParse({ ...given, no_such_option: 1 }).success) fail("options", "an unknown option is accepted");
	checkFields(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema, "", fail);
}

function checkFields({ properties = {} }: JsonSchema, path: string, fail: Fail): void {
	for (const [name, field] of Object.entries(properties)) {
		if (field.description === undefined || field.description === "")
			fail("options", `the option "${path}${name}" has no description`);
		if (!/^[a-z][a-z0-9_]*$/.test(name)) fail("options", `the option "${path}${name}" is not in snake_case`);
		checkFields(field, `${path}${name}.`, fail);
	}
}

export function checkCounters(counters: Readonly<Record<string, number>> | undefined, fail: Fail): void {
	for (const [name, value] of Object.entries(counters ?? {})) {
		if (!/^[a-z][a-z0-9_]*(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})?$/.test(name))
			fail("counters", `the counter "${name}" is not in snake_case`);
		if (typeof value !== "number" || !Number.isFinite(value) || value < 0)
			fail("counters", `the counter "${name}" is ${value}`);
	}
}
