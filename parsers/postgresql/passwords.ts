import { SqlTokens } from "./sql-tokens.js";

const MAY_HAVE_PASSWORD = /password/i;
/** In a connection string: `password=value`, the value quoted or up to a space. */
const IN_CONNECTION = /(password\s*=\s*)(?:\\?'(?:[^'\\]|\\.|'')*'|[^\s']+)/gi;

/**
 * Without the passwords that statements about roles, user mappings and subscriptions hold: the literal behind the word PASSWORD, and
 * what a literal behind CONNECTION says of one. The same string where there are none.
 */
export function withoutPasswords(text: string): string {
	if (!MAY_HAVE_PASSWORD.test(text)) return text;
	const tokens = new SqlTokens(text);
	let said = "";
	let from = 0;
	let before = "";
	while (tokens.next() !== "end") {
		if (tokens.kind === "literal" && (before === "PASSWORD" || before === "CONNECTION")) {
			const literal = text.slice(tokens.start, tokens.end);
			said += text.slice(from, tokens.start);
			said += before === "PASSWORD" ? "'<redacted>'" : literal.replace(IN_CONNECTION, "$1<redacted>");
			from = tokens.end;
		}
		before = tokens.kind === "word" || tokens.kind === "quoted" ? tokens.text.toUpperCase() : "";
	}
	return from === 0 ? text : said + text.slice(from);
}
