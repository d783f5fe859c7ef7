import type { Spread } from "../harness/stats.js";
import { type Cell, FIXED, type SideBySide, spread } from "./report.js";

export interface Plot {
	readonly title: string;
	readonly xLabel: string;
	readonly yLabel: string;
	/** Names of the positions 0, 1, … on the x axis; null: numbers. */
	readonly ticks: readonly string[] | null;
	readonly isLogY: boolean;
	readonly isBars: boolean;
	readonly x: readonly number[];
	/** Null where a series has nothing there. */
	readonly series: readonly PlotSeries[];
}

export interface PlotSeries {
	readonly name: string;
	readonly y: readonly (number | null)[];
	/** Least and most of the rounds, drawn as a line through each point; null: it would only hide the others. */
	readonly range: readonly (readonly [number, number] | null)[] | null;
}

/** Latency distributions of the fixed rates, throughput of the saturated ones, processor time and memory against instances. */
export function plots(report: SideBySide): Plot[] {
	const workloads = [...new Set(report.cells.map((cell) => cell.workload))];
	const all: Plot[] = [];
	for (const workload of workloads) {
		const cells = report.cells.filter((cell) => cell.workload === workload && cell.instances === 1);
		if (cells.length === 0) continue;
		all.push(cells[0]!.isFixedRate ? distribution(workload, cells) : throughput(workload, cells));
	}
	const many = report.cells.filter((cell) => cell.workload === FIXED && !cell.mode.startsWith("none"));
	if (new Set(many.map(({ instances }) => instances)).size > 1) {
		const memory = (cell: Cell) => spread(cell, (s) => s.capturePssBytes / 1e6);
		const cpu = (cell: Cell) => spread(cell, (s) => s.captureCpuUsPerRequest + (s.bpfUsPerRequest ?? 0));
		all.push(byInstances("Memory (PSS) of all that watches", "MB", many, memory));
		all.push(byInstances("Processor time of all that watches", "µs/request", many, cpu));
	}
	return all;
}

function distribution(workload: string, cells: readonly Cell[]): Plot {
	const points = cells[0]!.samples[0]?.curve.map(([point]) => point) ?? [];
	return {
		title: workload,
		xLabel: "percentile",
		yLabel: "µs",
		ticks: points.map(String),
		isLogY: true,
		isBars: false,
		x: points.map((_, index) => index),
		series: cells.map((cell) => ({
			name: cell.mode,
			y: points.map((_, index) => spread(cell, (s) => s.curve[index]?.[1] ?? null)?.median ?? null),
			range: null,
		})),
	};
}

function throughput(workload: string, cells: readonly Cell[]): Plot {
	return {
		title: workload,
		xLabel: "mode",
		yLabel: "requests/s",
		ticks: cells.map(({ mode }) => mode),
		isLogY: false,
		isBars: true,
		x: cells.map((_, index) => index),
		series: [
			seriesOf(
				"requests/s",
				cells.map((cell) => spread(cell, (s) => s.requestsPerSecond)),
			),
		],
	};
}

function byInstances(
	title: string,
	yLabel: string,
	cells: readonly Cell[],
	value: (cell: Cell) => Spread | null,
): Plot {
	const counts = [...new Set(cells.map(({ instances }) => instances))].sort((a, b) => a - b);
	const modes = [...new Set(cells.map(({ mode }) => mode))];
	return {
		title,
		xLabel: "instances",
		yLabel,
		ticks: null,
		isLogY: false,
		isBars: false,
		x: counts,
		series: modes.map((name) =>
			seriesOf(
				name,
				counts.map((count) => {
					const cell = cells.find(({ mode, instances }) => mode === name && instances === count);
					return cell === undefined ? null : value(cell);
				}),
			),
		),
	};
}

const seriesOf = (name: string, values: readonly (Spread | null)[]): PlotSeries => ({
	name,
	y: values.map((value) => value?.median ?? null),
	range: values.map((value) => (value === null ? null : [value.min, value.max])),
});
