import type { BytesEvent, CaptureEvent, Direction, KernelClock, OpenEvent, Processes } from "../../core/index.js";
import { addressText } from "./addresses.js";
import { cookieAt } from "./cookie.js";
import { Datagrams } from "./datagrams.js";
import type { Pins } from "./pins.js";
import * as layout from "./record-layout.js";
import type { RecordMemory } from "./ring.js";
import { RECORD_CAUSES, type Socket, type SocketDirection } from "./sockets.js";
import { libraryName } from "./tls/libraries.js";
import { AF_UNIX, UnixSockets, unixEnds } from "./unix-sockets.js";

const TWO_32 = 2 ** 32;
/** Sockets that are remembered at once. */
const MAX_SOCKETS = 262_144;
const LATE = { late: true } as const;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Turns ring records into capture events. Positions, roles and losses are known here; reassembly is the engine's. */
export class Translator {
	bytesSeen = 0;
	bytesCaptured = 0;
	/** Of what the kernel counted as lost: bytes whose connection and position we could name. */
	bytesRingFull = 0;
	recordsDuplicate = 0;
	readonly #sockets = new Map<number, Socket>();
	/** What lies above TLS, by the cookie of the socket below. */
	readonly #plaintexts = new Map<number, Socket>();
	readonly unix = new UnixSockets();
	readonly udp: Datagrams;
	#last: Socket | null = null;
	readonly #free: number[] = [];
	#nextConn = 1;
	readonly #processes: Processes;
	readonly #clock: KernelClock;
	// bytes events are used again in the next batch, which the contract allows
	readonly #pool: Mutable<BytesEvent>[] = [];
	#used = 0;

	/** Calls were seen that moved bytes without a user buffer. */
	needsPackets = false;

	readonly #byConn: (Socket | undefined)[] = [];
	/** Cookies of those that nobody wants: what still comes of them is not told. */
	readonly #ignored = new Set<number>();
	#toIgnore: Socket[] = [];

	/** Another worker told the engine before us about connections that are still open. */
	readonly #isSuccessor: boolean;

	/** No other end brings the same bytes. */
	readonly #copiesOnce: boolean;

	/** Null: no rule names a protocol. */
	readonly #pins: Pins | null;

