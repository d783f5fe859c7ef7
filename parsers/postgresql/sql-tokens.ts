export type TokenKind = "word" | "quoted" | "symbol" | "literal" | "end";

/** PostgreSQL's lexical rules (section 4.1 of its manual), as far as they tell words from what only looks like them. */
export class SqlTokens {
	kind: TokenKind = "end";
	/** Upper case for a word, without quotes for a quoted identifier, the character for a symbol; empty for a literal. */
	text = "";
	/** How many parentheses are open before this token. */
	depth = 0;
	/** Where it begins in the text. */
	start = 0;
	readonly #sql: string;
	#at = 0;
	#open = 0;

	constructor(sql: string) {
		this.#sql = sql;
	}

	/** Where the token ends in the text. */
	get end(): number {
		return this.#at;
	}

	next(): TokenKind {
		this.#skipSpace();
		const sql = this.#sql;
		const start = this.#at;
		this.start = start;
		this.depth = this.#open;
		this.text = "";
		if (start >= sql.length) return this.#is("end", start);
		const code = sql.charCodeAt(start);
		if (isWordStart(code)) {
			const end = this.#wordEnd(start);
			if (sql.charCodeAt(end) === QUOTE && end - start === 1 && /[eEbBxXnN]/.test(sql[start]!))
				return this.#is("literal", this.#stringEnd(end, sql[start] === "e" || sql[start] === "E"));
			this.text = sql.slice(start, end).toUpperCase();
			return this.#is("word", end);
		}
		if (code === QUOTE) return this.#is("literal", this.#stringEnd(start, false));
		if (code === DOUBLE_QUOTE) return this.#identifier(start);
		if (code === DOLLAR) return this.#is("literal", this.#dollarEnd(start));
		if (code >= DIGIT_0 && code <= DIGIT_9) {
			let end = start + 1;
			while (end < sql.length && (isWordPart(sql.charCodeAt(end)) || sql[end] === ".")) end++;
			return this.#is("literal", end);
		}
		if (code === OPEN) this.#open++;
		else if (code === CLOSE && this.#open > 0) this.#open--;
		this.text = sql[start]!;
		return this.#is("symbol", start + 1);
	}

	#is(kind: TokenKind, end: number): TokenKind {
		this.kind = kind;
		this.#at = end;
		return kind;
	}

	#wordEnd(start: number): number {
		let end = start + 1;
		while (end < this.#sql.length && isWordPart(this.#sql.charCodeAt(end))) end++;
		return end;
	}

	#skipSpace(): void {
		const sql = this.#sql;
		for (; this.#at < sql.length; this.#at++) {
			const code = sql.charCodeAt(this.#at);
			if (code <= 32) continue;
			if (code === DASH && sql.charCodeAt(this.#at + 1) === DASH) {
				const end = sql.indexOf("\n", this.#at);
				this.#at = end < 0 ? sql.length : end;
			} else if (code === SLASH && sql.charCodeAt(this.#at + 1) === STAR) this.#at = this.#commentEnd(this.#at) - 1;
			else return;
		}
	}

	/** Comments nest. */
	#commentEnd(start: number): number {
		const sql = this.#sql;
		let depth = 0;
		for (let at = start; at < sql.length; at++) {
			const code = sql.charCodeAt(at);
			const next = sql.charCodeAt(at + 1);
			if (code === SLASH && next === STAR) {
				depth++;
				at++;
			} else if (code === STAR && next === SLASH) {
				at++;
				if (--depth === 0) return at + 1;
			}
		}
		return sql.length;
	}

	#stringEnd(quote: number, hasEscapes: boolean): number {
		const sql = this.#sql;
		for (let at = quote + 1; at < sql.length; at++) {
			const code = sql.charCodeAt(at);
			if (code === BACKSLASH && hasEscapes) at++;
			else if (code === QUOTE) {
				if (sql.charCodeAt(at + 1) !== QUOTE) return at + 1;
				at++;
			}
		}
		return sql.length;
	}

	#identifier(start: number): TokenKind {
		let end = start + 1;
		for (; end < this.#sql.length; end++) {
			if (this.#sql.charCodeAt(end) !== DOUBLE_QUOTE) continue;
			if (this.#sql.charCodeAt(end + 1) !== DOUBLE_QUOTE) break;
			end++;
		}
		this.text = this.#sql.slice(start + 1, end).replaceAll('""', '"');
		return this.#is("quoted", end + 1);
	}

	/** `$1`, `$$text$$`, `$tag$text$tag$`. */
	#dollarEnd(start: number): number {
		const sql = this.#sql;
		let end = start + 1;
		while (end < sql.length && isWordPart(sql.charCodeAt(end)) && sql.charCodeAt(end) !== DOLLAR) end++;
		const first = sql.charCodeAt(start + 1);
		if (sql.charCodeAt(end) !== DOLLAR || (first >= DIGIT_0 && first <= DIGIT_9)) return end;
		const tag = sql.slice(start, end + 1);
		const close = sql.indexOf(tag, end + 1);
		return close < 0 ? sql.length : close + tag.length;
	}
}

function isWordStart(code: number): boolean {
	return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95 || code > 127;
}

function isWordPart(code: number): boolean {
	return isWordStart(code) || (code >= DIGIT_0 && code <= DIGIT_9) || code === DOLLAR;
}

const DOUBLE_QUOTE = 34;
const DOLLAR = 36;
const QUOTE = 39;
const OPEN = 40;
const CLOSE = 41;
const STAR = 42;
const DASH = 45;
const SLASH = 47;
const DIGIT_0 = 48;
const DIGIT_9 = 57;
const BACKSLASH = 92;
