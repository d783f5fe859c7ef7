import type { Attributes, CaptureEvent } from "../../core/index.js";
import type { BridgeCounters } from "./counters.js";
import { LIMITS, type OpenParams } from "./protocol.js";
import { type JvmFacts, TappedConnection } from "./tapped-connection.js";

/** What sessions of one JVM have in common, in the order of its agent's reconnects. */
export class Jvm {
	readonly instance: string;
	readonly facts: JvmFacts;
	/** As the kernel knows it, 0: not known. */
	readonly pid: number;
	readonly threads = new Map<number, Attributes>();
	/** Cumulative, as its agent told last. */
	stats: Readonly<Record<string, number>> = {};
	/** When the agent went away; null: it is here. */
	awaySinceMs: number | null = null;
	readonly #connections = new Map<number, TappedConnection>();
	readonly #contexts = new Map<number, Attributes>();
	readonly #counters: BridgeCounters;
	readonly #nextConn: () => number;

	constructor(instance: string, pid: number, facts: JvmFacts, counters: BridgeCounters, nextConn: () => number) {
		this.instance = instance;
		this.pid = pid;
		this.facts = facts;
		this.#counters = counters;
		this.#nextConn = nextConn;
	}

	get openConnections(): number {
		return this.#connections.size;
	}

	/** Adds what is known of this JVM alone. */
	count(flat: Record<string, number>): void {
		const name = (this.facts.process?.name ?? "").replace(/[^\w.:-]/g, "_");
		const labels = `{pid="${this.pid}",process="${name}"}`;
		const { hook_errors = 0, hook_calls = 0, dropped_events = 0, dropped_bytes = 0, queue_bytes = 0 } = this.stats;
		flat[`jvm_hook_errors${labels}`] = hook_errors;
		flat[`jvm_hook_calls${labels}`] = hook_calls;
		flat[`jvm_dropped_events${labels}`] = dropped_events;
		flat[`jvm_dropped_bytes${labels}`] = dropped_bytes;
		flat[`jvm_queue_bytes_held${labels}`] = queue_bytes;
		flat[`jvm_connections_open${labels}`] = this.#connections.size;
	}

	connection(c: number): TappedConnection | null {
		return this.#connections.get(c) ?? null;
	}

	/** False where it was told before and the positions went back. Above `most` the connection is counted and not told. */
	open(open: OpenParams, tsUs: number, most: number, out: CaptureEvent[]): boolean {
		let connection = this.#connections.get(open.c);
		if (connection !== undefined) {
			if (connection.role !== open.role || !connection.resume(open.offsets, tsUs, out)) return false;
		} else {
			if (this.#connections.size >= most) {
				this.#counters.connectionsRefused++;
				return true;
			}
			connection = new TappedConnection(this.#nextConn(), open, this.facts, this.#counters);
			this.#connections.set(open.c, connection);
			this.#counters.connections++;
		}
		const { l, r, fd } = open;
		if (l && r) connection.bind({ l, r, fd }, tsUs, out);
		return true;
	}

	close(
		c: number,
		final: readonly [number, number],
		how: "fin" | "reset" | "unknown",
		tsUs: number,
		out: CaptureEvent[],
	): void {
		const connection = this.#connections.get(c);
		if (connection === undefined) return;
		this.#connections.delete(c);
		connection.close(final, how, tsUs, out);
	}

	/** A new session begins: threads and contexts are told anew. */
	sessionBegins(): void {
		this.awaySinceMs = null;
		this.threads.clear();
		this.#contexts.clear();
		for (const connection of this.#connections.values()) connection.isAnnounced = false;
	}

	/** What the agent did not tell again is over. */
	synchronise(tsUs: number, out: CaptureEvent[]): void {
		for (const [c, connection] of this.#connections) {
			if (connection.isAnnounced) continue;
			this.#connections.delete(c);
			connection.close(null, "unknown", tsUs, out);
		}
	}

	/** The agent does not come back. */
	end(tsUs: number, out: CaptureEvent[]): void {
		for (const connection of this.#connections.values()) connection.close(null, "unknown", tsUs, out);
		this.#connections.clear();
	}

	addContext(ctx: number, attributes: Attributes): void {
		const known = this.#contexts.get(ctx);
		if (known !== undefined) this.#contexts.delete(ctx);
		this.#contexts.set(ctx, { ...known, ...attributes });
		if (this.#contexts.size <= LIMITS.maxContexts) return;
		const oldest = this.#contexts.keys().next().value;
		if (oldest !== undefined) this.#contexts.delete(oldest);
	}

	context(ctx: number): Attributes | null {
		return ctx === 0 ? null : (this.#contexts.get(ctx) ?? null);
	}
}
