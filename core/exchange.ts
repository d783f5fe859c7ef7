/** The exchange record, version 1: what every sink gets. Within v1 fields are only added. */
import type { GapCause, ProcessIdentity, Transport, Vantage } from "./events.js";

export const EXCHANGE_SCHEMA = "polytap.exchange/v1";

export type Outcome = "ok" | "error" | "unanswered" | "aborted" | "partial";
export type ExchangeKind = "exchange" | "message" | "connection";
export type Completeness = "complete" | "truncated" | "gap";
export type AttributeValue = string | number | boolean | readonly string[];
export type Attributes = Readonly<Record<string, AttributeValue>>;
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** Bytes `from` (inclusive) to `to` (exclusive) of the body are not there; `to` null: to an end that nobody saw. */
export interface BodyGap {
	readonly from: number;
	readonly to: number | null;
	readonly cause: GapCause;
}

export interface Body {
	/** True length on the wire after de-chunking, gaps of known length included. */
	readonly bytes: number;
	/** What `data` holds, before any content decoding. */
	readonly captured: number;
	readonly completeness: Completeness;
	readonly gaps: readonly BodyGap[];
	readonly encoding: "utf8" | "base64" | "json";
	/** Text for `utf8` and `base64`; for `json` the value itself. */
	readonly data: unknown;
	readonly decodedFrom?: string;
	readonly decodeLimited?: true;
}

export interface Interim {
	readonly at: string;
	readonly attributes: Attributes;
	readonly headers: HeaderList;
}

export interface SubMessage {
	readonly at: string;
	readonly bytes: number;
	readonly attributes: Attributes;
	readonly encoding: "utf8" | "base64" | "json";
	readonly data: unknown;
	/** These three are absent where the message is complete, and mean what they mean of a body. */
	readonly captured?: number;
	readonly completeness?: Completeness;
	readonly gaps?: readonly BodyGap[];
	/** The coding that was undone for `data`. */
	readonly decodedFrom?: string;
}

export interface ExchangeMessage {
	/** RFC 3339 in UTC with microseconds. */
	readonly startedAt: string;
	readonly endedAt: string;
	/** Bytes on the wire of this message, framing and gaps of known length included. */
	readonly bytes: number;
	readonly attributes: Attributes;
	readonly headers: HeaderList;
	readonly trailers: HeaderList;
	readonly interim: readonly Interim[];
	readonly body: Body;
	readonly messages: readonly SubMessage[] | null;
}

export interface ExchangeEndpoint {
	readonly address: string;
	readonly port: number;
	/** Null: that end is not on this node, or its process is not known. */
	readonly process: ProcessIdentity | null;
}

/** Of a connection whose plaintext was captured above TLS. What the hellos did not show, or nobody saw of them, is null. */
export interface TlsFacts {
	/** `openssl` (and what has its interface), `gnutls`, `go`. */
	readonly library: string | null;
	/** `1.3`, `1.2`, … */
	readonly version: string | null;
	/** The suite by the name that IANA gave it; one without a name by its number (`0xc0ff`). */
	readonly cipher: string | null;
	readonly serverName: string | null;
	/** The protocol that the server chose: in TLS 1.3 it says so encrypted, and it is null here. */
	readonly alpn: string | null;
}

export interface ExchangeConnection {
	readonly id: string;
	readonly transport: Transport;
	readonly client: ExchangeEndpoint;
	readonly server: ExchangeEndpoint;
	readonly tls: TlsFacts | null;
}

export interface Observation {
	readonly source: string;
	readonly type: string;
	readonly vantage: Vantage;
	readonly startedAt: string;
	readonly durationUs: number;
}

export interface Exchange {
	readonly schema: typeof EXCHANGE_SCHEMA;
	/** 32 hexadecimal digits: 16 of the endpoints' hash, 8 of the TCP sequence number of the first byte, 8 of stream or ordinal. */
	readonly id: string;
	/** `network`: equal for every observer that sees these addresses. `local`: no sequence numbers were known. */
	readonly idScope: "network" | "local";
	readonly parentId: string | null;
	readonly protocol: string;
	readonly kind: ExchangeKind;
	readonly startedAt: string;
	/** First byte of the request to last byte of the response. */
	readonly durationUs: number;
	readonly outcome: Outcome;
	readonly summary: { readonly operation: string; readonly result: string };
	readonly connection: ExchangeConnection;
	readonly request: ExchangeMessage | null;
	readonly response: ExchangeMessage | null;
	readonly observedBy: readonly Observation[];
	readonly flags: readonly string[];
	readonly annotations: Attributes;
}
