import { hash } from "node:crypto";
import type { Endpoint, ProcessIdentity, Transport, Vantage } from "../events.js";
import type { ExchangeConnection, TlsFacts } from "../exchange.js";
import type { TimedPiece } from "../wire/put.js";

/** One place from which a connection is watched, as an exchange names it. */
export interface VantageFacts {
	readonly source: string;
	readonly type: string;
	readonly vantage: Vantage;
	/** Shared by all that have the same three names. */
	readonly piece: VantagePiece;
}

/** For core/wire only: the serialised form. */
export interface VantagePiece {
	json: TimedPiece | null;
}

/** What a connection is, apart from who is at its ends. */
export interface ConnectionEnds {
	readonly transport: Transport;
	readonly client: Endpoint;
	readonly server: Endpoint;
	/** The 32-bit TCP sequence numbers of offset 0 of both directions, or null. */
	readonly bases: readonly [number, number] | null;
	readonly layer: "transport" | "plaintext";
	readonly netns: number | null;
	/** False: offset 0 is only the first byte seen. */
	readonly fromStart: boolean;
	/** For core/correlation only: what this source's connection is one view of. */
	group: object | null;
}

/** What all exchanges of a connection share. Replaced, never changed, so that an exchange keeps what was known at its time. */
export class ConnectionFacts implements ExchangeConnection {
	readonly transport: Transport;
	readonly client: Endpoint & { readonly process: ProcessIdentity | null };
	readonly server: Endpoint & { readonly process: ProcessIdentity | null };
	readonly tls: TlsFacts | null;
	/** First 16 digits of every exchange id on these endpoints. */
	readonly endpointsHash: string;
	readonly ends: ConnectionEnds;
	/** For core/wire only: the serialised form, kept from the second time on. */
	json: Uint8Array | null = null;
	wasWritten = false;
	/** The same for exchange.proto. */
	proto: Uint8Array | null = null;
	wasEncoded = false;

	constructor(
		ends: ConnectionEnds,
		clientProcess: ProcessIdentity | null = null,
		serverProcess: ProcessIdentity | null = null,
		tls: TlsFacts | null = null,
		endpointsHash: string = hashEndpoints(ends.transport, ends.client, ends.server),
	) {
		const { transport, client, server } = ends;
		this.ends = ends;
		this.transport = transport;
		this.client = { address: client.address, port: client.port, process: clientProcess };
		this.server = { address: server.address, port: server.port, process: serverProcess };
		this.tls = tls;
		this.endpointsHash = endpointsHash;
	}

	/** The same connection, of which more is known. */
	knowing(client: ProcessIdentity | null, server: ProcessIdentity | null, tls: TlsFacts | null): ConnectionFacts {
		return new ConnectionFacts(this.ends, client, server, tls, this.endpointsHash);
	}

	/** Client and server turned out to be the other way round. */
	flipped(): ConnectionFacts {
		const { client, server, bases } = this.ends;
		const ends: ConnectionEnds = {
			...this.ends,
			client: server,
			server: client,
			bases: bases === null ? null : [bases[1], bases[0]],
			group: null,
		};
		return new ConnectionFacts(ends, this.server.process, this.client.process, this.tls);
	}

	get id(): string {
		const { bases } = this.ends;
		return this.endpointsHash + (bases === null ? "0000000000000000" : hex32(bases[0]) + hex32(bases[1]));
	}
}

/** 16 hexadecimal digits that every observer of these endpoints computes alike. */
export function hashEndpoints(transport: Transport, client: Endpoint, server: Endpoint): string {
	const text = `${transport}|${client.address}|${client.port}|${server.address}|${server.port}`;
	return hash("sha256", text, "hex").slice(0, 16);
}

/** Eight hexadecimal digits. */
export function hex32(value: number): string {
	return (value >>> 0).toString(16).padStart(8, "0");
}
