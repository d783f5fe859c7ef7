import { connect, isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Attributes, Direction, Endpoint } from "../../core/index.js";
import { endpointOf, parseAddress, sameEndpoint, textOf } from "./address.js";
import { Lane, type LaneListener } from "./lane.js";
import { Opening } from "./opening.js";
import type { SidecarOptions } from "./options.js";
import { originalDestination } from "./original-destination.js";
import { parseProxyHeader, proxyHeader } from "./proxy-protocol.js";
import type { Shared } from "./shared.js";
import type { HopFacts, HopTee, How, Tee } from "./tee.js";
import type { Interception } from "./tls-interception.js";

/** After the other end broke off, what is on its way to this one gets so long to leave. */
const FLUSH_MS = 1_000;

/** What a hop is given by its relay. */
export interface HopSurroundings {
	readonly options: SidecarOptions;
	readonly tee: Tee;
	readonly shared: Shared;
	/** Null: TLS is relayed as it is. */
	readonly interception: Interception | null;
	nextNumber(): number;
	over(hop: Hop): void;
}

/** One connection of a client and the connection to its server that belongs to it. */
export class Hop implements LaneListener {
	readonly #around: HopSurroundings;
	readonly #client: Socket;
	#server: Socket | null = null;
	#destination: Endpoint = { address: "", port: 0 };
	/** The client's leg as it looks from outside: before redirection, and before the proxy in front of us. */
	#downstream: { readonly client: Endpoint; readonly server: Endpoint };
	#attributes: Attributes = {};
	#tls: HopFacts["tls"] = { downstream: null, upstream: null };
	#tee: HopTee | null = null;
	#lanes: Lane[] = [];
	#opening: Opening | null = null;
	/** Milliseconds, of `performance.now()`; 0: none. */
	#deadline = 0;
	#lastMs = performance.now();
	#finished: [boolean, boolean] = [false, false];
	#how: How = "unknown";
	#isOver = false;

