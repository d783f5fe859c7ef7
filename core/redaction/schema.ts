/** The `redact:` list of the config. */
import { z } from "zod";
import { jsonPathProblem } from "./json-path.js";
import { patternProblem } from "./patterns.js";

/** Header fields that carry credentials by their definition or by wide custom. Redacted unless `defaults: false` says not to. */
export const DEFAULT_HEADERS = [
	"authorization",
	"proxy-authorization",
	"cookie",
	"cookie2",
	"set-cookie",
	"set-cookie2",
	"x-api-key",
	"api-key",
	"apikey",
	"x-auth-token",
	"x-access-token",
	"x-csrf-token",
	"x-xsrf-token",
	"x-amz-security-token",
	"x-goog-iam-authorization-token",
	"x-vault-token",
	"private-token",
] as const;

const names = z.array(z.string().min(1)).min(1);

function checked(problemOf: (text: string) => string | null) {
	return z.string().superRefine((value, context) => {
		const message = problemOf(value);
		if (message !== null) context.addIssue({ code: "custom", message });
	});
}

const KEYS = ["headers", "query", "attributes", "json", "match", "defaults"] as const;

export const redactRuleSchema = z
	.strictObject({
		headers: names
			.optional()
			.describe("Header and trailer fields of requests and responses, in any case; globs (`x-internal-*`)."),
		query: names.optional().describe("Query parameters and fields of submitted forms, in any case; globs (`*_token`)."),
		attributes: names
			.optional()
			.describe("Attributes and annotations by name; globs (`db.query.text`). The summary loses the same text."),
		json: z
			.array(checked(jsonPathProblem))
			.min(1)
			.optional()
			.describe(
				"Paths in JSON bodies, parts and structured items: `$.user.password`, `$..token`, `$.cards[*].number`.",
			),
		match: z
			.array(checked(patternProblem))
			.min(1)
			.optional()
			.describe("Regular expressions (RE2 syntax) for any text of the record, bodies included."),
		defaults: z
			.boolean()
			.optional()
			.describe(
				"`false` switches the built-in rules off (credentials in headers and in URLs). polytap says so at its start.",
			),
	})
	.refine((rule) => KEYS.some((key) => rule[key] !== undefined), {
		message: `a rule needs one of: ${KEYS.join(", ")}`,
		// one that has an unknown key was meant to have another
		when: ({ issues }) => issues.length === 0,
	});

export const redactSchema = z.array(redactRuleSchema);

export type RedactRule = z.output<typeof redactRuleSchema>;
