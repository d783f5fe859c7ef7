/** Which plugin hung or ended workers, how often, and when that is often enough to go on without it. */
import type { GenerationEnd } from "./generation.js";
import type { Notice } from "./notice.js";
import type { RosterEntry } from "./roster.js";
import type { WorkerTotals } from "./totals.js";

/** A parser or a busy sink may have met one bad connection. */
const TIMES_AT_WORK = 3;

export interface Judged {
	/** Null: nobody knows in whose code it was. */
	readonly who: RosterEntry | null;
	readonly notice: Notice;
	/** So far. */
	readonly times: number;
	/** From now on it goes on without. */
	readonly isOut: boolean;
}

/** Counts the end of a worker that hung or died. `wasReady`: it had got as far as capturing. */
export function judge(
	end: Extract<GenerationEnd, { kind: "hung" | "died" }>,
	who: RosterEntry | null,
	wasReady: boolean,
	totals: WorkerTotals,
	timeoutMs: number,
): Judged {
	if (end.kind === "died") totals.died++;
	const counts = end.kind === "hung" ? totals.hung : totals.diedIn;
	const key = who === null ? "unknown" : who.kind === "parser" ? who.name : `${who.kind} ${who.name}`;
	counts[key] = (counts[key] ?? 0) + 1;
	const times = (totals.hung[key] ?? 0) + (totals.diedIn[key] ?? 0);
	// what cannot even be made or opened will not do better the next time
	const isOut = who !== null && (times === TIMES_AT_WORK || (!wasReady && who.kind !== "parser"));
	return { who, times, isOut, notice: noticeOfEnd(end, who, timeoutMs) };
}

function noticeOfEnd(
	end: Extract<GenerationEnd, { kind: "hung" | "died" }>,
	who: RosterEntry | null,
	timeoutMs: number,
): Notice {
	const where =
		who === null ? "" : who.kind === "parser" ? ` in the parser of ${who.name}` : ` in the ${who.kind} ${who.name}`;
	if (end.kind === "died") {
		const message = `a worker thread ended unexpectedly${where}: ${end.reason}`;
		return { code: "WORKER_DIED", message, hint: null };
	}
	return {
		code: "WORKER_HUNG",
		message: `the worker did not answer for ${timeoutMs} ms${where}: it was ended`,
		hint: who === null ? "the machine may be overloaded: a larger `worker_timeout_ms` may help" : null,
	};
}
