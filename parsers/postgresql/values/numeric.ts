import { int16, uint16 } from "./integers.js";

const NEGATIVE = 0x4000;
const SPECIAL: Readonly<Record<number, string>> = { 49152: "NaN", 53248: "Infinity", 61440: "-Infinity" };
const MAX_DIGIT = 9999;

/**
 * `numeric` in binary format: digits of base 10000, the weight of the first, sign, and how many decimal places are shown.
 * The decimal text that the server would write, or null where it is no number.
 */
export function numericText(bytes: Uint8Array, from: number, to: number): string | null {
	if (to - from < 8) return null;
	const count = uint16(bytes, from);
	const weight = int16(bytes, from + 2);
	const sign = uint16(bytes, from + 4);
	const scale = uint16(bytes, from + 6);
	const special = SPECIAL[sign];
	if (special !== undefined) return count === 0 ? special : null;
	if ((sign !== 0 && sign !== NEGATIVE) || to - from !== 8 + 2 * count || scale > 0x3fff) return null;
	for (let i = 0; i < count; i++) if (uint16(bytes, from + 8 + 2 * i) > MAX_DIGIT) return null;
	const digit = (i: number): string =>
		i < 0 || i >= count ? "0000" : String(uint16(bytes, from + 8 + 2 * i)).padStart(4, "0");
	let whole = "";
	for (let i = 0; i <= weight; i++) whole += digit(i);
	whole = whole.replace(/^0+(?=\d)/, "") || "0";
	let fraction = "";
	for (let i = weight + 1; fraction.length < scale; i++) fraction += digit(i);
	const text = scale > 0 ? `${whole}.${fraction.slice(0, scale)}` : whole;
	return sign === NEGATIVE ? `-${text}` : text;
}
