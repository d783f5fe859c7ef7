/** Which of several observations of one exchange is the record: the others are only named in it. */
import type { CapturedExchange } from "../engine/captured-exchange.js";
import type { Message } from "../engine/message.js";
import type { Vantage } from "../events.js";

const BY_VANTAGE: Readonly<Record<Vantage, number>> = { server: 0, wire: 1, client: 2, proxy: 3 };

export type Rank = readonly [missingHalves: number, brokenBodies: number, scope: number, vantage: number];

/**
 * Smaller is better, compared number by number: halves that are missing, bodies that are not whole, ids that only this
 * observer has, the vantage (server, wire, client, proxy). Equal ones: whose source comes first in the config.
 */
export function rankOf({ req, res, idScope, seenBy }: CapturedExchange): Rank {
	return [
		missing(req) + missing(res),
		broken(req) + broken(res),
		idScope === "network" ? 0 : 1,
		BY_VANTAGE[seenBy.vantage],
	];
}

const missing = (message: Message | null): number => (message === null ? 1 : 0);

function broken(message: Message | null): number {
	if (message === null) return 0;
	return message.outcome === "partial" || (message.payload?.completeness ?? "complete") !== "complete" ? 1 : 0;
}

/** Negative: the one of `a` is the record. */
export function compareRanks(a: Rank, b: Rank): number {
	for (let i = 0; i < a.length; i++) {
		const difference = a[i]! - b[i]!;
		if (difference !== 0) return difference;
	}
	return 0;
}
