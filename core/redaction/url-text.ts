/** Secrets in URLs, found without knowing where in a text the URL begins. */
import type { Names } from "./names.js";
import { addRange, type Range } from "./ranges.js";

const isSeparator = (char: string): boolean => char === "?" || char === "&" || char === ";";
const ENDS = new Set(["&", ";", "#", " ", "\t", "\n", "\r", '"', "'", "<", ">"]);

/**
 * Values of query parameters. `isQuery`: the whole text is a query or a submitted form, so its beginning is the beginning of
 * a name as well.
 */
export function findParameters(text: string, names: Names, isQuery: boolean, into: Range[]): void {
	if (names.count === 0 || !text.includes("=")) return;
	let at = isQuery ? 0 : nextName(text, 0);
	while (at >= 0 && at < text.length) {
		let equals = at;
		while (equals < text.length && text[equals] !== "=" && !ENDS.has(text[equals]!) && text[equals] !== "?") equals++;
		let end = equals;
		if (text[equals] === "=") {
			end = equals + 1;
			// in a query of its own only what separates parameters ends a value
			while (end < text.length && (isQuery ? text[end] !== "&" && text[end] !== ";" : !ENDS.has(text[end]!))) end++;
			if (names.has(decoded(text.slice(at, equals)))) addRange(into, equals + 1, end, null);
		}
		at = text[end] !== undefined && isSeparator(text[end]!) ? end + 1 : nextName(text, end);
	}
}

function nextName(text: string, from: number): number {
	for (let at = from; at < text.length; at++) if (isSeparator(text[at]!)) return at + 1;
	return -1;
}

/** `user:password@` of a URL (RFC 3986, section 3.2.1): everything between the slashes and the last @ of the authority. */
export function findUserinfo(text: string, into: Range[]): void {
	for (let at = text.indexOf("://"); at >= 0; at = text.indexOf("://", at + 3)) {
		const from = at + 3;
		let end = -1;
		for (let i = from; i < text.length; i++) {
			const char = text[i]!;
			if (char === "@") end = i;
			else if (char === "/" || char === "?" || char === "#" || char === " ") break;
		}
		if (end >= 0) addRange(into, from, end, null);
	}
}

/** Percent escapes and plus signs undone; what is not well-formed is taken byte by byte. */
export function decoded(text: string): string {
	if (!text.includes("%") && !text.includes("+")) return text;
	const plain = text.replaceAll("+", " ");
	try {
		return decodeURIComponent(plain);
	} catch {
		return plain.replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
	}
}