	constructor(
		processes: Processes,
		clock: KernelClock,
		isSuccessor: boolean,
		copiesOnce: boolean,
		pins: Pins | null = null,
	) {
		this.#pins = pins;
		this.#copiesOnce = copiesOnce;
		this.#isSuccessor = isSuccessor;
		this.#processes = processes;
		this.udp = new Datagrams({ take: () => this.#takeConn(), give: (conn) => this.#free.push(conn) }, processes);
		this.#clock = clock;
	}

	/** A new batch begins: event objects of the last one may be used again. */
	startBatch(batch: CaptureEvent[] = []): void {
		this.#used = 0;
		if (this.#toIgnore.length === 0) return;
		for (const socket of this.#toIgnore) if (!socket.isClosed) this.#close(socket, Date.now() * 1000, batch);
		this.#toIgnore = [];
	}

	/** The socket that the engine calls so, for advice; null: it carries nothing of its own, or there is none. */
	socketOf(conn: number): Socket | null {
		const socket = this.#byConn[conn];
		return socket === undefined || socket.isPlain || socket.isLocal ? null : socket;
	}

	/** From the next batch on nothing of it is told. */
	ignore(socket: Socket): void {
		if (this.#ignored.size >= MAX_SOCKETS) this.#ignored.clear();
		this.#ignored.add(socket.cookie);
		this.#toIgnore.push(socket);
	}

	/** Those that are open, by cookie, without what lies above TLS. */
	get sockets(): ReadonlyMap<number, Socket> {
		return this.#sockets;
	}

	forgetIgnored(): void {
		this.#ignored.clear();
	}

	/** One record of the payload ring at byte index `at`. */
	payload(ring: RecordMemory, at: number, batch: CaptureEvent[]): void {
		const w = at >>> 2;
		const { words, bytes } = ring;
		const kind = bytes[at + layout.RECORD_KIND]!;
		if (kind === layout.RECORD_CLOSE) {
			this.close(ring, at, batch);
			return;
		}
		if (bytes[at + layout.RECORD_IS_UDP] !== 0) {
			this.udp.record(ring, at, this.#timeOf(words, w), batch);
			return;
		}
		if (this.#ignored.size > 0 && this.#isIgnored(ring, at)) return;
		const socket = this.#socketOf(ring, at, batch);
		if (socket.isAnonymous) this.#identify(socket, words[(at + layout.RECORD_PID) >>> 2]!, batch);
		if (kind === layout.RECORD_OPEN) return;
		const isReceive = bytes[at + layout.RECORD_DIRECTION] !== 0;
		const side = isReceive ? socket.receive : socket.send;
		// what a server receives goes from client to server
		const dir: Direction = isReceive === socket.isServer ? 0 : 1;
		const offset = words[w + 4]! + words[w + 5]! * TWO_32;
		const tsUs = this.#timeOf(words, w);
		const lost = words[(at + layout.RECORD_LOST) >>> 2]!;
		const length = words[(at + layout.RECORD_LENGTH) >>> 2]!;
		const end = offset + length;
		if (kind === layout.RECORD_END) {
			if (offset > side.next || lost !== 0) this.#missing(socket, side, dir, offset, lost, side.next < 0, tsUs, batch);
			batch.push({ kind: "end", conn: socket.conn, dir, tsUs, finalOffset: offset, how: "fin" });
			this.unix.ending();
			return;
		}
		if (kind === layout.RECORD_WIRE && !side.hasPackets) {
			side.hasPackets = true;
			// a process that is known for it read this before its first call told us of the socket
			if (isReceive && side.holeCause === "missed")
				side.holeCause = bytes[at + layout.RECORD_CAUSE] === layout.CAUSE_IO_URING ? "io-uring" : "splice";
		}
		if (offset !== side.next || lost !== 0)
			this.#missing(
				socket,
				side,
				dir,
				offset,
				lost,
				(bytes[at + layout.RECORD_FLAGS]! & layout.FLAG_LATE) !== 0,
				tsUs,
				batch,
			);
		const lostOther = words[(at + layout.RECORD_LOST_OTHER) >>> 2]!;
		if (lostOther !== 0)
			this.#missingSoFar(socket, isReceive ? socket.send : socket.receive, dir, lostOther, tsUs, batch);
		// packets and calls may bring the same byte
		if (end > side.next) this.bytesSeen += end - Math.max(offset, side.next);
		else if (kind === layout.RECORD_WIRE) this.recordsDuplicate++;
		if (kind === layout.RECORD_GAP) {
			const cause = RECORD_CAUSES[bytes[at + layout.RECORD_CAUSE]!] ?? "missed";
			const isSpared = cause === "limit" || cause === "sampled" || cause === "covered";
			// no packet has what lies above TLS
			if (!socket.isPlain && !isSpared) this.needsPackets = true;
			// what other threads moved meanwhile stays unknown until packets bring it
			if (cause === "position-conflict") side.holeCause = cause;
			// another thread's later record may have come first: then the range is a hole already, and this tells why
			const from = cause === "position-conflict" ? offset : Math.max(offset, side.next);
			if (from >= end) return;
			const gap = { kind: "gap", conn: socket.conn, dir, tsUs, offset: from, length: end - from, cause } as const;
			batch.push(isSpared && this.#copiesOnce ? { ...gap, isFinal: true } : gap);
			if (end > side.next) side.next = end;
			side.lostFrom = side.next;
			return;
		}
		if (kind === layout.RECORD_WIRE) side.holeCause = "missed";
		if (end > side.next) side.next = end;
		side.lostFrom = side.next;
		this.bytesCaptured += length;
		const event = this.#bytesEvent();
		event.conn = socket.conn;
		event.dir = dir;
		event.offset = offset;
		event.tsUs = tsUs;
		event.data = new Uint8Array(ring.memory, at + layout.RECORD_BYTES, length);
		batch.push(event);
	}

	/** One close record. */
	close(ring: RecordMemory, at: number, batch: CaptureEvent[]): void {
		const w = at >>> 2;
		const { words, bytes } = ring;
		const tsUs = this.#timeOf(words, w);
		const flags = bytes[at + layout.RECORD_FLAGS]!;
		if ((flags & layout.FLAG_IDENTITY_ONLY) !== 0) {
			const cookie = cookieAt(words, at);
			const above = this.#plaintexts.get(cookie);
			if (above !== undefined) this.#close(above, tsUs, batch);
			const known = (flags & layout.FLAG_PLAINTEXT) === 0 ? this.#sockets.get(cookie) : undefined;
			this.#ignored.delete(cookie);
			if (known !== undefined) this.#close(known, tsUs, batch);
			return;
		}
		if (this.#ignored.size > 0 && this.#isIgnored(ring, at)) return;
		const socket = this.#socketOf(ring, at, batch);
		const how = (flags & layout.FLAG_RESET) !== 0 ? "reset" : "fin";
		const isLate = (flags & layout.FLAG_LATE) !== 0;
		const isJoined = (flags & layout.FLAG_JOINED) !== 0;
		for (const isReceive of [true, false]) {
			const side = isReceive ? socket.receive : socket.send;
			const dir: Direction = isReceive === socket.isServer ? 0 : 1;
			const lost = words[(at + (isReceive ? layout.CLOSE_RECORD_LOST_RECV : layout.CLOSE_RECORD_LOST_SEND)) >>> 2]!;
			const f = (at + (isReceive ? layout.CLOSE_RECORD_FINAL_RECV : layout.CLOSE_RECORD_FINAL_SEND)) >>> 2;
			const final = words[f]! + words[f + 1]! * TWO_32;
			if (isJoined) {
				this.#endJoined(socket, side, dir, lost, how, tsUs, batch);
				continue;
			}
			if (isReceive && bytes[at + layout.RECORD_CAUSE] === layout.CAUSE_SPLICE) {
				this.needsPackets = true;
				side.holeCause = "splice";
			}
			// no packet ever carried these, so where packets bring the bytes they are missing for that reason
			const unsent = isReceive ? 0 : words[(at + layout.RECORD_LENGTH) >>> 2]!;
			const sent = Math.max(final - unsent, side.next);
			if (sent !== side.next || lost !== 0) this.#missing(socket, side, dir, sent, lost, isLate, tsUs, batch);
			if (side.next >= 0 && final > side.next) {
				const length = final - side.next;
				this.bytesSeen += length;
				batch.push({ kind: "gap", conn: socket.conn, dir, tsUs, offset: side.next, length, cause: "reset" });
				side.next = final;
			}
			batch.push({ kind: "end", conn: socket.conn, dir, tsUs, finalOffset: final, how });
		}
		const above = socket.isPlain ? undefined : this.#plaintexts.get(socket.cookie);
		if (above !== undefined) this.#close(above, tsUs, batch);
		this.#close(socket, tsUs, batch);
	}

	/** Unix sockets that nobody has any more, all of whose records were told. */
	closeGone(cookies: readonly number[], batch: CaptureEvent[]): void {
		for (const cookie of cookies) {
			const socket = this.#sockets.get(cookie);
			if (socket === undefined) continue;
			const tsUs = Date.now() * 1000;
			for (const side of [socket.receive, socket.send]) {
				const dir: Direction = (side === socket.receive) === socket.isServer ? 0 : 1;
				const finalOffset = side.next < 0 ? null : side.next;
				batch.push({ kind: "end", conn: socket.conn, dir, tsUs, finalOffset, how: "fin" });
			}
			this.#close(socket, tsUs, batch);
		}
	}

	/** Sockets whose end was lost: what passed last in them is not known. Returns how many there were. */
	closeLost(cookies: readonly number[], batch: CaptureEvent[]): number {
		let count = 0;
		for (const cookie of cookies) {
			const socket = this.#sockets.get(cookie);
			if (socket === undefined) continue;
			count++;
			const tsUs = Date.now() * 1000;
			const above = this.#plaintexts.get(cookie);
			if (above !== undefined) this.#loseEnd(above, tsUs, batch);
			this.#loseEnd(socket, tsUs, batch);
		}
		return count;
	}

	#loseEnd(socket: Socket, tsUs: number, batch: CaptureEvent[]): void {
		const { conn } = socket;
		for (const side of [socket.receive, socket.send]) {
			const dir: Direction = (side === socket.receive) === socket.isServer ? 0 : 1;
			if (side.next >= 0)
				batch.push({ kind: "gap", conn, dir, tsUs, offset: side.next, length: null, cause: "source-lost" });
			batch.push({ kind: "end", conn, dir, tsUs, finalOffset: null, how: "unknown" });
		}
		this.#close(socket, tsUs, batch);
	}

	/** What passed encrypted and was told as plaintext is not missing: the direction ends where telling it ended. */
	#endJoined(
		socket: Socket,
		side: SocketDirection,
		dir: Direction,
		lost: number,
		how: "fin" | "reset",
		tsUs: number,
		batch: CaptureEvent[],
	): void {
		const { conn } = socket;
		if (side.next < 0) side.next = 0;
		const lostTo = side.lostFrom + lost;
		if (lostTo > side.next) {
			this.bytesSeen += lostTo - side.next;
			this.#ringFull(conn, side, dir, lostTo, tsUs, batch);
		}
		batch.push({ kind: "end", conn, dir, tsUs, finalOffset: side.next, how });
	}

	/** Connections whose plaintext is being told. */
	get openPlaintexts(): number {
		return this.#plaintexts.size;
	}

	get openSockets(): number {
		return this.#sockets.size;
	}

	#bytesEvent(): Mutable<BytesEvent> {
		const pooled = this.#pool[this.#used++];
		if (pooled !== undefined) return pooled;
		const event: Mutable<BytesEvent> = { kind: "bytes", conn: 0, dir: 0, offset: 0, tsUs: 0, data: NOTHING };
		this.#pool.push(event);
		return event;
	}

	/** The socket of the record at `at`, made known to the engine at first sight. */
	#socketOf(ring: RecordMemory, at: number, batch: CaptureEvent[]): Socket {
		const { words, bytes } = ring;
		const cookie = cookieAt(words, at);
		const flags = bytes[at + layout.RECORD_FLAGS]!;
		const isPlain = (flags & layout.FLAG_PLAINTEXT) !== 0;
		const last = this.#last;
		// a request's answer follows it more often than not
		let socket: Socket | undefined;
		if (last !== null && last.cookie === cookie && last.isPlain === isPlain) socket = last;
		else socket = (isPlain ? this.#plaintexts : this.#sockets).get(cookie);
		const isLocal = (flags & layout.FLAG_POSITION_LOCAL) !== 0;
		if (socket !== undefined && socket.isLocal !== isLocal) {
			// an upper-layer protocol took over: these are other streams
			this.#close(socket, this.#timeOf(words, at >>> 2), batch);
			socket = undefined;
		}
		if (socket === undefined) {
			// what carries it may have lost every record so far
			const lower = isPlain ? (this.#sockets.get(cookie) ?? this.#open(ring, at, cookie, false, null, batch)) : null;
			socket = this.#open(ring, at, cookie, isLocal, lower, batch);
		}
		this.#last = socket;
		return socket;
	}

	/** `lower`: the socket below what lies above TLS. */
	#open(
		ring: RecordMemory,
		at: number,
		cookie: number,
		isLocal: boolean,
		lower: Socket | null,
		batch: CaptureEvent[],
	): Socket {
		const { words, halves, bytes } = ring;
		const role = bytes[at + layout.RECORD_ROLE]!;
		const family = bytes[at + layout.RECORD_FAMILY]!;
		const pid = words[(at + layout.RECORD_PID) >>> 2]!;
		const isUnix = family === AF_UNIX;
		const [local, remote] = isUnix
			? unixEnds(ring, at, role === layout.ROLE_SERVER)
			: [
					{
						address: addressText(family, bytes, at + layout.RECORD_LOCAL),
						port: halves[(at + layout.RECORD_LOCAL_PORT) >>> 1]!,
					},
					{
						address: addressText(family, bytes, at + layout.RECORD_REMOTE),
						port: halves[(at + layout.RECORD_REMOTE_PORT) >>> 1]!,
					},
				];
		if (isUnix && bytes[at + layout.RECORD_KIND] === layout.RECORD_OPEN) this.unix.opened(ring, at);
		// unknown only where both bases were in motion at the first look: then the lower port is the likelier server
		const isServer = role === layout.ROLE_UNKNOWN ? local.port < remote.port : role === layout.ROLE_SERVER;
		const baseSend = words[(at + layout.RECORD_BASE_SEND) >>> 2]!;
		const baseReceive = words[(at + layout.RECORD_BASE_RECV) >>> 2]!;
		const isPlain = lower !== null;
		// its positions count from where joining it began: nobody else's do
		const isLate = isPlain && (bytes[at + layout.RECORD_FLAGS]! & layout.FLAG_LATE) !== 0;
		const socket: Socket = {
			cookie,
			conn: this.#takeConn(),
			isServer,
			isLocal,
			isPlain,
			isAnonymous: pid === 0,
			isClosed: false,
			isCuttable: false,
			isCovered: false,
			skipTo: null,
			send: { next: -1, lostFrom: 0, hasPackets: false, holeCause: "missed" },
			receive: { next: -1, lostFrom: 0, hasPackets: false, holeCause: "missed" },
		};
		const process = this.#processes.of(pid);
		const [server, client] = isServer ? [local, remote] : [remote, local];
		const roleKnown = role !== layout.ROLE_UNKNOWN;
		let protocol = isUnix ? null : (this.#pins?.protocolOf(server.port, pid, process?.name ?? null) ?? null);
		if (protocol === null && !roleKnown)
			protocol = this.#pins?.protocolOf(client.port, pid, process?.name ?? null) ?? null;
		const known = isPlain ? this.#plaintexts : this.#sockets;
		known.set(cookie, socket);
		this.#byConn[socket.conn] = socket;
		if (known.size > MAX_SOCKETS) this.#forgetOldest(known, batch);
		const open: OpenEvent = {
			kind: "open",
			conn: socket.conn,
			tsUs: this.#timeOf(words, at >>> 2),
			transport: isUnix ? "unix" : "tcp",
			client,
			server,
			role: isServer ? "server" : "client",
			roleKnown,
			bases: isLocal || isLate || isUnix ? null : isServer ? [baseReceive, baseSend] : [baseSend, baseReceive],
			fromStart: !isLate,
			netns: words[(at + layout.RECORD_NETNS) >>> 2]!,
			process,
			layer: isPlain ? "plaintext" : "transport",
			lower: lower?.conn ?? null,
			...(protocol === null ? {} : { protocol }),
			// plaintext has positions of its own, from where it was first seen
			...(!isPlain && (bytes[at + layout.RECORD_FLAGS]! & layout.FLAG_LATE) !== 0 ? LATE : {}),
		};
		const library = isPlain ? libraryName(bytes[at + layout.RECORD_LIBRARY]!) : null;
		batch.push(library === null ? open : { ...open, library });
		return socket;
	}

	/** Packets came before any call told whose socket it is. */
	#identify(socket: Socket, pid: number, batch: CaptureEvent[]): void {
		if (pid === 0) return;
		socket.isAnonymous = false;
		const { conn, isServer } = socket;
		const process = this.#processes.of(pid);
		if (process === null) return;
		const [server, client] = isServer ? [process, null] : [null, process];
		batch.push({ kind: "identify", conn, client, server, tls: null });
	}

	#takeConn(): number {
		return this.#free.pop() ?? this.#nextConn++;
	}

	#isIgnored({ words, bytes }: RecordMemory, at: number): boolean {
		if ((bytes[at + layout.RECORD_FLAGS]! & layout.FLAG_PLAINTEXT) !== 0) return false;
		return this.#ignored.has(cookieAt(words, at));
	}

	#timeOf(words: Uint32Array, w: number): number {
		return Math.floor((words[w + 2]! + words[w + 3]! * TWO_32) / 1000) + this.#clock.offsetUs;
	}

	/**
	 * Names what is missing before `offset`: the last `lost` bytes found no room in the ring, whatever else lies between was
	 * not seen at all. Of a connection that is older than we are, what passed before we looked is not missing.
	 */
	#missing(
		{ conn }: Socket,
		side: SocketDirection,
		dir: Direction,
		offset: number,
		lost: number,
		isLate: boolean,
		tsUs: number,
		batch: CaptureEvent[],
	): void {
		const lostFrom = Math.max(0, offset - lost);
		if (side.next < 0) side.next = isLate || this.#isSuccessor ? lostFrom : 0;
		if (offset <= side.next) return;
		this.bytesSeen += offset - side.next;
		if (lostFrom > side.next) {
			const length = lostFrom - side.next;
			batch.push({ kind: "gap", conn, dir, tsUs, offset: side.next, length, cause: side.holeCause });
			side.next = lostFrom;
		}
		if (offset > side.next) this.#ringFull(conn, side, dir, offset, tsUs, batch);
	}

	/** What is missing of the other direction, told with this one's record: a response shows that its request was lost. */
	#missingSoFar(
		{ conn }: Socket,
		other: SocketDirection,
		dir: Direction,
		lost: number,
		tsUs: number,
		batch: CaptureEvent[],
	): void {
		// where watching began, only a record of that direction tells
		if (other.next < 0) return;
		const end = other.lostFrom + lost;
		if (end <= other.next) return;
		this.bytesSeen += end - other.next;
		this.#ringFull(conn, other, dir === 0 ? 1 : 0, end, tsUs, batch);
	}

	#ringFull(
		conn: number,
		side: SocketDirection,
		dir: Direction,
		to: number,
		tsUs: number,
		batch: CaptureEvent[],
	): void {
		const length = to - side.next;
		this.bytesRingFull += length;
		const gap = { kind: "gap", conn, dir, tsUs, offset: side.next, length, cause: "ring-full" } as const;
		batch.push(this.#copiesOnce ? { ...gap, isFinal: true } : gap);
		side.next = to;
	}

	/** Its close was lost, or it is very old: there must be an end to remembering. */
	#forgetOldest(known: ReadonlyMap<number, Socket>, batch: CaptureEvent[]): void {
		const oldest = known.values().next().value;
		if (oldest !== undefined) this.#close(oldest, Date.now() * 1000, batch);
	}

	#close(socket: Socket, tsUs: number, batch: CaptureEvent[]): void {
		(socket.isPlain ? this.#plaintexts : this.#sockets).delete(socket.cookie);
		this.#free.push(socket.conn);
		this.#byConn[socket.conn] = undefined;
		socket.isClosed = true;
		if (this.#last === socket) this.#last = null;
		batch.push({ kind: "close", conn: socket.conn, tsUs });
	}
}

const NOTHING = new Uint8Array(0);
