import type { GapCause } from "../../core/index.js";

/** What the source remembers of one direction of a socket. */
export interface SocketDirection {
	/** Position after the last byte that was told to the engine; -1: nothing was. */
	next: number;
	/** The kernel's count of records that found no room, as last seen. */
	drops: number;
}

/** One socket that the kernel told us about, which is one vantage for the engine. */
export interface Socket {
	readonly cookie: number;
	/** The engine's name for it. */
	readonly conn: number;
	/** True where the socket sends what the server sends. */
	readonly isServer: boolean;
	/** It was open before we looked: where its streams began to be watched is known only from its first record. */
	readonly isLate: boolean;
	readonly send: SocketDirection;
	readonly receive: SocketDirection;
	/** When it may be forgotten: its close was seen, but the application could still read. 0: no close was seen. */
	closeAtMs: number;
}

/** Causes of records without payload, by their number in bpf/events.h. */
export const RECORD_CAUSES: readonly GapCause[] = [
	"missed",
	"sendfile",
	"splice",
	"io-uring",
	"not-readable",
	// packets should have brought it
	"missed",
];
