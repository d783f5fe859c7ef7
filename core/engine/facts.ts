import { hash } from "node:crypto";
import type { Endpoint, ProcessIdentity, Transport, Vantage } from "../events.js";
import type { ExchangeConnection } from "../exchange.js";
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

/** What all exchanges of a connection share. Replaced, never changed, so that an exchange keeps what was known at its time. */
export class ConnectionFacts implements ExchangeConnection {
	readonly transport: Transport;
	readonly client: Endpoint & { readonly process: ProcessIdentity | null };
	readonly server: Endpoint & { readonly process: ProcessIdentity | null };
	readonly tls = null;
	/** First 16 digits of every exchange id on these endpoints. */
	readonly endpointsHash: string;
	/** For core/wire only: the serialised form, kept from the second time on. */
	json: Uint8Array | null = null;
	wasWritten = false;
	/** The same for exchange.proto. */
	proto: Uint8Array | null = null;
	wasEncoded = false;
	readonly #bases: readonly [number, number] | null;

	constructor(
		transport: Transport,
		client: Endpoint,
		server: Endpoint,
		bases: readonly [number, number] | null,
		clientProcess: ProcessIdentity | null,
		serverProcess: ProcessIdentity | null,
		endpointsHash: string = hashEndpoints(transport, client, server),
	) {
		this.transport = transport;
		this.client = { address: client.address, port: client.port, process: clientProcess };
		this.server = { address: server.address, port: server.port, process: serverProcess };
		this.endpointsHash = endpointsHash;
		this.#bases = bases;
	}

	get id(): string {
		const bases = this.#bases;
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
