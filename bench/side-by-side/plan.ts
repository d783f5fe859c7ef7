/** What is measured in which order, and about how long that takes. */
import { inTurn } from "../harness/rounds.js";
import type { Mode } from "./modes.js";
import type { AppProtocol, Workload } from "./workloads.js";

/** All modes once, one after the other: measured whole or not at all, so that rounds of modes stay comparable. */
export interface Piece {
	readonly name: string;
	readonly round: number;
	readonly workload: Workload;
	readonly instances: number;
	readonly modes: readonly Mode[];
}

export interface Planned {
	readonly modes: readonly Mode[];
	readonly workloads: readonly Workload[];
	readonly rounds: number;
	/** The workload on which instances are multiplied, and by what. */
	readonly many: { readonly workload: string; readonly instances: readonly number[] };
}

/** Round by round: a run that is cut off has of everything as many rounds as there was time for. */
export function plan({ modes, workloads, rounds, many }: Planned): Piece[] {
	const each = workloads.flatMap((workload) => {
		const more = workload.name === many.workload ? many.instances.filter((n) => n !== 1) : [];
		return [1, ...more].map((instances) => ({ workload, instances }));
	});
	// the many instances last, however the workloads lie
	each.sort((a, b) => a.instances - b.instances);
	return Array.from({ length: rounds }, (_, round) =>
		each.map(({ workload, instances }) => ({
			name: `round ${round + 1} of ${rounds}, ${workload.name}${instances === 1 ? "" : `, ${instances} instances`}`,
			round,
			workload,
			instances,
			modes: inTurn(
				modes.filter((mode) => mode.suits(workload.protocol) === null),
				round,
			),
		})),
	).flat();
}

/** Seconds besides the load, by experience on two virtual processors: starting, working off, looking at what was captured. */
const AROUND: Readonly<Record<AppProtocol, number>> = {
	"http/1.1": 2.5,
	"http/2": 3,
	postgresql: 5,
	redis: 6,
	"java https": 7,
};
/** For each further instance of the application, and of what watches it. */
const FURTHER_APP = 0.1;
const FURTHER_PROXY = 0.4;

/** `loadSeconds`: of warm-up and measurement together. */
export function estimateSeconds(pieces: readonly Piece[], loadSeconds: number): number {
	let sum = 0;
	for (const { modes, workload, instances } of pieces) {
		for (const { isProxy } of modes)
			sum += loadSeconds + AROUND[workload.protocol] + (instances - 1) * (FURTHER_APP + (isProxy ? FURTHER_PROXY : 0));
	}
	return sum;
}

export function showDuration(seconds: number): string {
	return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}
