/**
 * Where an exchange is: the number of its connection's byte with which it begins, and its stream id or ordinal there. That is
 * the same for every observer of the connection, whatever addresses and sequence numbers it sees.
 */
import type { CapturedExchange } from "../engine/captured-exchange.js";
import type { ConnectionEnds } from "../engine/facts.js";

/** Set in the ordinal of an exchange whose request was never seen: its position is that of the response. */
const RESPONSE_ORDINAL = 0x8000_0000;
const ORDINALS = 1 << 20;

/**
 * 32 bits of the offset, the direction and 20 bits of the ordinal as one number. Ordinals that differ only beyond that are told apart by whoever
 * compares the whole ones.
 */
export function positionOf(exchange: CapturedExchange, bases: readonly [number, number] | null): number {
	const { sequence, ordinal } = exchange;
	const own = exchange.facts.ends.bases;
	const dir = (ordinal & RESPONSE_ORDINAL) === 0 ? 0 : 1;
	// who joined in the middle counts from there, but its sequence numbers are everybody's
	const base = own === null ? 0 : (bases ?? own)[dir];
	return (((sequence - base) >>> 0) * 2 + dir) * ORDINALS + (ordinal & (ORDINALS - 1));
}

/**
 * By what the connection is found. Addresses name it, except for loopback, which every network namespace has, so that without
 * its namespace it is nobody else's. The pair of sequence numbers names it whatever the addresses were translated to.
 */
export function keysOf({ transport, client, server, bases, layer, netns, fromStart }: ConnectionEnds): string[] {
	const keys: string[] = [];
	const isLocal = isLoopback(client.address) || isLoopback(server.address);
	if (!isLocal || netns !== null)
		keys.push(
			`${transport} ${layer} ${client.address} ${client.port} ${server.address} ${server.port} ${isLocal ? netns : ""}`,
		);
	if (bases !== null && fromStart) keys.push(`${transport} ${layer} ${bases[0]} ${bases[1]}`);
	return keys;
}

function isLoopback(address: string): boolean {
	return address.startsWith("127.") || address === "::1";
}
