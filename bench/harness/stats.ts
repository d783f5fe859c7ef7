/** Small samples: what the rounds of one benchmark gave. */
export interface Spread {
	readonly median: number;
	readonly min: number;
	readonly max: number;
}

export function spreadOf(values: readonly (number | null)[]): Spread | null {
	const sorted = values.filter((value) => value !== null && Number.isFinite(value)).sort((a, b) => a! - b!) as number[];
	if (sorted.length === 0) return null;
	const middle = sorted.length >> 1;
	const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
	return { median, min: sorted[0]!, max: sorted[sorted.length - 1]! };
}

/** `median (min–max)`. */
export function showSpread(spread: Spread | null, digits = 0): string {
	if (spread === null) return "–";
	const show = (value: number) =>
		value.toLocaleString("en-US", { maximumFractionDigits: digits, minimumFractionDigits: digits });
	return `${show(spread.median)} (${show(spread.min)}–${show(spread.max)})`;
}
