/** All rules of a config, made ready. */
import { JsonPaths, parseJsonPath } from "./json-path.js";
import { Names } from "./names.js";
import { Patterns } from "./patterns.js";
import { DEFAULT_HEADERS, type RedactRule } from "./schema.js";

export interface Rules {
	readonly headers: Names;
	readonly query: Names;
	readonly attributes: Names;
	readonly json: JsonPaths;
	readonly patterns: Patterns;
	/** `user:password@` in URLs. */
	readonly userinfo: boolean;
}

/** True where a rule switches the built-in ones off. */
export function withoutDefaults(rules: readonly RedactRule[]): boolean {
	return rules.some((rule) => rule.defaults === false);
}

/** Null where nothing is to be redacted. Throws where a rule is not what the schema lets through. */
export function compileRules(rules: readonly RedactRule[]): Rules | null {
	const hasDefaults = !withoutDefaults(rules);
	const compiled: Rules = {
		headers: new Names([...(hasDefaults ? DEFAULT_HEADERS : []), ...rules.flatMap((rule) => rule.headers ?? [])]),
		query: new Names(rules.flatMap((rule) => rule.query ?? [])),
		attributes: new Names(rules.flatMap((rule) => rule.attributes ?? [])),
		json: new JsonPaths(rules.flatMap((rule) => rule.json ?? []).map(parseJsonPath)),
		patterns: new Patterns(rules.flatMap((rule) => rule.match ?? [])),
		userinfo: hasDefaults,
	};
	const { headers, query, attributes, json, patterns } = compiled;
	return headers.count + query.count + attributes.count + json.count + patterns.count === 0 ? null : compiled;
}
