import type { GapCause } from "../../core/index.js";
import * as layout from "./record-layout.js";

/** What the source remembers of one direction of a socket. */
export interface SocketDirection {
	/** Position after the last byte that was told to the engine; -1: nothing was. */
	next: number;
	/** Position after its last record: what is lost since then begins here. */
	lostFrom: number;
	/** Packets brought some of its bytes. */
	hasPackets: boolean;
	/** What a hole is called that nothing explains. */
	holeCause: GapCause;
}

/** One socket that the kernel told us about, which is one vantage for the engine. */
export interface Socket {
	readonly cookie: number;
	/** The engine's name for it. */
	readonly conn: number;
	/** True where the socket sends what the server sends. */
	readonly isServer: boolean;
	/** True where positions are the socket's own count and no sequence numbers. */
	readonly isLocal: boolean;
	/** What lies above TLS in the socket: streams of their own. */
	readonly isPlain: boolean;
	/** Which process has it is not known yet. */
	isAnonymous: boolean;
	isClosed: boolean;
	/** Its parser can do without some of the payload. */
	isCuttable: boolean;
	/** Another source tells its plaintext. */
	isCovered: boolean;
	/** Before these positions nothing is needed; null: nobody said so. */
	skipTo: [send: number, receive: number] | null;
	readonly send: SocketDirection;
	readonly receive: SocketDirection;
}

/** Causes of records without payload, by their number in bpf/events.h. */
export const RECORD_CAUSES: readonly GapCause[] = (() => {
	const causes: GapCause[] = [];
	causes[layout.CAUSE_NONE] = "missed";
	causes[layout.CAUSE_SENDFILE] = "sendfile";
	causes[layout.CAUSE_SPLICE] = "splice";
	causes[layout.CAUSE_IO_URING] = "io-uring";
	causes[layout.CAUSE_NOT_READABLE] = "not-readable";
	causes[layout.CAUSE_POSITION_CONFLICT] = "position-conflict";
	causes[layout.CAUSE_LIMIT] = "limit";
	causes[layout.CAUSE_SAMPLED] = "sampled";
	causes[layout.CAUSE_COVERED] = "covered";
	return causes;
})();
