/** Where pods come from, for as long as polytap runs. */
import { setTimeout as delay } from "node:timers/promises";
import { backoffMs } from "../delivery/backoff.js";
import type { PodStore } from "./pod-store.js";
import { Trouble, troubleOf } from "./trouble.js";

export interface PodFeed {
	/** Fills the store until `signal`. Resolves then; never rejects. */
	run(signal: AbortSignal): Promise<void>;
	/** A process is in a pod, or in a container of one, that the store does not have. By its id. */
	lookFor?(id: string): void;
}

export interface FeedParts {
	readonly store: PodStore;
	/** All pods of the node are in the store. */
	listed(): void;
	failed(trouble: Trouble): void;
	readonly times: FeedTimes;
}

export interface FeedTimes {
	/** For one answer. */
	readonly answerMs: number;
	readonly firstRetryMs: number;
	readonly longestRetryMs: number;
	/** A watch that lasted so long was one: what ends it is not a failure that follows another. */
	readonly soundMs: number;
	/** How long a watch is asked for. */
	readonly watchMs: number;
}

export const FEED_TIMES: FeedTimes = {
	answerMs: 15_000,
	firstRetryMs: 1_000,
	longestRetryMs: 60_000,
	soundMs: 10_000,
	watchMs: 600_000,
};

/** Calls `round` again and again, and later and later while it fails; `sound()` says that it did not. */
export async function inRounds(
	round: (sound: () => void) => Promise<void>,
	{ failed, times }: FeedParts,
	signal: AbortSignal,
): Promise<void> {
	let failures = 0;
	const sound = () => {
		failures = 0;
	};
	while (!signal.aborted) {
		try {
			await round(sound);
		} catch (error) {
			if (signal.aborted) return;
			failures++;
			failed(troubleOf(error));
			await pause(backoffMs(times.firstRetryMs, failures, times.longestRetryMs), signal);
		}
	}
}

/** Ends early with the signal. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
	await delay(ms, undefined, { signal, ref: false }).catch(() => undefined);
}

export function notAList(what: string): Trouble {
	return new Trouble("unreachable", `the answer of ${what} is not a list of pods`);
}
