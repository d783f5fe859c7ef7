/** What a run saw, captured, lost and wrote: printed at the end, and written as JSON where that was asked for. */
import type { Config } from "../config/schema.js";
import { type CounterGroups, type Counters, NO_COUNTERS, sumGroups } from "./counters.js";
import type { Problem } from "./problems.js";
import { type ProcessUse, processUse } from "./process-use.js";

export interface WorkerTotals {
	restarts: number;
	died: number;
	/** How often a worker hung, by the protocol whose parser it was in, or `source NAME`, `sink NAME`; `unknown`: none. */
	hung: Record<string, number>;
	/** How often one died, by the plugin in whose code it was, in the same words. */
	diedIn: Record<string, number>;
	disabledParsers: string[];
	/** Sources and sinks that hung or ended workers too often: `sink file`. */
	leftOut: string[];
}

export interface Totals {
	readonly schema: "polytap.totals/v1";
	readonly startedAt: string;
	readonly durationMs: number;
	readonly bytes: {
		/** `captured` and all of `lost` together. */
		readonly seen: number;
		readonly captured: number;
		/** By cause. */
		readonly lost: Counters;
	};
	readonly engine: Counters;
	readonly sources: Readonly<Record<string, { readonly type: string; readonly counters: Counters }>>;
	readonly sinks: Readonly<Record<string, { readonly type: string; readonly counters: Counters }>>;
	/** By protocol: parsers that failed. */
	readonly parsers: Readonly<Record<string, Counters>>;
	readonly worker: WorkerTotals;
	/** Configs that were loaded anew, on SIGHUP. */
	readonly reloads: ReloadTotals;
	/** What went wrong, the latest of each kind, with its origin. */
	readonly problems: readonly Problem[];
	readonly process: ProcessUse;
}

export interface ReloadTotals {
	applied: number;
	refused: number;
}

export class TotalsBook {
	readonly worker: WorkerTotals = { restarts: 0, died: 0, hung: {}, diedIn: {}, disabledParsers: [], leftOut: [] };
	readonly reloads: ReloadTotals = { applied: 0, refused: 0 };
	private readonly startedAt = new Date();
	private readonly startedMs = performance.now();
	/** Of sinks that were there once. */
	private readonly types = new Map<string, string>();
	private counters = NO_COUNTERS;

	add(counters: CounterGroups): void {
		this.counters = sumGroups(this.counters, counters);
	}

	/** As it stands now; `more`: what living parts have counted and not yet left here. */
	close(
		config: Pick<Config, "sources" | "sinks">,
		problems: readonly Problem[] = [],
		more: readonly CounterGroups[] = [],
	): Totals {
		const { engine, sources, parsers, sinks } = more.reduce(sumGroups, this.counters);
		for (const { name, type } of config.sinks) this.types.set(name, type);
		const lost = lostByCause(engine);
		const captured = engine.bytes_captured ?? 0;
		return {
			schema: "polytap.totals/v1",
			startedAt: this.startedAt.toISOString(),
			durationMs: Math.round(performance.now() - this.startedMs),
			bytes: { seen: captured + Object.values(lost).reduce((sum, bytes) => sum + bytes, 0), captured, lost },
			engine,
			sources: named(config.sources, sources),
			sinks: named(
				Object.keys({ ...Object.fromEntries(config.sinks.map(({ name }) => [name, 0])), ...sinks }).map((name) => ({
					name,
					type: this.types.get(name) ?? "unknown",
				})),
				sinks,
			),
			parsers,
			worker: structuredClone(this.worker),
			reloads: { ...this.reloads },
			problems,
			process: processUse(),
		};
	}
}

/** For people: what is zero is left out. */
export function formatTotals(totals: Totals): string {
	const { bytes, engine, sources, parsers, sinks, worker, reloads, problems } = totals;
	const lines = [
		`totals: ${(totals.durationMs / 1000).toFixed(1)} s, ${count(engine.exchanges ?? 0)} exchanges`,
		`  bytes: seen ${count(bytes.seen)}, captured ${count(bytes.captured)}, lost ${lostText(bytes.lost)}`,
	];
	if (engine.recording_calls !== undefined) lines.push(`  recording: ${list(those(engine, "recording_"))}`);
	if (engine.kubernetes_lists !== undefined) lines.push(`  kubernetes: ${list(those(engine, "kubernetes_"))}`);
	for (const [name, { type, counters }] of Object.entries(sources))
		lines.push(`  source ${name} (${type}): ${list(counters)}`);
	for (const [name, { type, counters }] of Object.entries(sinks))
		lines.push(`  sink ${name} (${type}): ${list(counters)}`);
	for (const [name, counters] of Object.entries(parsers)) lines.push(`  parser ${name}: ${list(counters)}`);
	if (worker.restarts > 0) {
		const hung = Object.entries(worker.hung).map(([protocol, times]) => `${times} hung in ${protocol}`);
		if (worker.died > 0) hung.push(`${worker.died} died`);
		lines.push(`  worker: ${worker.restarts} restarts (${hung.join(", ")})`);
	}
	if (worker.disabledParsers.length > 0) lines.push(`  parsers switched off: ${worker.disabledParsers.join(", ")}`);
	if (worker.leftOut.length > 0) lines.push(`  left out: ${worker.leftOut.join(", ")}`);
	if (reloads.applied + reloads.refused > 0)
		lines.push(`  reloads: ${reloads.applied} applied, ${reloads.refused} refused`);
	for (const { origin, code, message, times } of problems.slice(-MOST_PROBLEMS))
		lines.push(`  problem ${code}${origin === "" ? "" : ` in ${origin}`}, ${count(times)} times: ${message}`);
	return lines.join("\n");
}

function those(engine: Counters, prefix: string): Counters {
	const own = Object.entries(engine).filter(([name]) => name.startsWith(prefix));
	return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length), value]));
}

/** Of the problems, for people; the JSON has them all. */
const MOST_PROBLEMS = 20;

const BY_CAUSE = /^bytes_(?:missing|lost)_(.+)$/;

function lostByCause(engine: Counters): Counters {
	const lost: Record<string, number> = {};
	for (const [name, value] of Object.entries(engine)) {
		const cause = BY_CAUSE.exec(name)?.[1]?.replaceAll("_", "-");
		if (cause !== undefined) lost[cause] = (lost[cause] ?? 0) + value;
	}
	return lost;
}

function named(
	entries: readonly { readonly name: string; readonly type: string }[],
	counters: Readonly<Record<string, Counters>>,
) {
	return Object.fromEntries(entries.map(({ name, type }) => [name, { type, counters: counters[name] ?? {} }]));
}

function lostText(lost: Counters): string {
	const causes = Object.entries(lost).filter(([, bytes]) => bytes > 0);
	const sum = causes.reduce((total, [, bytes]) => total + bytes, 0);
	return sum === 0 ? "0" : `${count(sum)} (${causes.map(([cause, bytes]) => `${cause} ${count(bytes)}`).join(", ")})`;
}

function list(counters: Counters): string {
	const shown = Object.entries(counters).filter(([, value]) => value !== 0);
	return shown.length === 0
		? "nothing"
		: shown.map(([name, value]) => `${name.replaceAll("_", " ")} ${count(value)}`).join(", ");
}

function count(value: number): string {
	return value.toLocaleString("en-US");
}
