import type { GapCause } from "../../core/index.js";
import type { EventBatch } from "./event-batch.js";
import { clientSideByPorts, type Side } from "./flow.js";
import { FlowList } from "./flow-list.js";
import { FlowTable, hashOf } from "./flow-table.js";
import { be16, be32 } from "./integers.js";
import type { Packet } from "./packet.js";
import type { PcapCounters } from "./pcap-counters.js";
import { MAX_STEP, TcpFlow, type TcpHalf } from "./tcp-flow.js";

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;
const HEADER_BYTES = 20;
/** Up to the flags: what must have been captured of a header. */
const NEEDED_BYTES = 14;

/** Both sides said FIN, the last acknowledgement was not seen: so long by packet time. */
const CLOSING_US = 2_000_000;
const NO_PINS: ReadonlyMap<number, string> = new Map();
/** So long the packets of a closed connection are known as such. */
const CLOSED_US = 10_000_000;

/**
 * TCP segments to capture events. Bytes go out at their position as packets come, retransmits and disorder included: the
 * engine puts them in order. Told of by and by: `open` with the first payload, holes at the end of a direction as soon as
 * the other side acknowledged more than was seen.
 */
export class TcpTracker {
	readonly #table = new FlowTable<TcpFlow>();
	readonly #live = new FlowList<TcpFlow>();
	readonly #closing = new FlowList<TcpFlow>();
	readonly #closed = new FlowList<TcpFlow>();
	readonly #batch: EventBatch;
	readonly #counters: PcapCounters;
	readonly #maxConnections: number;
	readonly #nextConn: () => number;
	/** Protocols that are known to be spoken, by the server's port. */
	readonly #pins: ReadonlyMap<number, string>;
	/** Time of the first segment of all; NaN: there was none. */
	#watchingSinceUs = Number.NaN;

	/** `nextConn` gives every connection its number. */
	constructor(
		batch: EventBatch,
		counters: PcapCounters,
		maxConnections: number,
		nextConn: () => number,
		pins: ReadonlyMap<number, string> = NO_PINS,
	) {
		this.#pins = pins;
		this.#batch = batch;
		this.#counters = counters;
		this.#maxConnections = maxConnections;
		this.#nextConn = nextConn;
	}

