import type { BytesEvent, CaptureEvent, Direction, EndEvent, GapCause, OpenEvent } from "../../core/index.js";
import { addressText } from "./addresses.js";
import type { KernelClock } from "./clock.js";
import type { Processes } from "./processes.js";
import * as layout from "./record-layout.js";
import type { Ring } from "./ring.js";
import { RECORD_CAUSES, type Socket, type SocketDirection } from "./sockets.js";

const TWO_32 = 2 ** 32;
/** An application that still holds a closed connection gets this long to read what had arrived. */
const HELD_MS = 1000;
/** Sockets that are remembered at once. */
const MAX_SOCKETS = 262_144;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Turns ring records into capture events. Positions, roles and losses are known here; reassembly is the engine's. */
export class Translator {
	bytesSeen = 0;
	bytesOrphaned = 0;
	/** Of what the kernel counted as lost: bytes whose connection and position we could name. */
	bytesRingFull = 0;
	/** Read by an application so long after the close that the connection was forgotten. */
	bytesAfterClose = 0;
	recordsDuplicate = 0;
	readonly #sockets = new Map<number, Socket>();
	/** Closed, but the application may read on. */
	readonly #closing = new Set<Socket>();
	readonly #free: number[] = [];
	#nextConn = 1;
	readonly #processes: Processes;
	readonly #clock: KernelClock;
	// bytes events are used again in the next batch, which the contract allows
	readonly #pool: Mutable<BytesEvent>[] = [];
	#used = 0;

	constructor(processes: Processes, clock: KernelClock) {
		this.#processes = processes;
		this.#clock = clock;
	}

	/** A new batch begins: event objects of the last one may be used again. */
	startBatch(): void {
		this.#used = 0;
	}

	/** One record of the payload ring at byte index `at`. */
	payload(ring: Ring, at: number, batch: CaptureEvent[]): void {
		const w = at >>> 2;
		const { words, bytes } = ring;
		const kind = bytes[at + layout.RECORD_KIND]!;
		const cookie = words[w]! + words[w + 1]! * TWO_32;
		let socket = this.#sockets.get(cookie);
		if (socket === undefined) {
			if (kind === layout.RECORD_WIRE && words[(at + layout.RECORD_PID) >>> 2] === 0) {
				// a packet before the first call of its process: who that is, nobody knows yet
				this.bytesOrphaned += words[(at + layout.RECORD_LENGTH) >>> 2]!;
				return;
			}
			if ((bytes[at + layout.RECORD_FLAGS]! & layout.FLAG_STILL_HELD) !== 0) {
				this.bytesAfterClose += words[(at + layout.RECORD_LENGTH) >>> 2]! + words[(at + layout.RECORD_MISSING) >>> 2]!;
				return;
			}
			socket = this.#open(ring, at, cookie, batch);
		}
		if (socket.closeAtMs !== 0) this.#keepOn(socket);
		const isReceive = bytes[at + layout.RECORD_DIRECTION] !== 0;
		const side = isReceive ? socket.receive : socket.send;
		// what a server receives goes from client to server
		const dir: Direction = isReceive === socket.isServer ? 0 : 1;
		const offset = words[w + 4]! + words[w + 5]! * TWO_32;
		const tsUs = Math.floor((words[w + 2]! + words[w + 3]! * TWO_32) / 1000) + this.#clock.offsetUs;
		const drops = words[(at + layout.RECORD_DROPS) >>> 2]!;
		const length = words[(at + layout.RECORD_LENGTH) >>> 2]!;
		const hasDropped = drops !== side.drops;
		if (hasDropped) this.#lost(socket, side, dir, offset, drops, tsUs, batch);
		if (kind === layout.RECORD_GAP) {
			const missing = words[(at + layout.RECORD_MISSING) >>> 2]!;
			let cause = RECORD_CAUSES[bytes[at + layout.RECORD_CAUSE]!] ?? "missed";
			// packets should have brought it, and found no room
			if (cause === "missed" && hasDropped) cause = "ring-full";
			this.bytesSeen += missing;
			if (cause === "ring-full") this.bytesRingFull += Math.max(0, offset + missing - Math.max(offset, side.next));
			const from = Math.max(offset, side.next);
			// where packets were faster, nothing is missing any more
			if (offset + missing > from)
				batch.push({ kind: "gap", conn: socket.conn, dir, tsUs, offset: from, length: offset + missing - from, cause });
			return;
		}
		const end = offset + length;
		if (kind === layout.RECORD_WIRE) {
			if (end <= side.next) {
				this.recordsDuplicate++;
				return;
			}
		} else this.bytesSeen += length;
		if (end > side.next) side.next = end;
		const event = this.#bytesEvent();
		event.conn = socket.conn;
		event.dir = dir;
		event.offset = offset;
		event.tsUs = tsUs;
		event.data = new Uint8Array(ring.memory, at + layout.RECORD_BYTES, length);
		batch.push(event);
	}

