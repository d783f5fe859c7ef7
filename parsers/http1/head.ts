import { type Attributes, type HeaderBlock, MessageHead } from "../../core/index.js";

/** How a message's payload ends (RFC 9112, section 6.3), as its own head says it. */
export const Framing = { none: 0, length: 1, chunked: 2, close: 3 } as const;
export type Framing = (typeof Framing)[keyof typeof Framing];

/** What the header fields say about the message they belong to. */
export interface Facts {
	readonly framing: Framing;
	/** Payload bytes where `framing` is `length`, else 0. */
	readonly length: number;
	/** Codings of the payload in the order applied, comma-separated; null: none. */
	readonly coding: string | null;
	/** Media type without parameters, lower case, where some parser takes such payloads; otherwise null. */
	readonly mediaType: string | null;
	/** First token of `Upgrade`, lower case; null: none. */
	readonly upgrade: string | null;
	readonly flags: readonly string[];
}

/** A parsed head with everything that later bytes depend on, so that a head seen before costs no parsing. */
export class Http1Head extends MessageHead {
	/** Empty for a response. */
	readonly method: string;
	/** 0 for a request. */
	readonly status: number;
	readonly framing: Framing;
	readonly length: number;
	readonly coding: string | null;
	readonly mediaType: string | null;
	readonly upgrade: string | null;
	readonly flags: readonly string[];

	constructor(
		summary: string,
		attributes: Attributes,
		headers: HeaderBlock,
		method: string,
		status: number,
		facts: Facts,
	) {
		super(summary, attributes, headers);
		this.method = method;
		this.status = status;
		this.framing = facts.framing;
		this.length = facts.length;
		this.coding = facts.coding;
		this.mediaType = facts.mediaType;
		this.upgrade = facts.upgrade;
		this.flags = facts.flags;
	}
}