	segment(packet: Packet): void {
		const { bytes, at, end } = packet;
		this.#counters.tcpPackets++;
		if (Number.isNaN(this.#watchingSinceUs)) this.#watchingSinceUs = packet.tsUs;
		const headerBytes = end - at < NEEDED_BYTES ? 0 : (bytes[at + 12]! >> 4) << 2;
		if (headerBytes < HEADER_BYTES || headerBytes > packet.length) {
			this.#counters.skippedMalformed++;
			return;
		}
		const sourcePort = be16(bytes, at);
		const destinationPort = be16(bytes, at + 2);
		const flags = bytes[at + 13]!;
		let sequence = be32(bytes, at + 4);
		const acknowledged = be32(bytes, at + 8);
		const length = packet.length - headerBytes;

		const hash = hashOf(packet, sourcePort, destinationPort);
		let flow = this.#table.find(packet, hash, sourcePort, destinationPort);
		let side: Side = flow === null ? 0 : this.#table.side;
		if (flow !== null && isOfLater(flow, side, flags, sequence, acknowledged, length)) {
			this.#forget(flow);
			flow = null;
			side = 0;
		}
		if (flow === null) {
			// whatever it was that is refused or answered with a reset, we have nothing of it
			if ((flags & RST) !== 0 || (flags & (SYN | ACK)) === 0) return;
			flow = this.#begin(packet, hash, sourcePort, destinationPort, flags);
		}
		flow.lastUs = packet.tsUs;
		if (flow.phase === "closed") {
			this.#counters.tcpAfterClose++;
			return;
		}
		flow.list?.touch(flow);

		const half = flow.halves[side];
		const peer = flow.halves[side === 0 ? 1 : 0];
		if ((flags & SYN) !== 0) sequence = (sequence + 1) | 0;
		if (!half.hasBase || !peer.hasBase) {
			if ((flags & RST) !== 0) {
				this.#counters.tcpConnectionsRefused++;
				this.#forget(flow);
				return;
			}
			if (!half.hasBase) half.start(sequence);
			if (!peer.hasBase) {
				if ((flags & ACK) === 0) {
					// a SYN with data in it: nothing can be told before the other side's numbers are known
					if (length > 0) flow.early = dataOf(packet, headerBytes, length).slice();
					return;
				}
				peer.start(acknowledged);
			}
			if (flow.early !== null) this.#tellEarly(flow);
		}
		const position = half.positionOf(sequence, length);
		if (Number.isNaN(position)) {
			this.#counters.tcpOutOfWindow++;
			return;
		}
		if ((flags & RST) !== 0) {
			this.#reset(flow, packet.tsUs);
			return;
		}
		if (length > 0) this.#data(flow, side, half, position, packet, headerBytes, length);
		if ((flags & FIN) !== 0) this.#fin(flow, side, half, position + length, packet.tsUs);
		if ((flags & ACK) !== 0) {
			const ahead = (acknowledged - peer.topSequence) | 0;
			if (ahead > 0) this.#acked(flow, side === 0 ? 1 : 0, peer, ahead, packet.tsUs);
			if (half.isFinalAcked && peer.isFinalAcked) this.#close(flow, packet.tsUs);
		}
	}

	/** Packet time has come so far. */
	advance(nowUs: number): void {
		for (let flow = this.#closing.oldest; flow !== null; flow = this.#closing.oldest) {
			if (nowUs - flow.lastUs <= CLOSING_US) break;
			this.#close(flow, flow.lastUs);
		}
		for (let flow = this.#closed.oldest; flow !== null; flow = this.#closed.oldest) {
			if (nowUs - flow.lastUs <= CLOSED_US) break;
			this.#forget(flow);
		}
	}

	/** What comes next has nothing to do with what was. */
	clear(): void {
		for (const list of [this.#live, this.#closing, this.#closed])
			for (let flow = list.oldest; flow !== null; flow = list.oldest) this.#forget(flow);
		this.#watchingSinceUs = Number.NaN;
	}

	#begin(packet: Packet, hash: number, sourcePort: number, destinationPort: number, flags: number): TcpFlow {
		if (this.#table.size >= this.#maxConnections) {
			this.#makeRoom();
			// this may be one that had to make room itself
			this.#watchingSinceUs = packet.tsUs;
		}
		const flow = new TcpFlow(packet, hash, sourcePort, destinationPort);
		flow.conn = this.#nextConn();
		if ((flags & SYN) !== 0) {
			flow.client = (flags & ACK) !== 0 ? 1 : 0;
			flow.isRoleKnown = true;
			flow.isFromStart = true;
		}
		this.#table.add(flow);
		this.#live.touch(flow);
		this.#counters.tcpConnections++;
		return flow;
	}

	#makeRoom(): void {
		const closed = this.#closed.oldest;
		const victim = closed ?? this.#closing.oldest ?? this.#live.oldest;
		if (victim === null) return;
		if (victim !== closed) this.#counters.connectionsEvicted++;
		this.#forget(victim);
	}

	#data(
		flow: TcpFlow,
		side: Side,
		half: TcpHalf,
		position: number,
		packet: Packet,
		headerBytes: number,
		length: number,
	): void {
		if (length === 1 && position + 1 === half.seen) {
			// a keep-alive probe: one byte from before, and not even the right one
			this.#counters.tcpKeepAlives++;
			return;
		}
		const end = half.final >= 0 ? Math.min(position + length, half.final) : position + length;
		const from = Math.max(position, 0);
		if (end <= from) {
			if (half.final >= 0) this.#counters.tcpOutOfWindow++;
			return;
		}
		this.#open(flow, side);
		const dir = side === flow.client ? 0 : 1;
		const { bytes, tsUs } = packet;
		const dataAt = packet.at + headerBytes + (from - position);
		const have = Math.min(packet.end - dataAt, end - from);
		if (have > 0) {
			this.#batch.bytes(flow.conn, dir, from, tsUs, new Uint8Array(bytes.buffer, bytes.byteOffset + dataAt, have));
			this.#counters.payloadBytes += have;
		}
		const captured = Math.max(have, 0);
		if (captured < end - from)
			this.#gap(flow, side, from + captured, end - from - captured, "not-readable", packet.tsUs);
		if (end > half.seen) half.seen = end;
		half.advance(end);
	}

	#fin(flow: TcpFlow, side: Side, half: TcpHalf, final: number, tsUs: number): void {
		if (half.final >= 0) return;
		if (final < half.seen) {
			this.#counters.tcpOutOfWindow++;
			return;
		}
		half.final = final;
		this.#tellMissing(flow, side, half, final, tsUs);
		half.advance(final);
		if (flow.phase === "open") this.#end(flow, side, final, "fin", tsUs);
		if (flow.halves[0].final >= 0 && flow.halves[1].final >= 0) this.#closing.touch(flow);
	}

