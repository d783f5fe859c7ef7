const POINTS = [1, 5, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.99] as const;

export interface Latencies {
	readonly p50Us: number;
	readonly p90Us: number;
	readonly p99Us: number;
	readonly p999Us: number;
	/** Percentile and microseconds. */
	readonly curve: readonly (readonly [number, number])[];
}

/** Of single latencies in microseconds; NaN where there are none. */
export function folded(latencies: number[]): Latencies {
	latencies.sort((a, b) => a - b);
	const at = (percentile: number) =>
		latencies[Math.min(latencies.length - 1, Math.floor((latencies.length * percentile) / 100))] ?? Number.NaN;
	return {
		p50Us: at(50),
		p90Us: at(90),
		p99Us: at(99),
		p999Us: at(99.9),
		curve: POINTS.map((point) => [point, at(point)] as const),
	};
}

/** The value of a curve at one of its points. */
export function percentileOf(curve: readonly (readonly [number, number])[], percentile: number): number {
	return curve.find(([point]) => point === percentile)?.[1] ?? Number.NaN;
}
