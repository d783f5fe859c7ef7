/** What can be said of a statement without understanding SQL. */

const SUMMARY_CHARACTERS = 100;
/** A comment or white space, which says nothing about what follows. */
const SKIPPED = /^(?:\s+|\/\*(?![!M])[\s\S]*?\*\/|--[ \t][^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|\()+/;
const WORD = /^(?:\/\*M?!\d*\s*)?([A-Za-z]+)/;

/** `SELECT`; null where it does not begin with a word. */
export function operationOf(text: string): string | null {
	const start = text.length > 4096 ? text.slice(0, 4096) : text;
	const word = WORD.exec(start) ?? WORD.exec(start.replace(SKIPPED, ""));
	return word === null ? null : word[1]!.toUpperCase();
}

/** On one line, and not long. */
export function summaryOf(text: string): string {
	const line = (text.length > 400 ? text.slice(0, 400) : text).replace(/\s+/g, " ").trim();
	return line.length > SUMMARY_CHARACTERS ? `${line.slice(0, SUMMARY_CHARACTERS - 1)}…` : line;
}

/** May the server ask for a file's content? Only a statement that says so lets it. */
export function mayUpload(text: string): boolean {
	return /\bLOCAL\b/i.test(text) && /\bINFILE\b/i.test(text);
}

const USE = /^\s*USE\s+(?:`((?:[^`]|``)+)`|([^\s;`]+))\s*;?\s*$/i;

/** The schema that a `USE` makes the current one. */
export function usedSchema(text: string): string | null {
	const found = USE.exec(text);
	return found === null ? null : (found[1]?.replaceAll("``", "`") ?? found[2] ?? null);
}

const MAY_HAVE_PASSWORD = /IDENTIFIED|PASSWORD/i;
const STRING = String.raw`(?:'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"\\]|\\[\s\S]|"")*")`;
const PASSWORDS = new RegExp(
	String.raw`(\bIDENTIFIED\s+(?:(?:WITH|VIA)\s+\S+\s+)?(?:BY|AS|USING)\s+(?:PASSWORD\s+)?(?:PASSWORD\s*\(\s*)?` +
		String.raw`|\bREPLACE\s+(?=${STRING}\s*(?:RETAIN|,|;|$))` +
		String.raw`|\b(?:\w+_)?PASSWORD\s*(?:=\s*|\(\s*)(?:PASSWORD\s*\(\s*)?` +
		String.raw`|\bSET\s+PASSWORD\s+(?:FOR\s+\S+\s+)?(?:=|TO)\s*(?:PASSWORD\s*\(\s*)?)${STRING}`,
	"gi",
);

/** Without the passwords that statements about accounts and replication hold; the same string where there are none. */
export function withoutPasswords(text: string): string {
	return MAY_HAVE_PASSWORD.test(text) ? text.replace(PASSWORDS, "$1'<redacted>'") : text;
}