	/** The other side has `ahead` bytes more than we knew of; the FIN counts as one. */
	#acked(flow: TcpFlow, side: Side, half: TcpHalf, ahead: number, tsUs: number): void {
		if (half.final >= 0) {
			half.isFinalAcked = half.top + ahead > half.final;
			return;
		}
		if (ahead > MAX_STEP) {
			this.#counters.tcpOutOfWindow++;
			return;
		}
		// the last one may be a FIN that we did not see: certain is what is before it
		const certain = half.top + ahead - 1;
		if (certain <= half.top) return;
		this.#tellMissing(flow, side, half, certain, tsUs);
		half.advance(certain);
	}

	/** Everything before `upTo` was sent. */
	#tellMissing(flow: TcpFlow, side: Side, half: TcpHalf, upTo: number, tsUs: number): void {
		const from = Math.max(half.seen, half.toldTo);
		if (upTo <= from) return;
		half.toldTo = upTo;
		this.#open(flow, side);
		this.#gap(flow, side, from, upTo - from, "missed", tsUs);
	}

	#tellEarly(flow: TcpFlow): void {
		const data = flow.early;
		const half = flow.halves[flow.client];
		flow.early = null;
		if (data === null || data.length === 0) return;
		this.#open(flow, flow.client);
		this.#batch.bytes(flow.conn, 0, 0, flow.firstUs, data);
		this.#counters.payloadBytes += data.length;
		half.seen = data.length;
		half.advance(data.length);
	}

	#open(flow: TcpFlow, speaker: Side): void {
		if (flow.phase !== "fresh") return;
		flow.phase = "open";
		if (!flow.isRoleKnown) flow.client = this.#likelyClient(flow) ?? speaker;
		const { client } = flow;
		const server = client === 0 ? 1 : 0;
		const protocol = this.#pins.get(server === 0 ? flow.sourcePort : flow.destinationPort);
		this.#batch.add({
			kind: "open",
			conn: flow.conn,
			tsUs: flow.firstUs,
			transport: "tcp",
			client: flow.endpoint(client),
			server: flow.endpoint(server),
			role: "wire",
			roleKnown: flow.isRoleKnown,
			bases: [flow.halves[client].base >>> 0, flow.halves[server].base >>> 0],
			fromStart: flow.isFromStart,
			netns: null,
			process: null,
			layer: "transport",
			lower: null,
			...(protocol === undefined ? {} : { protocol }),
			...(flow.isFromStart ? {} : { quietUs: Math.max(0, flow.firstUs - this.#watchingSinceUs) }),
		});
		for (const side of [0, 1] as const) {
			const { final } = flow.halves[side];
			if (final >= 0 && side !== speaker) this.#end(flow, side, final, "fin", flow.lastUs);
		}
	}

	#likelyClient({ sourcePort, destinationPort }: TcpFlow): Side | null {
		const isSourcePinned = this.#pins.has(sourcePort);
		if (isSourcePinned !== this.#pins.has(destinationPort)) return isSourcePinned ? 1 : 0;
		return clientSideByPorts(sourcePort, destinationPort);
	}

	#gap(flow: TcpFlow, side: Side, offset: number, length: number, cause: GapCause, tsUs: number): void {
		const dir = side === flow.client ? 0 : 1;
		this.#batch.add({ kind: "gap", conn: flow.conn, dir, tsUs, offset, length, cause });
	}

	#end(flow: TcpFlow, side: Side, finalOffset: number, how: "fin" | "reset", tsUs: number): void {
		const dir = side === flow.client ? 0 : 1;
		this.#batch.add({ kind: "end", conn: flow.conn, dir, tsUs, finalOffset, how });
	}

	#reset(flow: TcpFlow, tsUs: number): void {
		flow.wasReset = true;
		if (flow.phase === "open") {
			for (const side of [0, 1] as const) {
				const { final, seen, toldTo } = flow.halves[side];
				if (final < 0) this.#end(flow, side, Math.max(seen, toldTo), "reset", tsUs);
			}
		}
		this.#close(flow, tsUs);
	}

	#close(flow: TcpFlow, tsUs: number): void {
		if (flow.phase === "open") this.#batch.add({ kind: "close", conn: flow.conn, tsUs });
		flow.phase = "closed";
		this.#closed.touch(flow);
	}

	#forget(flow: TcpFlow): void {
		if (flow.phase === "open") this.#batch.add({ kind: "close", conn: flow.conn, tsUs: flow.lastUs });
		flow.phase = "closed";
		flow.list?.remove(flow);
		this.#table.delete(flow);
	}
}

/** Does this packet belong to a later connection of the same endpoints? */
function isOfLater(
	flow: TcpFlow,
	side: Side,
	flags: number,
	sequence: number,
	acknowledged: number,
	length: number,
): boolean {
	const half = flow.halves[side];
	if ((flags & SYN) !== 0) {
		if (half.hasBase) return ((sequence + 1) | 0) !== half.base;
		// the answer to the SYN that we know, both sides' SYN at once, or the answer to another SYN
		const peer = flow.halves[side === 0 ? 1 : 0];
		if ((flags & ACK) === 0) return false;
		const ahead = (acknowledged - peer.base) | 0;
		return ahead < 0 || ahead > (flow.early?.length ?? 0);
	}
	// its SYN was not seen, but so far behind the end there is nothing of the old one
	return (
		flow.phase === "closed" && !flow.wasReset && length > 0 && Math.abs((sequence - half.topSequence) | 0) > MAX_STEP
	);
}

/** The payload, as far as it was captured. */
function dataOf({ bytes, at, end }: Packet, headerBytes: number, length: number): Uint8Array {
	const from = Math.min(at + headerBytes, end);
	return bytes.subarray(from, Math.min(end, from + length));
}