	/** One record of the control ring. */
	control(ring: Ring, at: number, batch: CaptureEvent[], nowMs: number): void {
		const w = at >>> 2;
		const { words, bytes } = ring;
		const cookie = words[w]! + words[w + 1]! * TWO_32;
		const kind = bytes[at + layout.RECORD_KIND]!;
		let socket = this.#sockets.get(cookie);
		if (kind === layout.RECORD_OPEN) {
			if (socket === undefined) this.#open(ring, at, cookie, batch);
			return;
		}
		if (socket === undefined) {
			// not one of its records found room
			const dropped =
				words[(at + layout.CLOSE_RECORD_DROPS_RECV) >>> 2]! + words[(at + layout.CLOSE_RECORD_DROPS_SEND) >>> 2]!;
			if (dropped === 0) return;
			socket = this.#open(ring, at, cookie, batch);
		}
		const tsUs = Math.floor((words[w + 2]! + words[w + 3]! * TWO_32) / 1000) + this.#clock.offsetUs;
		const read64 = (offset: number): number => words[(at + offset) >>> 2]! + words[(at + offset + 4) >>> 2]! * TWO_32;
		const flags = bytes[at + layout.RECORD_FLAGS]!;
		const isHeld = (flags & layout.FLAG_STILL_HELD) !== 0;
		const how = (flags & layout.FLAG_RESET) !== 0 ? "reset" : "fin";
		for (const isReceive of [true, false]) {
			const side = isReceive ? socket.receive : socket.send;
			const dir: Direction = isReceive === socket.isServer ? 0 : 1;
			const drops = words[(at + (isReceive ? layout.CLOSE_RECORD_DROPS_RECV : layout.CLOSE_RECORD_DROPS_SEND)) >>> 2]!;
			const final = read64(isReceive ? layout.CLOSE_RECORD_FINAL_RECV : layout.CLOSE_RECORD_FINAL_SEND);
			if (drops !== side.drops) this.#lost(socket, side, dir, final, drops, tsUs, batch);
			// an application that has not read everything may still do so
			const isOver = !isReceive || !isHeld || final === read64(layout.CLOSE_RECORD_RECEIVED);
			batch.push(endEvent(socket.conn, dir, tsUs, isOver ? final : null, how));
		}
		if (isHeld) {
			socket.closeAtMs = nowMs + HELD_MS;
			this.#closing.add(socket);
		} else this.#close(socket, tsUs, batch);
	}

	/** Connections whose application had time enough to read the rest. */
	expire(nowMs: number, batch: CaptureEvent[]): void {
		for (const socket of this.#closing) {
			if (socket.closeAtMs > nowMs) return;
			this.#closing.delete(socket);
			this.#close(socket, nowMs * 1000, batch);
		}
	}

	get hasClosing(): boolean {
		return this.#closing.size > 0;
	}

	get openSockets(): number {
		return this.#sockets.size;
	}

