/**
 * Text of traffic made safe to show. Whoever sends traffic must not be able to move the cursor, change colours or the
 * title, or turn the reading direction: such characters are shown by their code.
 */

// C0 and C1 controls, DEL, line and paragraph separators, bidirectional overrides and isolates, lone surrogates.
const UNSAFE =
	/[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu;

/** Safe within one line. */
export function plainLine(text: string): string {
	return text.replace(UNSAFE, escaped);
}

/** Safe, with newlines and tabs as they are. */
export function plainBlock(text: string): string {
	return text.replace(UNSAFE, (character) =>
		character === "\n" || character === "\t" ? character : escaped(character),
	);
}

export function shortened(text: string, most: number): string {
	return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

function escaped(character: string): string {
	const code = character.codePointAt(0) ?? 0;
	if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
	return `\\u{${code.toString(16)}}`;
}