	constructor(client: Socket, around: HopSurroundings) {
		this.#around = around;
		this.#client = client;
		this.#downstream = {
			client: endpointOf(client.remoteAddress, client.remotePort),
			server: endpointOf(client.localAddress, client.localPort),
		};
	}

	start(): void {
		const client = this.#client;
		client.setNoDelay(true);
		client.on("error", () => this.fail("reset"));
		client.on("close", () => this.#closed(this.#server));
		const { upstream, proxy_protocol } = this.#around.options;
		const destination = parseAddress(upstream) ?? originalDestination(client);
		// a connection that came here by itself would come back for ever
		if (destination === null || sameEndpoint(destination, this.#downstream.server)) {
			this.#refuse();
			return;
		}
		this.#destination = destination;
		if (parseAddress(upstream) === null) this.#downstream = { ...this.#downstream, server: destination };
		if (proxy_protocol.accept) this.#readProxyHeader();
		else this.#connect([]);
	}

	/** Looks at the clock: `nowMs` is of `performance.now()`. */
	tick(nowMs: number): void {
		const { idle_timeout_ms, half_closed_timeout_ms } = this.#around.options;
		const isHalf = this.#finished[0] || this.#finished[1];
		const quietMs = isHalf && half_closed_timeout_ms > 0 ? half_closed_timeout_ms : idle_timeout_ms;
		const isLate = this.#deadline > 0 ? nowMs > this.#deadline : quietMs > 0 && nowMs - this.#lastMs > quietMs;
		if (!isLate) return;
		this.#around.shared.add("timeouts");
		this.fail("reset");
	}

	/** Ends both connections at once, with a reset where that is possible. */
	fail(how: How): void {
		if (this.#how === "unknown") this.#how = how;
		this.#around.shared.add("connections_reset");
		for (const lane of this.#lanes) lane.detach();
		for (const socket of [this.#client, this.#server]) if (socket !== null) reset(socket);
		this.#over();
	}

	relayed(dir: Direction, data: Buffer, tsUs: number, delayUs: number): void {
		this.#lastMs = performance.now();
		this.#around.shared.add(dir === 0 ? "relayed_to_server_bytes" : "relayed_to_client_bytes", data.length);
		this.#told("transport").bytes(dir, data, tsUs, delayUs);
	}

	finished(dir: Direction): void {
		this.#lastMs = performance.now();
		this.#finished[dir] = true;
		this.#told("transport").end(dir, "fin");
	}

	/** From here on everything goes through as it comes. `first`: what was already read of the client. */
	relay(client: Duplex, server: Duplex, first: readonly Buffer[]): void {
		this.#deadline = 0;
		this.#lastMs = performance.now();
		this.#opening = null;
		for (const lane of this.#lanes) lane.detach();
		this.#lanes = [new Lane(0, client, server, this), new Lane(1, server, client, this)];
		this.#lanes[0]?.start(first);
		this.#lanes[1]?.start();
	}

	/** TLS ended here: what was told so far is one connection, the plaintext is another one. */
	relayPlaintext(client: Duplex, server: Duplex, tls: HopFacts["tls"], attributes: Attributes): void {
		for (const stream of [client, server]) {
			if (stream === this.#client || stream === this.#server) continue;
			stream.on("error", () => this.fail("reset"));
			stream.on("close", () => this.#closed(stream === client ? this.#server : this.#client));
		}
		this.#endTold();
		this.#attributes = { ...this.#attributes, ...attributes };
		this.#tls = tls;
		this.#told("plaintext");
		this.#around.shared.add("tls_intercepted");
		this.relay(client, server, []);
	}

	handshakeFailed(): void {
		this.#around.shared.add("handshake_failures");
		this.fail("reset");
	}

	/** A phase that must be over in time. */
	startHandshake(): void {
		this.#deadline = performance.now() + this.#around.options.handshake_timeout_ms;
	}

	#readProxyHeader(): void {
		const client = this.#client;
		let seen = Buffer.alloc(0);
		this.startHandshake();
		const read = (piece: Buffer) => {
			seen = Buffer.concat([seen, piece]);
			const header = parseProxyHeader(seen);
			if (header === "more") return;
			client.off("data", read);
			client.off("end", refuse);
			client.pause();
			if (header === "bad") return refuse();
			if (header.source !== null) this.#downstream = { ...this.#downstream, client: header.source };
			const { destination } = header;
			this.#attributes = {
				"proxy_protocol.version": header.version,
				...(destination === null ? {} : { "proxy_protocol.destination": textOf(destination) }),
			};
			this.#connect(seen.length > header.length ? [seen.subarray(header.length)] : []);
		};
		const refuse = () => {
			this.#around.shared.add("proxy_headers_bad");
			this.fail("reset");
		};
		client.on("data", read);
		client.once("end", refuse);
		client.resume();
	}

	#connect(first: readonly Buffer[]): void {
		const { address, port } = this.#destination;
		this.#deadline = performance.now() + this.#around.options.connect_timeout_ms;
		const server = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
		this.#server = server;
		server.on("error", () => {
			if (server.connecting || server.remoteAddress === undefined) this.#around.shared.add("connect_failures");
			this.fail("reset");
		});
		server.on("close", () => this.#closed(this.#client));
		server.once("connect", () => this.#connected(server, first));
	}

	#connected(server: Socket, first: readonly Buffer[]): void {
		const { send } = this.#around.options.proxy_protocol;
		server.pause();
		if (send !== "off") server.write(proxyHeader(send, this.#downstream.client, this.#downstream.server));
		const { interception } = this.#around;
		if (interception === null) {
			this.#told("transport");
			this.relay(this.#client, server, first);
			return;
		}
		this.#deadline = 0;
		const { address } = this.#destination;
		const configured = parseAddress(this.#around.options.upstream)?.address ?? "";
		const host = configured !== "" && isIP(configured) === 0 ? configured : address;
		this.#opening = new Opening(this, interception, this.#client, server, host);
		this.#opening.start(first);
	}

	/** The connection that a reader hears of, announced when there is something to say. */
	#told(layer: "transport" | "plaintext"): HopTee {
		if (this.#tee !== null) return this.#tee;
		const server = this.#server;
		const hasServer = server?.remoteAddress !== undefined;
		this.#tee = this.#around.tee.hop(this.#around.nextNumber(), {
			downstream: this.#downstream,
			upstream: hasServer
				? {
						client: endpointOf(server.localAddress, server.localPort),
						server: endpointOf(server.remoteAddress, server.remotePort),
					}
				: null,
			layer,
			tls: this.#tls,
			attributes: this.#attributes,
		});
		return this.#tee;
	}

	#endTold(): void {
		if (this.#tee === null) return;
		for (const dir of [0, 1] as const) this.#tee.end(dir, this.#how);
		this.#tee.close();
		this.#tee = null;
	}

	/** One connection is gone; nothing more can reach it, but what it said may still be on its way to `other`. */
	#closed(other: Socket | null): void {
		if (this.#client.destroyed && (this.#server === null || this.#server.destroyed)) {
			this.#over();
			return;
		}
		if (other === null || (this.#finished[0] && this.#finished[1])) return;
		for (const lane of this.#lanes) lane.detach();
		this.#deadline = performance.now() + FLUSH_MS;
		const flush = () => {
			if (other.writableLength === 0) this.fail("reset");
			else other.once("drain", () => this.fail("reset"));
		};
		flush();
	}

	#refuse(): void {
		this.#around.shared.add("connections_refused");
		reset(this.#client);
		this.#over(false);
	}

	#over(isTold = true): void {
		if (this.#isOver) return;
		this.#isOver = true;
		this.#opening?.stop();
		if (isTold) this.#told("transport");
		this.#endTold();
		this.#around.over(this);
	}
}

/** A reset rather than a regular end: the receiver must not take what it has for everything. */
function reset(socket: Socket): void {
	if (socket.destroyed) return;
	try {
		socket.resetAndDestroy();
	} catch {
		// TLS has taken its handle
		socket.destroy();
	}
}
