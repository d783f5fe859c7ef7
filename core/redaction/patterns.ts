/**
 * Regular expressions of rules. They run in RE2's way, in time linear in the text: neither a user's pattern nor hostile
 * traffic can make them hang.
 */
import { createRequire } from "node:module";
import type { RE2JS } from "re2js";
import { addRange, type Range } from "./ranges.js";

/** What is longer than this is not searched but removed. */
export const MAX_SEARCHED_CHARS = 1 << 20;
/**
 * Finding *all* matches of a pattern is not linear (each search may read on to the end before it settles for a short
 * match), so this many characters may be read again after matches, for one exchange; then what is searched is removed.
 */
const MAX_READ_AGAIN_CHARS = 1 << 25;

let library: typeof RE2JS | null = null;

/** Most configs have no pattern, and then no thread needs the quarter of a megabyte of source. */
function compile(pattern: string): RE2JS {
	if (library === null) {
		const loaded: { readonly RE2JS: typeof RE2JS } = createRequire(import.meta.url)("re2js");
		library = loaded.RE2JS;
	}
	return library.compile(pattern);
}

interface Pattern {
	readonly regex: RE2JS;
	/** No repetition without end in it: a search never reads far beyond its match. */
	readonly isBounded: boolean;
}

/** What is wrong with a pattern, or null. */
export function patternProblem(text: string): string | null {
	try {
		if (compile(text).test("")) return "this pattern matches the empty text, so it would match everywhere";
		return null;
	} catch (error) {
		return `not a regular expression in RE2 syntax: ${error instanceof Error ? error.message : String(error)}`;
	}
}

export class Patterns {
	readonly count: number;
	readonly #all: readonly Pattern[];
	#left = MAX_READ_AGAIN_CHARS;

	constructor(sources: readonly string[]) {
		this.count = sources.length;
		this.#all = sources.map((source) => ({ regex: compile(source), isBounded: !/[*+]|,\}/.test(source) }));
	}

	/** Called once for each exchange. */
	refill(): void {
		this.#left = MAX_READ_AGAIN_CHARS;
	}

	/** True where some pattern is found, and where the text is too long to tell. */
	test(text: string): boolean {
		if (this.count === 0) return false;
		if (text.length > MAX_SEARCHED_CHARS) return true;
		for (const { regex } of this.#all) if (regex.test(text)) return true;
		return false;
	}

	/** Adds where the patterns are found. False: too much to search. */
	find(text: string, into: Range[]): boolean {
		if (this.count === 0) return true;
		if (text.length > MAX_SEARCHED_CHARS) return false;
		for (const { regex, isBounded } of this.#all) {
			// the test has a quick way that positions have not
			if (!regex.test(text)) continue;
			const matcher = regex.matcher(text);
			while (matcher.find()) {
				const to = matcher.end();
				addRange(into, matcher.start(), to, null);
				this.#left -= isBounded ? 0 : text.length - to;
				if (this.#left < 0) return false;
			}
		}
		return true;
	}
}
