/** Two observations of one exchange become one record: the better one's bytes, everybody's observations. */
import { discard } from "../delivery/releasable.js";
import type { CapturedExchange, Sighting } from "../engine/captured-exchange.js";

import { compareRanks, rankOf } from "./precedence.js";

/** Flag: observers do not agree on how many bytes a half of the exchange has, and say both that they saw it whole. */
const DIFFER = "observers-differ";

/** Returns the record; the other one's payload is given back. `order`: places of sources in the config. */
export function merged(
	first: CapturedExchange,
	second: CapturedExchange,
	order: (source: string) => number,
): CapturedExchange {
	const ranked =
		compareRanks(rankOf(first), rankOf(second)) || order(first.seenBy.source) - order(second.seenBy.source);
	const [winner, loser] = ranked <= 0 ? [first, second] : [second, first];
	const differs = sizesDiffer(winner, loser);
	winner.sightings = [...sightingsOf(winner), ...sightingsOf(loser)];
	const { client, server, tls } = winner.facts;
	const also = loser.facts;
	const clientProcess = client.process ?? also.client.process;
	const serverProcess = server.process ?? also.server.process;
	if (clientProcess !== client.process || serverProcess !== server.process || (tls === null && also.tls !== null))
		winner.facts = winner.facts.knowing(clientProcess, serverProcess, tls ?? also.tls);
	for (const flag of loser.flags) winner.addFlag(flag);
	if (differs) winner.addFlag(DIFFER);
	if (loser.annotations !== winner.annotations) winner.annotations = { ...loser.annotations, ...winner.annotations };
	discard(loser);
	return winner;
}

export function sightingsOf(exchange: CapturedExchange): readonly Sighting[] {
	const { sightings, seenBy, startUs, endUs } = exchange;
	return sightings ?? [{ facts: seenBy, startUs, endUs }];
}

function sizesDiffer(a: CapturedExchange, b: CapturedExchange): boolean {
	return sizeDiffers(a.req, b.req) || sizeDiffers(a.res, b.res);
}

function sizeDiffers(a: CapturedExchange["req"], b: CapturedExchange["req"]): boolean {
	if (a === null || b === null || a.outcome === "partial" || b.outcome === "partial") return false;
	return a.bytes !== b.bytes;
}
