/** One thing that is wrong in a config, and where. */
import type { z } from "zod";
import { knownKeys, knownValues } from "./schema-walk.js";
import { didYouMean } from "./suggest.js";

export type Path = readonly (string | number)[];

export interface Problem {
	readonly path: Path;
	/** True: the key at the end of `path` is wrong. False: its value is. */
	readonly atKey: boolean;
	readonly message: string;
	/** In another file, which the config names; 1-based. */
	readonly place?: { readonly file: string; readonly line: number; readonly column: number };
}

type Issue = z.core.$ZodIssue;

/** What zod found, in a person's words. `value` is what was validated with `schema`, at `base` in the file. */
export function problemsOf(issues: readonly Issue[], schema: z.ZodType, value: unknown, base: Path): Problem[] {
	return issues.flatMap((issue) => describe(issue, schema, value, base));
}

function describe(issue: Issue, schema: z.ZodType, value: unknown, base: Path): Problem[] {
	const inner = plainPath(issue.path);
	const path = [...base, ...inner];
	const given = valueAt(value, inner);
	switch (issue.code) {
		case "unrecognized_keys":
			return issue.keys.map((key) => ({
				path: [...path, key],
				atKey: true,
				message: `unknown key "${key}"${didYouMean(key, knownKeys(schema, inner))}`,
			}));
		case "invalid_type":
			if (given === undefined && inner.length > 0) {
				return [{ path: path.slice(0, -1), atKey: false, message: `"${inner.at(-1)}" is required` }];
			}
			return [{ path, atKey: false, message: `expected ${nounOf(issue.expected)}, got ${kindOf(given)}` }];
		case "invalid_value": {
			const wanted = issue.values.map((one) => String(one));
			if (given === undefined && inner.length > 0) {
				return [{ path: path.slice(0, -1), atKey: false, message: `"${inner.at(-1)}" is required` }];
			}
			const guess = typeof given === "string" ? didYouMean(given, wanted) : "";
			return [{ path, atKey: false, message: `expected ${oneOf(wanted)}, got ${show(given)}${guess}` }];
		}
		case "invalid_union": {
			// The branch that came nearest says most: fewest problems, and not merely "another type altogether".
			const branches = issue.errors.filter((branch) => branch.some((one) => one.path.length > 0));
			const nearest = (branches.length > 0 ? branches : []).sort((a, b) => a.length - b.length)[0];
			if (nearest !== undefined) {
				return nearest.flatMap((one) =>
					describe({ ...one, path: [...issue.path, ...one.path] } as Issue, schema, value, base),
				);
			}
			const values = knownValues(schema, inner);
			const guess = typeof given === "string" ? didYouMean(given, values) : "";
			const kinds = [...new Set(issue.errors.flat().map((one) => expectation(one)))].filter((one) => one !== "");
			const wanted = kinds.length > 0 ? `expected ${oneOf(kinds)}, ` : "";
			return [{ path, atKey: false, message: `${wanted}got ${show(given)}${guess}` }];
		}
		case "invalid_key":
			return [{ path, atKey: true, message: issue.issues.map((one) => one.message).join("; ") }];
		default:
			return [{ path, atKey: false, message: lowerFirst(issue.message) + got(given) }];
	}
}

function expectation(issue: Issue): string {
	if (issue.code === "invalid_type") return nounOf(issue.expected);
	if (issue.code === "invalid_value") return issue.values.map((one) => String(one)).join(", ");
	return "";
}

function plainPath(path: readonly PropertyKey[]): (string | number)[] {
	return path.map((step) => (typeof step === "symbol" ? String(step) : step));
}

export function valueAt(value: unknown, path: Path): unknown {
	let at = value;
	for (const step of path) {
		if (typeof at !== "object" || at === null) return undefined;
		at = (at as Record<string | number, unknown>)[step];
	}
	return at;
}

/** Only where it can be shown in a few words. */
function got(value: unknown): string {
	return typeof value === "object" ? "" : `, got ${show(value)}`;
}

function kindOf(value: unknown): string {
	if (value === undefined || value === null) return "nothing";
	if (Array.isArray(value)) return "a list";
	if (typeof value === "object") return "a mapping";
	return show(value);
}

function nounOf(expected: string): string {
	switch (expected) {
		case "int":
			return "a whole number";
		case "array":
			return "a list";
		case "object":
		case "record":
			return "a mapping";
		case "boolean":
			return "true or false";
		default:
			return `a ${expected}`;
	}
}

function show(value: unknown): string {
	if (value === undefined || value === null) return "nothing";
	if (typeof value === "string") return `"${value.length > 60 ? `${value.slice(0, 57)}...` : value}"`;
	if (typeof value === "object") return Array.isArray(value) ? "a list" : "a mapping";
	return String(value);
}

function oneOf(words: readonly string[]): string {
	return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

function lowerFirst(text: string): string {
	return text.charAt(0).toLowerCase() + text.slice(1);
}
