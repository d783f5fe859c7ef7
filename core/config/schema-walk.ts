/** Looks into a zod schema: which keys or values would have been right at a path. */
import type { z } from "zod";
import type { Path } from "./problem.js";

type Schema = z.core.$ZodType;

/** Keys that the object schemas at `path` know. */
export function knownKeys(schema: z.ZodType, path: Path): string[] {
	return [...new Set(schemasAt(schema, path).flatMap((found) => Object.keys(shapeOf(found) ?? {})))];
}

/** Words that the enums and literals at `path` accept. */
export function knownValues(schema: z.ZodType, path: Path): string[] {
	return schemasAt(schema, path).flatMap((found) => {
		const { def } = (found as z.core.$ZodTypes)._zod;
		if (def.type === "enum") return Object.values(def.entries).map(String);
		return def.type === "literal" ? def.values.map(String) : [];
	});
}

function schemasAt(schema: Schema, path: Path): Schema[] {
	let level = unwrap(schema);
	for (const step of path) level = level.flatMap((found) => childrenOf(found, step)).flatMap(unwrap);
	return level;
}

function shapeOf(schema: Schema): Readonly<Record<string, Schema>> | null {
	const { def } = (schema as z.core.$ZodTypes)._zod;
	return def.type === "object" ? def.shape : null;
}

function childrenOf(schema: Schema, step: string | number): Schema[] {
	const { def } = (schema as z.core.$ZodTypes)._zod;
	if (def.type === "object") {
		const child = def.shape[step];
		return child === undefined ? [] : [child];
	}
	if (def.type === "array") return [def.element];
	return def.type === "record" ? [def.valueType] : [];
}

/** The schemas behind defaults, options, unions and pipes. */
function unwrap(schema: Schema): Schema[] {
	const { def } = (schema as z.core.$ZodTypes)._zod;
	switch (def.type) {
		case "optional":
		case "nullable":
		case "default":
		case "prefault":
		case "readonly":
		case "catch":
		case "nonoptional":
			return unwrap(def.innerType);
		case "union":
			return def.options.flatMap(unwrap);
		case "intersection":
			return [...unwrap(def.left), ...unwrap(def.right)];
		case "pipe":
			return unwrap(def.in);
		case "lazy":
			return unwrap(def.getter());
		default:
			return [schema];
	}
}
