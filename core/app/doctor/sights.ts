import type { Endpoint, Transport } from "../../events.js";
import type { Exchange, ExchangeEndpoint } from "../../exchange.js";

/** What a capture made of one connection. */
export interface ConnectionSight {
	readonly transport: Transport;
	readonly client: ExchangeEndpoint;
	readonly server: ExchangeEndpoint;
	readonly captured: number;
	readonly lost: Readonly<Record<string, number>>;
	readonly exchanges: number;
	/** Null: nothing that a parser knows. */
	readonly protocol: string | null;
	/** Why there is no protocol, or why its rest was not read. */
	readonly reason: string | null;
	/** What encrypts it, where its plaintext was seen. */
	readonly tlsLibrary: string | null;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Sight extends Mutable<Omit<ConnectionSight, "lost">> {
	readonly lost: Record<string, number>;
	/** Of what lies above TLS: it says what is spoken, its carrier how many bytes passed. */
	hasPlaintext: boolean;
}

/** Collects records by connection. */
export class Sights {
	readonly #byEnds = new Map<string, Sight>();

	get all(): readonly ConnectionSight[] {
		return [...this.#byEnds.values()];
	}

	add(exchange: Exchange): void {
		const sight = this.#of(exchange);
		if (exchange.kind === "connection") addRecord(sight, exchange);
		else {
			sight.exchanges++;
			if (exchange.connection.tls !== null || !sight.hasPlaintext) sight.protocol = exchange.protocol;
		}
	}

	#of({ connection: { transport, client, server } }: Exchange): Sight {
		const key = endsKey(transport, client, server);
		let sight = this.#byEnds.get(key);
		if (sight === undefined) {
			sight = {
				transport,
				client,
				server,
				captured: 0,
				lost: {},
				exchanges: 0,
				protocol: null,
				reason: null,
				tlsLibrary: null,
				hasPlaintext: false,
			};
			this.#byEnds.set(key, sight);
		}
		// the later record knows more of who is at the ends
		if (client.process !== null) sight.client = client;
		if (server.process !== null) sight.server = server;
		return sight;
	}
}

function addRecord(sight: Sight, { annotations, protocol, summary, connection }: Exchange): void {
	const isPlaintext = connection.tls !== null;
	const reason = annotations["polytap.opaque.reason"] ?? (protocol === "raw" ? summary.result : null);
	if (isPlaintext) sight.tlsLibrary = connection.tls.library;
	// what was told above it decides what is spoken
	if (isPlaintext || !sight.hasPlaintext) {
		sight.protocol = protocol === "raw" ? null : protocol;
		sight.reason = typeof reason === "string" && reason !== "" ? reason : null;
	}
	if (isPlaintext) sight.hasPlaintext = true;
	for (const [name, value] of Object.entries(annotations)) {
		const [, what, cause] =
			/^polytap\.(?:client_to_server|server_to_client)\.bytes_(captured|missing)(?:\.(.+))?$/.exec(name) ?? [];
		if (typeof value !== "number" || value === 0) continue;
		if (what === "captured") sight.captured += value;
		else if (cause !== undefined) sight.lost[cause] = (sight.lost[cause] ?? 0) + value;
	}
}

/** Equal whichever end is asked. */
export function endsKey(transport: Transport, a: Endpoint, b: Endpoint): string {
	const [first, second] = [`${a.address} ${a.port}`, `${b.address} ${b.port}`].sort();
	return `${transport} ${first} ${second}`;
}
