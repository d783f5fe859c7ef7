import type { EventBatch } from "./event-batch.js";
import { clientSideByPorts, Flow, type Side } from "./flow.js";
import { FlowList } from "./flow-list.js";
import { FlowTable, hashOf } from "./flow-table.js";
import { be16 } from "./integers.js";
import type { Packet } from "./packet.js";
import type { PcapCounters } from "./pcap-counters.js";

const HEADER_BYTES = 8;

class UdpFlow extends Flow {
	conn = 0;
	client: Side = 0;
}

/** UDP datagrams to capture events: a flow is two endpoints that were not silent for too long. */
export class UdpTracker {
	readonly #table = new FlowTable<UdpFlow>();
	readonly #live = new FlowList<UdpFlow>();
	readonly #batch: EventBatch;
	readonly #counters: PcapCounters;
	readonly #maxFlows: number;
	readonly #idleUs: number;
	readonly #nextConn: () => number;

	constructor(batch: EventBatch, counters: PcapCounters, maxFlows: number, idleUs: number, nextConn: () => number) {
		this.#batch = batch;
		this.#counters = counters;
		this.#maxFlows = maxFlows;
		this.#idleUs = idleUs;
		this.#nextConn = nextConn;
	}

	datagram(packet: Packet): void {
		const { bytes, at, end, tsUs } = packet;
		this.#counters.udpPackets++;
		if (end - at < HEADER_BYTES) {
			this.#counters.skippedMalformed++;
			return;
		}
		const sourcePort = be16(bytes, at);
		const destinationPort = be16(bytes, at + 2);
		// zero where it is longer than the field can say
		const length = be16(bytes, at + 4) || packet.length;
		if (length < HEADER_BYTES || length > packet.length) {
			this.#counters.skippedMalformed++;
			return;
		}
		const hash = hashOf(packet, sourcePort, destinationPort);
		let flow = this.#table.find(packet, hash, sourcePort, destinationPort);
		const side = flow === null ? 0 : this.#table.side;
		flow ??= this.#open(new UdpFlow(packet, hash, sourcePort, destinationPort));
		flow.lastUs = tsUs;
		this.#live.touch(flow);
		const have = Math.min(end, at + length) - at - HEADER_BYTES;
		const data = new Uint8Array(bytes.buffer, bytes.byteOffset + at + HEADER_BYTES, have);
		this.#counters.payloadBytes += have;
		this.#batch.datagram(flow.conn, side === flow.client ? 0 : 1, tsUs, data);
	}

	/** Packet time has come so far. */
	advance(nowUs: number): void {
		for (let flow = this.#live.oldest; flow !== null; flow = this.#live.oldest) {
			if (nowUs - flow.lastUs <= this.#idleUs) return;
			this.#close(flow);
		}
	}

	/** What comes next has nothing to do with what was. */
	clear(): void {
		for (let flow = this.#live.oldest; flow !== null; flow = this.#live.oldest) this.#close(flow);
	}

	#open(flow: UdpFlow): UdpFlow {
		if (this.#table.size >= this.#maxFlows && this.#live.oldest !== null) {
			this.#counters.connectionsEvicted++;
			this.#close(this.#live.oldest);
		}
		const byPorts = clientSideByPorts(flow.sourcePort, flow.destinationPort);
		flow.conn = this.#nextConn();
		// who speaks first asks, unless the ports say otherwise
		flow.client = byPorts ?? 0;
		this.#table.add(flow);
		this.#counters.udpFlows++;
		this.#batch.add({
			kind: "open",
			conn: flow.conn,
			tsUs: flow.firstUs,
			transport: "udp",
			client: flow.endpoint(flow.client),
			server: flow.endpoint(flow.client === 0 ? 1 : 0),
			role: "wire",
			roleKnown: false,
			bases: null,
			fromStart: true,
			netns: null,
			process: null,
			layer: "transport",
			lower: null,
		});
		return flow;
	}

	#close(flow: UdpFlow): void {
		this.#batch.add({ kind: "close", conn: flow.conn, tsUs: flow.lastUs });
		this.#live.remove(flow);
		this.#table.delete(flow);
	}
}
