/**
 * Finds values in JSON text by their position, so that all else stays as it was, to the last digit of a number that no
 * parser could hold, and so that a key that is there twice is found twice.
 */
import type { JsonPaths, Standing } from "./json-path.js";
import type { Patterns } from "./patterns.js";
import { addRange, type Range, REDACTED_JSON, replaceRanges } from "./ranges.js";

const MAX_DEPTH = 256;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** Thrown inside, caught in `findInJson`. */
class NotJson extends Error {}

/**
 * Adds where the paths end, where a string with escapes holds a pattern in its true text, and, where `into` shows that
 * patterns were found in the text as it stands, the whole of each number with one in it. `text` may be one document, or several with white space between them (JSON lines). False: it is not JSON, or
 * nested too deeply.
 */
export function findInJson(text: string, paths: JsonPaths, patterns: Patterns, into: Range[]): boolean {
	try {
		new Reader(text, paths, patterns, into).documents();
		return true;
	} catch (error) {
		if (error instanceof NotJson) return false;
		throw error;
	}
}

class Reader {
	readonly #text: string;
	readonly #paths: JsonPaths;
	readonly #patterns: Patterns;
	readonly #into: Range[];
	readonly #searchNumbers: boolean;
	#at = 0;

	constructor(text: string, paths: JsonPaths, patterns: Patterns, into: Range[]) {
		this.#text = text;
		this.#paths = paths;
		this.#patterns = patterns;
		this.#into = into;
		this.#searchNumbers = patterns.count > 0 && into.length > 0;
	}

	documents(): void {
		if (this.#text.charCodeAt(0) === 0xfeff) this.#at = 1;
		do {
			this.#space();
			this.#value(this.#paths.root, 0);
			this.#space();
		} while (this.#at < this.#text.length);
	}

	#value(standing: Standing, depth: number): void {
		if (depth > MAX_DEPTH) throw new NotJson();
		const from = this.#at;
		const isSecret = standing.length > 0 && this.#paths.isEnd(standing);
		switch (this.#text[from]) {
			case "{":
				this.#object(standing, depth);
				break;
			case "[":
				this.#array(standing, depth);
				break;
			case '"':
				this.#string(!isSecret);
				break;
			case "t":
				this.#word("true");
				break;
			case "f":
				this.#word("false");
				break;
			case "n":
				this.#word("null");
				break;
			default:
				this.#number();
		}
		if (isSecret) addRange(this.#into, from, this.#at, REDACTED_JSON);
	}

	#object(standing: Standing, depth: number): void {
		this.#at++;
		this.#space();
		if (this.#take("}")) return;
		do {
			this.#space();
			const key = this.#string(true);
			this.#space();
			if (!this.#take(":")) throw new NotJson();
			this.#space();
			this.#value(standing.length === 0 ? standing : this.#paths.below(standing, key), depth + 1);
			this.#space();
		} while (this.#take(","));
		if (!this.#take("}")) throw new NotJson();
	}

	#array(standing: Standing, depth: number): void {
		this.#at++;
		this.#space();
		if (this.#take("]")) return;
		let index = 0;
		do {
			this.#space();
			this.#value(standing.length === 0 ? standing : this.#paths.below(standing, index), depth + 1);
			index++;
			this.#space();
		} while (this.#take(","));
		if (!this.#take("]")) throw new NotJson();
	}

	/** Its true text. Where it has escapes, patterns are looked for in that. */
	#string(search: boolean): string {
		const text = this.#text;
		const from = this.#at;
		if (text[from] !== '"') throw new NotJson();
		let hasEscapes = false;
		let at = from + 1;
		for (; ; at++) {
			const code = text.charCodeAt(at);
			if (code === 0x22) break;
			if (code === 0x5c) {
				hasEscapes = true;
				at++;
			} else if (Number.isNaN(code) || code < 0x20) throw new NotJson();
		}
		this.#at = at + 1;
		if (!hasEscapes) return text.slice(from + 1, at);
		const value = unescaped(text.slice(from, at + 1));
		if (search && this.#patterns.count > 0) {
			const ranges: Range[] = [];
			const isSearched = this.#patterns.find(value, ranges);
			if (!isSearched) addRange(this.#into, from, this.#at, REDACTED_JSON);
			else if (ranges.length > 0) addRange(this.#into, from, this.#at, JSON.stringify(replaceRanges(value, ranges)));
		}
		return value;
	}

	#number(): void {
		NUMBER.lastIndex = this.#at;
		const found = NUMBER.exec(this.#text);
		if (found === null) throw new NotJson();
		const from = this.#at;
		this.#at = NUMBER.lastIndex;
		if (this.#searchNumbers && this.#patterns.test(found[0])) addRange(this.#into, from, this.#at, REDACTED_JSON);
	}

	#word(word: string): void {
		if (!this.#text.startsWith(word, this.#at)) throw new NotJson();
		this.#at += word.length;
	}

	#take(char: string): boolean {
		if (this.#text[this.#at] !== char) return false;
		this.#at++;
		return true;
	}

	#space(): void {
		for (; ; this.#at++) {
			const code = this.#text.charCodeAt(this.#at);
			if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
		}
	}
}

function unescaped(token: string): string {
	try {
		return String(JSON.parse(token));
	} catch {
		throw new NotJson();
	}
}
