/** The memory that relay, main thread and workers share. Each cell has one writer. */

/** Cells of the ring, 32-bit positions that wrap. */
const HEAD = 0;
const TAIL = 1;
const IS_WAITING = 2;
const READER = 3;
const HEARTBEAT = 4;
const IS_DRAINED = 5;
const CELLS = 8;

/** What the relay counts, in the order of its cells. */
export const RELAY_COUNTERS = [
	"connections_accepted",
	"connections_open",
	"connections_refused",
	"connections_reset",
	"connect_failures",
	"timeouts",
	"handshake_failures",
	"proxy_headers_bad",
	"tls_intercepted",
	"tls_passed_through",
	"relayed_to_server_bytes",
	"relayed_to_client_bytes",
	"tee_dropped_bytes",
	"connections_not_told",
	"relay_restarts",
] as const;
export type RelayCounter = (typeof RELAY_COUNTERS)[number];

/** Plain data that crosses threads. */
export interface SidecarMemory {
	readonly cells: SharedArrayBuffer;
	readonly counters: SharedArrayBuffer;
	readonly ring: SharedArrayBuffer;
}

export function newMemory(ringBytes: number): SidecarMemory {
	return {
		cells: new SharedArrayBuffer(CELLS * 4),
		// one more: bytes that a worker holds right now
		counters: new SharedArrayBuffer((RELAY_COUNTERS.length + 1) * 8),
		ring: new SharedArrayBuffer(ringBytes),
	};
}

export class Shared {
	readonly ring: Uint8Array;
	readonly #cells: Int32Array;
	readonly #counters: Float64Array;

	constructor(memory: SidecarMemory) {
		this.#cells = new Int32Array(memory.cells);
		this.#counters = new Float64Array(memory.counters);
		this.ring = new Uint8Array(memory.ring);
	}

	/** Where the relay writes next. */
	get head(): number {
		return Atomics.load(this.#cells, HEAD) >>> 0;
	}

	/** Everything before it is written. Wakes the reader where it sleeps. */
	set head(position: number) {
		Atomics.store(this.#cells, HEAD, position | 0);
		if (Atomics.load(this.#cells, IS_WAITING) === 1) Atomics.notify(this.#cells, HEAD);
	}

	/** What the reader reads next. */
	get tail(): number {
		return Atomics.load(this.#cells, TAIL) >>> 0;
	}

	set tail(position: number) {
		Atomics.store(this.#cells, TAIL, position | 0);
	}

	/** Counts readers: a new one must be told what is open. */
	get reader(): number {
		return Atomics.load(this.#cells, READER);
	}

	nextReader(): void {
		Atomics.add(this.#cells, READER, 1);
	}

	beat(): void {
		Atomics.add(this.#cells, HEARTBEAT, 1);
	}

	get beats(): number {
		return Atomics.load(this.#cells, HEARTBEAT);
	}

	/** The relay has no connection any more and takes no new ones. */
	get isDrained(): boolean {
		return Atomics.load(this.#cells, IS_DRAINED) === 1;
	}

	set isDrained(is: boolean) {
		Atomics.store(this.#cells, IS_DRAINED, is ? 1 : 0);
	}

	/** Resolves when the relay wrote beyond `position`, or after `timeoutMs`. */
	async wait(position: number, timeoutMs: number): Promise<void> {
		Atomics.store(this.#cells, IS_WAITING, 1);
		await Atomics.waitAsync(this.#cells, HEAD, position | 0, timeoutMs).value;
		Atomics.store(this.#cells, IS_WAITING, 0);
	}

	/** Bytes that a worker took and has not come back from. */
	get heldBytes(): number {
		return this.#counters[RELAY_COUNTERS.length] ?? 0;
	}

	set heldBytes(bytes: number) {
		this.#counters[RELAY_COUNTERS.length] = bytes;
	}

	add(counter: RelayCounter, by = 1): void {
		const at = RELAY_COUNTERS.indexOf(counter);
		this.#counters[at] = (this.#counters[at] ?? 0) + by;
	}

	set(counter: RelayCounter, value: number): void {
		this.#counters[RELAY_COUNTERS.indexOf(counter)] = value;
	}

	counters(): Readonly<Record<RelayCounter, number>> {
		const entries = RELAY_COUNTERS.map((name, at) => [name, this.#counters[at] ?? 0] as const);
		return Object.fromEntries(entries) as Record<RelayCounter, number>;
	}
}
