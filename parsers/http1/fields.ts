import { HeaderBlock } from "../../core/index.js";

export const MAX_FIELDS = 1000;

/** Header or trailer fields as they came, and what was odd about their lines. */
export interface Fields {
	readonly block: HeaderBlock;
	readonly bareLf: boolean;
	/** White space before a colon, or a first line that continues nothing: readers disagree about such fields. */
	readonly ambiguous: boolean;
}

/**
 * Parses the field lines of `text` from `from` up to the first empty line or the end. Lines end with CR LF or LF; folded
 * lines are joined with one space; a line without a colon is kept as a name without a value. Null: more than
 * `MAX_FIELDS`.
 */
export function parseFields(text: string, from: number): Fields | null {
	const list: [string, string][] = [];
	let bareLf = false;
	let ambiguous = false;
	let at = from;
	while (at < text.length) {
		let next = text.indexOf("\n", at) + 1;
		let end = next - 1;
		if (next === 0) {
			next = text.length;
			end = next;
		} else if (end > at && text.charCodeAt(end - 1) === CR) end--;
		else bareLf = true;
		if (end === at) break;
		const first = text.charCodeAt(at);
		if (first === SP || first === HT) {
			const previous = list[list.length - 1];
			const more = trimmed(text, at, end);
			if (previous !== undefined) previous[1] = previous[1] === "" ? more : `${previous[1]} ${more}`;
			else {
				ambiguous = true;
				list.push(split(more));
			}
		} else {
			const colon = text.indexOf(":", at);
			if (colon < 0 || colon >= end) list.push([trimmed(text, at, end), ""]);
			else {
				let nameEnd = colon;
				while (nameEnd > at && isSpace(text.charCodeAt(nameEnd - 1))) nameEnd--;
				if (nameEnd !== colon) ambiguous = true;
				list.push([text.slice(at, nameEnd), trimmed(text, colon + 1, end)]);
			}
		}
		if (list.length > MAX_FIELDS) return null;
		at = next;
	}
	return { block: new HeaderBlock(list), bareLf, ambiguous };
}

function split(line: string): [string, string] {
	const colon = line.indexOf(":");
	return colon < 0 ? [line, ""] : [line.slice(0, colon).trimEnd(), line.slice(colon + 1).trim()];
}

function trimmed(text: string, from: number, to: number): string {
	let start = from;
	let end = to;
	while (start < end && isSpace(text.charCodeAt(start))) start++;
	while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
	return text.slice(start, end);
}

function isSpace(code: number): boolean {
	return code === SP || code === HT;
}

const CR = 13;
const SP = 32;
const HT = 9;
