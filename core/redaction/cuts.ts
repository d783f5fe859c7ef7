/**
 * Texts that were cut before anybody looked for secrets in them: the beginning of one may stand where they end, and no pattern
 * finds that. Parsers end what they cut with `…`, or stop at a length.
 */
import { REDACTED } from "./ranges.js";

const MARK = "…";
/** Statements are told in an attribute up to about 64 KiB; one that is nearly so long may go on. */
const LONGEST_WHOLE_BYTES = 65_000;
/** The last word before a mark, a quoted one as a whole. */
const CUT_WORD = /(?:"(?:[^"\\]|\\.)*"|[^\s"]\S*)(?=…)/g;

export function isCut(text: string): boolean {
	return (
		text.includes(MARK) || (text.length > LONGEST_WHOLE_BYTES / 4 && Buffer.byteLength(text) > LONGEST_WHOLE_BYTES)
	);
}

/** The words that were cut are hidden: nobody knows how they go on. */
export function withoutCutWords(text: string): string {
	if (text.includes(MARK)) return text.replace(CUT_WORD, REDACTED);
	return isCut(text) ? text.replace(/\S+\s*$/, REDACTED) : text;
}

/**
 * For summaries: what was hidden elsewhere is hidden here by its text, also where it stands on one line, and where only its
 * beginning is there.
 */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
	let out = text;
	for (const secret of secrets) {
		if (secret.length === 0) continue;
		out = out.replaceAll(secret, () => REDACTED);
		const line = secret.replace(/\s+/g, " ").trim();
		if (line !== secret && line.length > 0) out = out.replaceAll(line, () => REDACTED);
		out = withoutBeginning(out, line);
	}
	return out;
}

function withoutBeginning(text: string, secret: string): string {
	const end = text.length - 1;
	if (secret.length === 0 || text[end] !== MARK) return text;
	for (let from = Math.max(0, end - secret.length); from < end; from++)
		if (secret.startsWith(text.slice(from, end))) return `${text.slice(0, from)}${REDACTED}${MARK}`;
	return text;
}
