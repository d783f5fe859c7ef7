import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { endpointOf, parseAddress, textOf } from "./address.js";
import { Hop, type HopSurroundings } from "./hop.js";
import { listenAddresses, type SidecarOptions } from "./options.js";
import type { Shared } from "./shared.js";
import { Tee } from "./tee.js";
import { Interception } from "./tls-interception.js";

/** How often clocks are looked at and what waits for the tee is tried again. */
const TURN_MS = 50;

/** Listeners and connections. Lives in a thread of its own and knows nothing of parsers, sinks or who reads the tee. */
export class Relay {
	readonly #options: SidecarOptions;
	readonly #shared: Shared;
	readonly #tee: Tee;
	readonly #hops = new Set<Hop>();
	readonly #servers: Server[] = [];
	#number = 0;
	#drainUntil = 0;
	#drained: (() => void) | null = null;

	constructor(options: SidecarOptions, shared: Shared) {
		this.#options = options;
		this.#shared = shared;
		this.#tee = new Tee(shared);
	}

	/** Returns where it listens in fact. Rejects where an address cannot be had. */
	async open(): Promise<readonly string[]> {
		const around: HopSurroundings = {
			options: this.#options,
			tee: this.#tee,
			shared: this.#shared,
			interception: await Interception.create(this.#options.tls, this.#shared),
			nextNumber: () => (this.#number = (this.#number + 1) >>> 0),
			over: (hop) => this.#over(hop),
		};
		const listening: string[] = [];
		for (const text of listenAddresses(this.#options)) {
			const { address = "", port = 0 } = parseAddress(text) ?? {};
			const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) =>
				this.#accept(client, around),
			);
			server.listen({ host: address, port, backlog: 4096 });
			await once(server, "listening");
			server.on("error", () => undefined);
			this.#servers.push(server);
			const bound = server.address();
			if (bound !== null && typeof bound === "object") listening.push(textOf(endpointOf(bound.address, bound.port)));
		}
		// what came while this thread had no processor is seen before the clock is looked at
		setInterval(() => setImmediate(() => this.#turn()), TURN_MS);
		return listening;
	}

	/** Takes nothing new; resolves when the last connection has ended, by itself or because the time is up. */
	drain(timeoutMs: number): Promise<void> {
		for (const server of this.#servers.splice(0)) server.close();
		this.#drainUntil = performance.now() + timeoutMs;
		return new Promise((resolve) => {
			this.#drained = resolve;
			this.#turn();
		});
	}

	#accept(client: Socket, around: HopSurroundings): void {
		this.#shared.add("connections_accepted");
		if (this.#hops.size >= this.#options.max_connections) {
			this.#shared.add("connections_refused");
			client.on("error", () => undefined);
			client.resetAndDestroy();
			return;
		}
		const hop = new Hop(client, around);
		this.#hops.add(hop);
		this.#shared.set("connections_open", this.#hops.size);
		hop.start();
	}

	#over(hop: Hop): void {
		this.#hops.delete(hop);
		this.#shared.set("connections_open", this.#hops.size);
	}

	#turn(): void {
		this.#shared.beat();
		this.#tee.turn();
		const now = performance.now();
		for (const hop of this.#hops) hop.tick(now);
		if (this.#drained === null) return;
		if (now >= this.#drainUntil) for (const hop of this.#hops) hop.fail("reset");
		if (this.#hops.size > 0) return;
		this.#tee.turn();
		this.#shared.isDrained = true;
		this.#drained();
		this.#drained = null;
	}
}
