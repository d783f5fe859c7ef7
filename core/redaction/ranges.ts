/** Parts of a text that are to be replaced. */

export const REDACTED = "[redacted]";
export const REDACTED_JSON = `"${REDACTED}"`;

export interface Range {
	readonly from: number;
	readonly to: number;
	/** What stands there afterwards: a whole JSON value. Null: a piece of text, replaced by the marker. */
	readonly json: string | null;
}

export function addRange(into: Range[], from: number, to: number, json: string | null): void {
	if (to > from) into.push({ from, to, json });
}

/** Overlapping ones are joined first: what one rule finds must not hide from another. */
export function replaceRanges(text: string, ranges: Range[]): string {
	if (ranges.length === 0) return text;
	let out = "";
	let at = 0;
	for (const { from, to, json } of joined(ranges)) {
		out += text.slice(at, from) + (json ?? REDACTED);
		at = to;
	}
	return out + text.slice(at);
}

function joined(ranges: Range[]): Range[] {
	ranges.sort((a, b) => a.from - b.from || b.to - a.to);
	const out: Range[] = [];
	for (const range of ranges) {
		const last = out.at(-1);
		if (last === undefined || range.from >= last.to) {
			out.push(range);
			continue;
		}
		const isInside = range.to <= last.to;
		const isSame = isInside && range.from === last.from && range.to === last.to;
		// a JSON value stays one, but what else was found in it may also be in its replacement
		const json = isInside && last.json !== null ? REDACTED_JSON : isSame && range.json !== null ? REDACTED_JSON : null;
		out[out.length - 1] = { from: last.from, to: Math.max(last.to, range.to), json };
	}
	return out;
}
