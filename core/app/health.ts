/** How a run is doing, as `/healthz` and `/readyz` say it. */
import type { Config } from "../config/schema.js";
import type { PartState, PipelineStates } from "./pipeline.js";
import type { Problem } from "./problems.js";
import type { WorkerTotals } from "./totals.js";

export interface PartHealth {
	readonly type: string;
	readonly state: PartState | "starting" | "left out";
}

export interface Health {
	/** `degraded`: some source, sink or parser is not at work; `failing`: no source or no sink is. */
	readonly status: "ok" | "degraded" | "failing" | "starting" | "stopping";
	/** Every source that can captures, and some sink takes what they see. */
	readonly ready: boolean;
	readonly sources: Readonly<Record<string, PartHealth>>;
	readonly sinks: Readonly<Record<string, PartHealth>>;
	/** Protocols whose parser is switched off. */
	readonly parsersSwitchedOff: readonly string[];
	/** Of the whole run, each with its time: what is over is still named. */
	readonly problems: readonly Problem[];
}

export interface HealthFacts {
	readonly config: Pick<Config, "sources" | "sinks">;
	readonly states: PipelineStates;
	readonly isReady: boolean;
	readonly isStopping: boolean;
	readonly worker: WorkerTotals;
	readonly problems: readonly Problem[];
}

export function healthOf(facts: HealthFacts): Health {
	const { config, states, worker } = facts;
	const sources = partsOf("source", config.sources, states.sources, worker);
	const sinks = partsOf("sink", config.sinks, states.sinks, worker);
	const groups = [Object.values(sources), Object.values(sinks)];
	const works = groups.every((parts) => parts.some(({ state }) => state === "running"));
	const isWhole = groups.every((parts) => parts.every(({ state }) => state === "running" || state === "ended"));
	return {
		status: facts.isStopping
			? "stopping"
			: !facts.isReady
				? "starting"
				: !works
					? "failing"
					: isWhole && worker.disabledParsers.length === 0
						? "ok"
						: "degraded",
		ready: facts.isReady && works,
		sources,
		sinks,
		parsersSwitchedOff: [...worker.disabledParsers],
		problems: facts.problems,
	};
}

function partsOf(
	kind: "source" | "sink",
	entries: readonly { readonly name: string; readonly type: string }[],
	states: Readonly<Record<string, PartState>>,
	{ leftOut }: WorkerTotals,
): Record<string, PartHealth> {
	return Object.fromEntries(
		entries.map(({ name, type }) => [
			name,
			{ type, state: leftOut.includes(`${kind} ${name}`) ? "left out" : (states[name] ?? "starting") },
		]),
	);
}
