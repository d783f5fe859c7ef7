import type { CaptureEvent, Direction, Endpoint, Processes } from "../../core/index.js";
import { addressText } from "./addresses.js";
import { cookieAt } from "./cookie.js";
import * as layout from "./record-layout.js";
import type { RecordMemory } from "./ring.js";

/** A flow that was silent for so long is over: nothing else says so. */
const IDLE_US = 30_000_000;
const MAX_FLOWS = 65_536;
/** So long a datagram waits for its socket's call, which says whose it is. */
const HOLD_US = 5_000_000;
const MAX_HELD = 4_096;

/** Of a socket; `pid` 0: nothing was said. */
interface Owner {
	readonly pid: number;
	readonly netns: number;
}

interface Flow {
	readonly key: string;
	readonly cookie: number;
	readonly conn: number;
	/** This end sends what the server sends. */
	readonly isServer: boolean;
	lastUs: number;
}

/** A datagram whose socket has made no call yet. */
interface Held {
	readonly record: RecordMemory;
	readonly tsUs: number;
}

/** The numbers by which the engine knows connections. */
export interface ConnNumbers {
	take(): number;
	give(conn: number): unknown;
}

/** UDP: datagrams to capture events. A flow is one socket and one far end. */
export class Datagrams {
	bytes = 0;
	/** By socket and far end, the one that was silent for longest first. */
	readonly #flows = new Map<string, Flow>();
	readonly #held = new Map<number, Held[]>();
	#heldCount = 0;
	readonly #conns: ConnNumbers;
	readonly #processes: Processes;

	constructor(conns: ConnNumbers, processes: Processes) {
		this.#conns = conns;
		this.#processes = processes;
	}

	get openFlows(): number {
		return this.#flows.size;
	}

	/** One record at byte index `at`: a datagram, or whose a socket is. */
	record(ring: RecordMemory, at: number, tsUs: number, batch: CaptureEvent[]): void {
		const { words, bytes } = ring;
		const cookie = cookieAt(words, at);
		const owner = { pid: words[(at + layout.RECORD_PID) >>> 2]!, netns: words[(at + layout.RECORD_NETNS) >>> 2]! };
		const waiting = this.#held.get(cookie);
		if (waiting !== undefined && owner.pid !== 0) this.#tell(cookie, waiting, owner, batch);
		if (bytes[at + layout.RECORD_KIND] === layout.RECORD_OPEN || owner.pid === process.pid) return;
		if (owner.pid === 0) this.#hold(cookie, copyOf(ring, at), tsUs, batch);
		else this.#datagram(ring, at, cookie, owner, tsUs, batch);
	}

	/** Ends flows that were silent for too long, and tells what waited in vain. `isLast`: nothing more will come. */
	tick(nowUs: number, isLast: boolean, batch: CaptureEvent[]): void {
		for (const [cookie, waiting] of this.#held)
			if (isLast || nowUs - waiting[0]!.tsUs > HOLD_US) this.#tell(cookie, waiting, NOBODY, batch);
		for (const flow of this.#flows.values()) {
			if (nowUs - flow.lastUs <= IDLE_US) return;
			this.#close(flow, batch);
		}
	}

	#hold(cookie: number, record: RecordMemory, tsUs: number, batch: CaptureEvent[]): void {
		const waiting = this.#held.get(cookie);
		if (waiting === undefined) this.#held.set(cookie, [{ record, tsUs }]);
		else waiting.push({ record, tsUs });
		if (++this.#heldCount <= MAX_HELD) return;
		const [oldest, held] = this.#held.entries().next().value!;
		this.#tell(oldest, held, NOBODY, batch);
	}

	#tell(cookie: number, waiting: readonly Held[], owner: Owner, batch: CaptureEvent[]): void {
		this.#held.delete(cookie);
		this.#heldCount -= waiting.length;
		if (owner.pid === process.pid) return;
		for (const { record, tsUs } of waiting) this.#datagram(record, 0, cookie, owner, tsUs, batch);
	}

	#datagram(
		{ memory, words, halves, bytes }: RecordMemory,
		at: number,
		cookie: number,
		owner: Owner,
		tsUs: number,
		batch: CaptureEvent[],
	): void {
		const family = bytes[at + layout.RECORD_FAMILY]!;
		const end = (address: number, port: number): Endpoint => ({
			address: addressText(family, bytes, at + address),
			port: halves[(at + port) >>> 1]!,
		});
		const local = end(layout.RECORD_LOCAL, layout.RECORD_LOCAL_PORT);
		const remote = end(layout.RECORD_REMOTE, layout.RECORD_REMOTE_PORT);
		const isReceive = bytes[at + layout.RECORD_DIRECTION] === layout.DIRECTION_RECV;
		const key = `${cookie} ${local.address} ${local.port} ${remote.address} ${remote.port}`;
		let flow = this.#flows.get(key);
		if (flow === undefined) {
			const role = bytes[at + layout.RECORD_ROLE]!;
			// where both ports are a server's, who speaks first asks
			const isServer = role === layout.ROLE_UNKNOWN ? isReceive : role === layout.ROLE_SERVER;
			flow = { key, cookie, conn: this.#conns.take(), isServer, lastUs: tsUs };
			this.#open(flow, local, remote, role !== layout.ROLE_UNKNOWN, owner, tsUs, batch);
		} else this.#flows.delete(key);
		this.#flows.set(key, flow);
		flow.lastUs = tsUs;
		const dir: Direction = isReceive === flow.isServer ? 0 : 1;
		const length = words[(at + layout.RECORD_LENGTH) >>> 2]!;
		this.bytes += length;
		batch.push({
			kind: "datagram",
			conn: flow.conn,
			dir,
			tsUs,
			data: new Uint8Array(memory, at + layout.RECORD_BYTES, length),
		});
	}

	#open(
		{ conn, isServer }: Flow,
		local: Endpoint,
		remote: Endpoint,
		roleKnown: boolean,
		{ pid, netns }: Owner,
		tsUs: number,
		batch: CaptureEvent[],
	): void {
		if (this.#flows.size >= MAX_FLOWS) this.#close(this.#flows.values().next().value!, batch);
		const [server, client] = isServer ? [local, remote] : [remote, local];
		batch.push({
			kind: "open",
			conn,
			tsUs,
			transport: "udp",
			client,
			server,
			role: isServer ? "server" : "client",
			roleKnown,
			bases: null,
			fromStart: true,
			netns: netns === 0 ? null : netns,
			process: this.#processes.of(pid),
			layer: "transport",
			lower: null,
		});
	}

	#close(flow: Flow, batch: CaptureEvent[]): void {
		this.#flows.delete(flow.key);
		this.#conns.give(flow.conn);
		batch.push({ kind: "close", conn: flow.conn, tsUs: flow.lastUs });
	}
}

const NOBODY: Owner = { pid: 0, netns: 0 };

/** It stays when the ring has gone on. */
function copyOf({ bytes, words }: RecordMemory, at: number): RecordMemory {
	const length = words[(at + layout.RECORD_LENGTH) >>> 2]!;
	const copy = new Uint8Array((layout.RECORD_BYTES + length + 7) & ~7);
	copy.set(bytes.subarray(at, at + layout.RECORD_BYTES + length));
	const memory = copy.buffer;
	return { memory, bytes: copy, words: new Uint32Array(memory), halves: new Uint16Array(memory) };
}
