/** What is kept of a record to compare it: positions, times, sizes, and hashes where the thing itself is large. */
import { hash } from "node:crypto";
import type { Body, Exchange, ExchangeMessage } from "../exchange.js";
import { parseTime } from "../wire/time.js";

/** Fields of one half of an exchange, by the name that a report gives them. */
export type HalfFields = Readonly<Record<HalfField, string>>;
export const HALF_FIELDS = [
	"bytes",
	"attributes",
	"headers",
	"trailers",
	"body.bytes",
	"body.hash",
	"body.completeness",
	"messages",
] as const;
export type HalfField = (typeof HALF_FIELDS)[number];

export interface Digest {
	readonly id: string;
	/** Transport and addresses. */
	readonly connection: string;
	/** The pair of sequence numbers of both streams, or null. */
	readonly bases: string | null;
	readonly server: string;
	/** Offset in its stream and ordinal: the same for every observer. */
	readonly position: string;
	readonly kind: Exchange["kind"];
	readonly protocol: string;
	readonly startedUs: number;
	readonly durationUs: number;
	readonly outcome: string;
	readonly operation: string;
	readonly result: string;
	readonly isTls: boolean;
	readonly request: HalfFields | null;
	readonly response: HalfFields | null;
	/** Why bytes of it, or of a `connection` record's connection, are missing. */
	readonly causes: readonly string[];
	/** Of a `connection` record: why nobody could parse it, or null. */
	readonly opaque: string | null;
}

const ID = /^[0-9a-f]{32}$/;
const RESPONSE = 0x8000_0000;
const MISSING = /\.bytes_missing\.(.+)$/;

/** Turns records into digests; equal texts of many records are kept once. */
export class Digester {
	readonly #known = new Map<string, string>();

	of(exchange: Exchange): Digest {
		const { connection, kind, protocol, annotations, request, response, summary } = exchange;
		const { transport, client, server, tls } = connection;
		const opaque = annotations["polytap.opaque.reason"];
		return {
			id: exchange.id,
			connection: this.#once(`${transport} ${client.address} ${client.port} ${server.address} ${server.port}`),
			bases: exchange.idScope === "network" && ID.test(connection.id) ? this.#once(connection.id.slice(16)) : null,
			server: this.#once(`${server.address} ${server.port}`),
			position: positionOf(exchange),
			kind,
			protocol: this.#once(protocol),
			startedUs: parseTime(exchange.startedAt),
			durationUs: exchange.durationUs,
			outcome: exchange.outcome,
			operation: this.#once(summary.operation),
			result: this.#once(summary.result),
			isTls: tls !== null,
			request: this.#half(request),
			response: this.#half(response),
			causes: [...causesOf(request?.body), ...causesOf(response?.body), ...missingOf(exchange)],
			opaque: typeof opaque === "string" ? opaque : kind === "connection" && protocol === "raw" ? "undetected" : null,
		};
	}

	#half(message: ExchangeMessage | null): HalfFields | null {
		if (message === null) return null;
		const { body } = message;
		return {
			bytes: String(message.bytes),
			attributes: this.#json(message.attributes),
			headers: this.#json(message.headers),
			trailers: this.#json(message.trailers),
			"body.bytes": String(body.bytes),
			"body.hash": this.#once(hashOf(body)),
			"body.completeness": body.completeness,
			// times are the observer's own
			messages:
				message.messages === null ? "" : digestOf(JSON.stringify(message.messages.map(({ at: _, ...each }) => each))),
		};
	}

	#json(value: unknown): string {
		const text = JSON.stringify(value);
		return this.#once(text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT)}… ${digestOf(text)}`);
	}

	#once(text: string): string {
		const known = this.#known.get(text);
		if (known !== undefined) return known;
		if (this.#known.size < MOST_KNOWN) this.#known.set(text, text);
		return text;
	}
}

/** Characters of a field that are kept; the rest counts by its hash. */
const MOST_TEXT = 2048;
const MOST_KNOWN = 100_000;

const digestOf = (text: string): string => hash("sha256", text, "hex").slice(0, 32);

function hashOf({ encoding, data, decodedFrom }: Body): string {
	if (data === "") return "";
	return digestOf(`${encoding} ${decodedFrom ?? ""} ${typeof data === "string" ? data : JSON.stringify(data)}`);
}

function positionOf({ id, idScope, connection }: Exchange): string {
	if (!ID.test(id) || !ID.test(connection.id)) return id;
	const sequence = Number.parseInt(id.slice(16, 24), 16);
	const ordinal = Number.parseInt(id.slice(24), 16);
	const dir = ordinal >= RESPONSE ? 1 : 0;
	const base = idScope === "network" ? Number.parseInt(connection.id.slice(16 + dir * 8, 24 + dir * 8), 16) : 0;
	return `${(sequence - base) >>> 0} ${ordinal}`;
}

const causesOf = (body: Body | undefined): readonly string[] => (body?.gaps ?? []).map(({ cause }) => cause);

function missingOf({ kind, annotations }: Exchange): readonly string[] {
	if (kind !== "connection") return [];
	return Object.keys(annotations).flatMap((name) => MISSING.exec(name)?.[1] ?? []);
}