	/** It is still being read. The set stays in the order of its deadlines. */
	#keepOn(socket: Socket): void {
		socket.closeAtMs = Date.now() + HELD_MS;
		this.#closing.delete(socket);
		this.#closing.add(socket);
	}

	#bytesEvent(): Mutable<BytesEvent> {
		const pooled = this.#pool[this.#used++];
		if (pooled !== undefined) return pooled;
		const event: Mutable<BytesEvent> = { kind: "bytes", conn: 0, dir: 0, offset: 0, tsUs: 0, data: NOTHING };
		this.#pool.push(event);
		return event;
	}

	#open(ring: Ring, at: number, cookie: number, batch: CaptureEvent[]): Socket {
		const { words, halves, bytes } = ring;
		const role = bytes[at + layout.RECORD_ROLE]!;
		const family = bytes[at + layout.RECORD_FAMILY]!;
		const pid = words[(at + layout.RECORD_PID) >>> 2]!;
		const local = {
			address: addressText(family, bytes, at + layout.RECORD_LOCAL),
			port: halves[(at + layout.RECORD_LOCAL_PORT) >>> 1]!,
		};
		const remote = {
			address: addressText(family, bytes, at + layout.RECORD_REMOTE),
			port: halves[(at + layout.RECORD_REMOTE_PORT) >>> 1]!,
		};
		// unknown only where both bases were in motion at the first look: then the lower port is the likelier server
		const isServer = role === layout.ROLE_UNKNOWN ? local.port < remote.port : role === layout.ROLE_SERVER;
		const baseSend = words[(at + layout.RECORD_BASE_SEND) >>> 2]!;
		const baseReceive = words[(at + layout.RECORD_BASE_RECV) >>> 2]!;
		const socket: Socket = {
			cookie,
			conn: this.#free.pop() ?? this.#nextConn++,
			isServer,
			isLate: (bytes[at + layout.RECORD_FLAGS]! & layout.FLAG_LATE) !== 0,
			send: { next: -1, drops: 0 },
			receive: { next: -1, drops: 0 },
			closeAtMs: 0,
		};
		this.#sockets.set(cookie, socket);
		if (this.#sockets.size > MAX_SOCKETS) this.#forgetOldest(batch);
		const isLocal = (bytes[at + layout.RECORD_FLAGS]! & layout.FLAG_POSITION_LOCAL) !== 0;
		const open: OpenEvent = {
			kind: "open",
			conn: socket.conn,
			tsUs: this.#timeOf(words, at >>> 2),
			transport: "tcp",
			client: isServer ? remote : local,
			server: isServer ? local : remote,
			role: isServer ? "server" : "client",
			roleKnown: role !== layout.ROLE_UNKNOWN,
			bases: isLocal ? null : isServer ? [baseReceive, baseSend] : [baseSend, baseReceive],
			fromStart: true,
			netns: words[(at + layout.RECORD_NETNS) >>> 2]!,
			process: this.#processes.of(pid),
			layer: "transport",
			lower: null,
		};
		batch.push(open);
		return socket;
	}

	#timeOf(words: Uint32Array, w: number): number {
		return Math.floor((words[w + 2]! + words[w + 3]! * TWO_32) / 1000) + this.#clock.offsetUs;
	}

	/** The kernel counted records that found no room: what is missing up to `offset` is theirs. */
	#lost(
		{ conn, isLate }: Socket,
		side: SocketDirection,
		dir: Direction,
		offset: number,
		drops: number,
		tsUs: number,
		batch: CaptureEvent[],
	): void {
		const cause: GapCause = "ring-full";
		if (side.next < 0 && isLate) {
			// where watching would have begun, only the lost record knew
			batch.push({ kind: "loss", bytes: null, events: drops - side.drops, cause });
			side.drops = drops;
			return;
		}
		side.drops = drops;
		const from = Math.max(0, side.next);
		if (offset <= from) return;
		this.bytesRingFull += offset - from;
		batch.push({ kind: "gap", conn, dir, tsUs, offset: from, length: offset - from, cause });
		this.bytesSeen += offset - from;
		side.next = offset;
	}

	/** Its close was lost, or it is very old: there must be an end to remembering. */
	#forgetOldest(batch: CaptureEvent[]): void {
		const oldest = this.#sockets.values().next().value;
		if (oldest === undefined) return;
		this.#closing.delete(oldest);
		this.#close(oldest, Date.now() * 1000, batch);
	}

	#close(socket: Socket, tsUs: number, batch: CaptureEvent[]): void {
		this.#sockets.delete(socket.cookie);
		this.#free.push(socket.conn);
		batch.push({ kind: "close", conn: socket.conn, tsUs });
	}
}

const NOTHING = new Uint8Array(0);

function endEvent(
	conn: number,
	dir: Direction,
	tsUs: number,
	finalOffset: number | null,
	how: EndEvent["how"],
): EndEvent {
	return { kind: "end", conn, dir, tsUs, finalOffset, how };
}
