/**
 * The two legs of a proxy's hop: two connections with the same bytes at the same positions. Their exchanges are two records,
 * each with the id of the other, and with what the hop itself took.
 */
import type { CapturedExchange } from "../engine/captured-exchange.js";
import type { Attributes } from "../exchange.js";
import type { Entry } from "./entry.js";
import type { Group } from "./group.js";

/** What a proxy's source must annotate: which hop, and `downstream` or `upstream`. */
export const HOP = "proxy.hop";
export const LEG = "proxy.leg";

export interface HopTimes {
	readonly startUs: number;
	readonly endUs: number;
}

/** A leg's exchange, as the proxy itself saw it. */
export interface LegLink {
	readonly isDownstream: boolean;
	/** By the proxy's clock, whoever else saw it. */
	readonly times: HopTimes;
	/** Null: the other leg's exchange has not come. */
	other: { readonly entry: Entry | null; readonly id: string; readonly times: HopTimes } | null;
}

/** The connections of a hop; null where that leg was not seen. */
export interface HopGroups {
	downstream: Group | null;
	upstream: Group | null;
}

export function hopOf({
	annotations,
}: CapturedExchange): { readonly hop: string; readonly isDownstream: boolean } | null {
	const hop = annotations[HOP];
	if (hop === undefined) return null;
	const leg = annotations[LEG];
	if (typeof hop !== "string" || (leg !== "downstream" && leg !== "upstream")) return null;
	return { hop, isDownstream: leg === "downstream" };
}

/** What the link adds to a record; nothing where the other leg never came. */
export function linkAnnotations({ isDownstream, times, other }: LegLink): Attributes {
	if (other === null) return {};
	const [down, up] = isDownstream ? [times, other.times] : [other.times, times];
	return {
		"proxy.other_leg": other.entry?.record.id ?? other.id,
		"proxy.request_added_us": up.startUs - down.startUs,
		"proxy.response_added_us": down.endUs - up.endUs,
		"proxy.added_us": down.endUs - down.startUs - (up.endUs - up.startUs),
	};
}
