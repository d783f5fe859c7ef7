/** Where a protocol is likely to be spoken. */
export interface PortHint {
	readonly protocol: string;
	/** Ports of servers. */
	readonly ports: readonly number[];
}

/** What an engine may keep and how long it waits. Every limit has a counter that tells how often it was reached. */
export interface EngineOptions {
	/** Payload bytes kept of each message; what is beyond is counted and the body is `truncated`. */
	readonly maxBodyBytes: number;
	/** How long a hole, a second vantage's copy or a missing request is waited for. */
	readonly mergeWindowUs: number;
	/** A request without an answer for this long is emitted as `unanswered`. */
	readonly requestTimeoutUs: number;
	readonly maxConnections: number;
	/** Emit a `connection` record for every connection at its end, not only for opaque ones. */
	readonly connectionRecords: boolean;
	/** Payload of unfinished and undelivered exchanges, all connections together. */
	readonly maxHeldBytes: number;
	/** Bytes that wait behind a hole, one direction. */
	readonly maxLateBytes: number;
	/** Requests of one connection that wait for an answer. */
	readonly maxPending: number;
	/** Plaintext of one source is joined with the ciphertext that another one sees of the same connection. */
	readonly joinsLayers: boolean;
	/** Bytes that a parser may leave unconsumed (an unfinished head, a held direction). */
	readonly maxCarryBytes: number;
	/** What is done with observations of one exchange by several sources: see core/correlation. */
	readonly merge: MergeMode;
	/** How long a record waits for another source's observation. */
	readonly correlationWindowUs: number;
	/** Whose parsers are asked first about connections to some ports. */
	readonly portHints: readonly PortHint[];
}

/**
 * `off`: every source's record by itself. `window`: a record waits for those of other sources and becomes one with them.
 * `late`: nothing waits; a later observation says which record it repeats.
 */
export type MergeMode = "off" | "window" | "late";

export const DEFAULT_ENGINE_OPTIONS: EngineOptions = {
	maxBodyBytes: 1 << 20,
	mergeWindowUs: 50_000,
	requestTimeoutUs: 60_000_000,
	maxConnections: 65_536,
	connectionRecords: false,
	maxHeldBytes: 256 << 20,
	maxLateBytes: 8 << 20,
	maxPending: 4096,
	maxCarryBytes: 1 << 20,
	joinsLayers: false,
	merge: "off",
	correlationWindowUs: 200_000,
	portHints: [],
};
