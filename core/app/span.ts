import { PolytapError } from "../errors.js";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
/** The longest that a timer of Node.js can wait. */
const LONGEST_MS = 2 ** 31 - 1;

/** `500ms`, `10s`, `1.5m`, `2h` in milliseconds; a bare number is seconds. Throws `USAGE`. */
export function parseSpan(text: string): number {
	const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
	const ms = Math.round(Number(digits) * (UNITS[unit ?? "s"] ?? Number.NaN));
	if (Number.isNaN(ms) || ms < 1 || ms > LONGEST_MS) {
		throw new PolytapError("USAGE", `"${text}" is not a time`, "write it like 500ms, 10s, 5m or 2h");
	}
	return ms;
}
