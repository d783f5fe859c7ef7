/**
 * Where an exchange is: the number of its connection's byte with which it begins, and its stream id or ordinal there. That is
 * the same for every observer of the connection, whatever addresses and sequence numbers it sees.
 */
import type { CapturedExchange } from "../engine/captured-exchange.js";
import type { ConnectionEnds, ConnectionFacts } from "../engine/facts.js";
import type { Transport } from "../events.js";

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
export function keysOf({ endpointsHash, ends }: ConnectionFacts): string[] {
	const { client, server, bases, layer, netns, fromStart } = ends;
	const keys: string[] = [];
	const isLocal = isLoopback(client.address) || isLoopback(server.address);
	// many are kept: where nothing more is to be said, the hash that there is already
	const scope = `${layer === "transport" ? "" : layer}${isLocal ? ` ${netns}` : ""}`;
	if (!isLocal || netns !== null) keys.push(scope === "" ? endpointsHash : endpointsHash + scope);
	if (bases !== null && fromStart) keys.push(basesKey(ends, bases));
	return keys;
}

/** A short string, in one piece. */
function basesKey({ transport, layer }: ConnectionEnds, [a, b]: readonly [number, number]): string {
	const kind = KINDS.indexOf(transport) * 2 + (layer === "transport" ? 0 : 1);
	return String.fromCharCode(kind, a >>> 16, a & 0xffff, b >>> 16, b & 0xffff);
}

const KINDS: readonly Transport[] = ["tcp", "udp", "unix"];

function isLoopback(address: string): boolean {
	return address.startsWith("127.") || address === "::1";
}
