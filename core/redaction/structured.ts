/** Secrets in values that are structured already: rows, documents, replies. */
import type { JsonPaths, Standing } from "./json-path.js";
import type { Patterns } from "./patterns.js";
import { type Range, REDACTED, replaceRanges } from "./ranges.js";

const MAX_DEPTH = 256;

/** The value, or another one without the secrets. `$` of a path is this value. */
export function redactValue(value: unknown, paths: JsonPaths, patterns: Patterns): unknown {
	return walk(value, paths.root, 0);

	function walk(one: unknown, standing: Standing, depth: number): unknown {
		if (depth > MAX_DEPTH || (standing.length > 0 && paths.isEnd(standing))) return REDACTED;
		if (typeof one === "string") return text(one);
		if (typeof one === "number") return patterns.test(String(one)) ? REDACTED : one;
		if (typeof one !== "object" || one === null) return one;
		if (Array.isArray(one)) {
			const items = one.map((item: unknown, index) => walk(item, paths.below(standing, index), depth + 1));
			return items.some((item, index) => item !== one[index]) ? items : one;
		}
		let isChanged = false;
		const members = Object.entries(one).map(([key, member]) => {
			const shown: [string, unknown] = [text(key), walk(member, paths.below(standing, key), depth + 1)];
			isChanged ||= shown[0] !== key || shown[1] !== member;
			return shown;
		});
		return isChanged ? Object.fromEntries(members) : one;
	}

	function text(one: string): string {
		if (patterns.count === 0) return one;
		const ranges: Range[] = [];
		return patterns.find(one, ranges) ? replaceRanges(one, ranges) : REDACTED;
	}
}
