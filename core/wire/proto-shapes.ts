/** Messages of exchange.proto as protobufjs gives them as plain objects. Whatever is not there is undefined. */

export interface Entry {
	readonly header?: { readonly schema?: string };
	readonly exchange?: Exchange;
	readonly checksum?: number;
}

export interface Exchange {
	readonly id?: string;
	readonly idScope?: number;
	readonly parentId?: string;
	readonly protocol?: string;
	readonly kind?: number;
	readonly startedAt?: number;
	readonly durationUs?: number;
	readonly outcome?: number;
	readonly summary?: { readonly operation?: string; readonly result?: string };
	readonly connection?: Connection;
	readonly request?: Message;
	readonly response?: Message;
	readonly observedBy?: readonly Observation[];
	readonly flags?: readonly string[];
	readonly annotations?: readonly Attribute[];
}

export interface Connection {
	readonly id?: string;
	readonly transport?: number;
	readonly client?: Endpoint;
	readonly server?: Endpoint;
	readonly tls?: Tls;
}

export interface Endpoint {
	readonly address?: string;
	readonly port?: number;
	readonly process?: Process;
}

export interface Process {
	readonly pid?: number;
	readonly name?: string;
	readonly executable?: string;
	readonly cgroup?: string;
	readonly container?: string;
	readonly pod?: string;
	readonly runtime?: string;
	readonly unit?: string;
	readonly uid?: number;
	readonly kubernetes?: readonly Attribute[];
}

export interface Tls {
	readonly library?: string;
	readonly version?: string;
	readonly serverName?: string;
	readonly alpn?: string;
	readonly cipher?: string;
}

export interface Observation {
	readonly source?: string;
	readonly type?: string;
	readonly vantage?: number;
	readonly startedAt?: number;
	readonly durationUs?: number;
}

export interface Message {
	readonly startedAt?: number;
	readonly endedAt?: number;
	readonly bytes?: number;
	readonly attributes?: readonly Attribute[];
	readonly headers?: readonly HeaderField[];
	readonly trailers?: readonly HeaderField[];
	readonly interim?: readonly Interim[];
	readonly body?: Body;
	readonly messages?: { readonly items?: readonly SubMessage[] };
}

export interface Interim {
	readonly at?: number;
	readonly attributes?: readonly Attribute[];
	readonly headers?: readonly HeaderField[];
}

/** One of the three. */
export interface Data {
	readonly text?: string;
	readonly binary?: Uint8Array;
	readonly json?: string;
}

export interface Body extends Data {
	readonly bytes?: number;
	readonly captured?: number;
	readonly completeness?: number;
	readonly gaps?: readonly Gap[];
	readonly encoding?: number;
	readonly decodedFrom?: string;
	readonly decodeLimited?: boolean;
}

export interface SubMessage extends Data {
	readonly at?: number;
	readonly bytes?: number;
	readonly attributes?: readonly Attribute[];
	readonly encoding?: number;
	readonly captured?: number;
	readonly completeness?: number;
	readonly gaps?: { readonly items?: readonly Gap[] };
	readonly decodedFrom?: string;
}

export interface Gap {
	readonly from?: number;
	readonly to?: number;
	readonly cause?: number;
}

export interface HeaderField {
	readonly name?: string;
	readonly value?: string;
}

export interface Attribute {
	readonly name?: string;
	readonly text?: string;
	readonly integer?: number;
	readonly number?: number;
	readonly truth?: boolean;
	readonly texts?: { readonly items?: readonly string[] };
}
