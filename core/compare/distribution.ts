/** Microseconds, by rank. Null where there is nothing to rank. */
export interface Distribution {
	readonly min: number;
	readonly p10: number;
	readonly p50: number;
	readonly p90: number;
	readonly p99: number;
	readonly max: number;
}

export function distributionOf(values: readonly number[]): Distribution | null {
	if (values.length === 0) return null;
	const sorted = Float64Array.from(values).sort();
	const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
	return { min: at(0), p10: at(0.1), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}
