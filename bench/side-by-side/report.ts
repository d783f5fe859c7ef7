/** What a run of the benchmark gave, and what follows from it. */
import type { Machine } from "../harness/machine.js";
import { type Spread, spreadOf } from "../harness/stats.js";
import type { Killed, Sample } from "./measure.js";

export interface Cell {
	readonly workload: string;
	readonly isFixedRate: boolean;
	readonly mode: string;
	readonly instances: number;
	/** One for each round, in their order. */
	readonly samples: readonly Sample[];
}

export interface Kill extends Killed {
	readonly mode: string;
}

/** How much of what was planned there is. */
export interface Extent {
	/** When it was begun, and begun again after it had been cut off. */
	readonly begun: readonly string[];
	readonly pieces: number;
	/** Names of pieces. */
	readonly done: readonly string[];
	/** Pieces that failed twice, and why. */
	readonly failed: readonly string[];
}

export interface SideBySide {
	readonly date: string;
	readonly machine: Machine;
	readonly command: string;
	readonly modes: readonly { readonly name: string; readonly what: string; readonly isProxy: boolean }[];
	/** What was made worse on purpose. */
	readonly worsened: { readonly delay: string; readonly drop: string };
	readonly extent: Extent;
	readonly method: readonly string[];
	readonly cells: readonly Cell[];
	readonly kills: readonly Kill[];
}

export interface Claim {
	readonly published: string;
	/** Null: this run has not what it takes. */
	readonly measured: string | null;
}

export const isPartial = ({ extent }: SideBySide): boolean => extent.done.length < extent.pieces;

export function cellOf(report: SideBySide, workload: string, mode: string, instances = 1): Cell | undefined {
	return report.cells.find((c) => c.workload === workload && c.mode === mode && c.instances === instances);
}

export function spread(cell: Cell | undefined, pick: (sample: Sample) => number | null): Spread | null {
	return cell === undefined ? null : spreadOf(cell.samples.map(pick));
}

/** Of each round against the same round of another mode. */
export function against(
	cell: Cell | undefined,
	bare: Cell | undefined,
	pick: (sample: Sample, bare: Sample) => number,
): Spread | null {
	if (cell === undefined || bare === undefined) return null;
	return spreadOf(
		cell.samples.map((sample, i) => (bare.samples[i] === undefined ? null : pick(sample, bare.samples[i]))),
	);
}

export const FIXED = "HTTP/1.1 100 B, fixed rate";

/** What is published about moves from sidecars to eBPF, beside what was measured here. */
export function claims(report: SideBySide, proxy: string): Claim[] {
	const counts = [...new Set(report.cells.filter((c) => c.workload === FIXED).map((c) => c.instances))].sort(
		(a, b) => a - b,
	);
	const most = counts.at(-1) ?? 1;
	const of = (mode: string, instances: number) => cellOf(report, FIXED, mode, instances);
	const less = (pick: (sample: Sample) => number, instances: number) => {
		const saved = against(of("ebpf", instances), of(proxy, instances), (e, p) => 100 * (1 - pick(e) / pick(p)));
		return saved === null ? null : percent(saved, instances);
	};
	const added = (mode: string, pick: (sample: Sample) => number) =>
		against(of(mode, 1), of("none", 1), (s, bare) => (pick(s) - pick(bare)) / 1000)?.median ?? null;
	const latency = (pick: (sample: Sample) => number) => {
		const [e, p] = [added("ebpf", pick), added(proxy, pick)];
		return e === null || p === null ? null : `eBPF ${e.toFixed(2)} ms, ${proxy} ${p.toFixed(2)} ms added`;
	};
	const growth = (pick: (sample: Sample) => number, unit: string) => {
		const slope = (mode: string) => {
			const [from, to] = [spread(of(mode, 1), pick)?.median, spread(of(mode, most), pick)?.median];
			return from === undefined || to === undefined || most === 1 ? null : (to - from) / (most - 1);
		};
		const [e, p] = [slope("ebpf"), slope(proxy)];
		return e === null || p === null
			? null
			: `for each further instance: eBPF ${e.toFixed(2)} ${unit}, ${proxy} ${p.toFixed(2)} ${unit} (1 to ${most})`;
	};
	const cpu = (sample: Sample) => sample.captureCpuUsPerRequest;
	const memory = (sample: Sample) => sample.capturePssBytes / 1e6;
	return [
		{ published: "30–50 % less CPU", measured: less((s) => cpu(s) + (s.bpfUsPerRequest ?? 0), most) },
		{ published: "60–80 % less memory per pod", measured: less(memory, most) },
		{ published: "less than 1 ms added instead of 1–5 ms (p50)", measured: latency((s) => s.p50Us) },
		{ published: "p99 lower by 2–5 ms", measured: latency((s) => s.p99Us) },
		{ published: "memory grows with nodes, not with pods", measured: growth(memory, "MB") },
		{ published: "CPU grows with nodes, not with pods", measured: growth(cpu, "µs/request") },
	];
}

function percent({ median, min, max }: Spread, instances: number): string {
	const [sign, word] = median < 0 ? [-1, "more"] : [1, "less"];
	const show = (value: number) => (sign * value + 0).toFixed(0);
	return `${show(median)} % ${word} (${show(min)} to ${show(max)}) with ${instances} instance${instances === 1 ? "" : "s"}`;
}
