import type { EventBatch } from "./event-batch.js";
import { FragmentTable } from "./fragment-table.js";
import { IpLayer } from "./ip-layer.js";
import { findIp, isKnownLinkType, MALFORMED, NOT_IP } from "./link-layer.js";
import { Packet, TCP, UDP } from "./packet.js";
import type { PcapCounters } from "./pcap-counters.js";
import type { RawPacket } from "./raw-packet.js";
import { TcpTracker } from "./tcp-tracker.js";
import { UdpTracker } from "./udp-tracker.js";

/** The files of one capture may overlap by so much. */
const MAX_OVERLAP_US = 1_000_000;

export interface DecoderLimits {
	readonly maxConnections: number;
	readonly udpIdleUs: number;
	/** Protocols that are known to be spoken, by the server's port. */
	readonly pins?: ReadonlyMap<number, string>;
}

/** Packets to capture events. Synchronous; time is that of the packets. */
export class PacketDecoder {
	/** Told once of each link type that is not known. */
	onUnknownLinkType: (linkType: number) => void = () => {};
	readonly #counters: PcapCounters;
	readonly #packet = new Packet();
	readonly #fragments: FragmentTable;
	readonly #ip: IpLayer;
	readonly #tcp: TcpTracker;
	readonly #udp: UdpTracker;
	readonly #unknownLinkTypes = new Set<number>();
	#isNewFile = false;
	#nowUs = 0;

	constructor(batch: EventBatch, counters: PcapCounters, { maxConnections, udpIdleUs, pins }: DecoderLimits) {
		let conns = 0;
		const nextConn = () => ++conns;
		this.#counters = counters;
		this.#fragments = new FragmentTable(counters);
		this.#ip = new IpLayer(this.#fragments, counters);
		this.#tcp = new TcpTracker(batch, counters, maxConnections, nextConn, pins);
		this.#udp = new UdpTracker(batch, counters, maxConnections, udpIdleUs, nextConn);
	}

	/** The packet `raw`, whose bytes lie in `bytes`. */
	packet(raw: RawPacket, bytes: Uint8Array): void {
		const { at, captured, linkType } = raw;
		const counters = this.#counters;
		counters.packets++;
		counters.packetBytes += captured;
		if (captured < raw.length) counters.packetsTruncated++;
		if (!isKnownLinkType(linkType)) {
			this.#skipLinkType(linkType);
			return;
		}
		const end = at + captured;
		const ipAt = findIp(linkType, bytes, at, end);
		if (ipAt === NOT_IP) {
			counters.skippedNotIp++;
			return;
		}
		if (ipAt === MALFORMED) {
			counters.skippedMalformed++;
			return;
		}
		const packet = this.#packet;
		packet.tsUs = raw.tsUs;
		if (!this.#ip.decode(bytes, ipAt, end, raw.length - (ipAt - at), packet)) return;
		if (packet.protocol === TCP) this.#tcp.segment(packet);
		else if (packet.protocol === UDP) this.#udp.datagram(packet);
		else counters.skippedTransport++;
	}

	/** The next packet is the first one of a file. */
	nextFile(): void {
		this.#isNewFile = true;
	}

	/** Packet time has come so far: what was silent for too long is over. */
	advance(nowUs: number): void {
		if (this.#isNewFile) {
			this.#isNewFile = false;
			// pieces of one capture follow each other; this one is from another time
			if (nowUs < this.#nowUs - MAX_OVERLAP_US) this.#clear();
		}
		this.#nowUs = nowUs;
		this.#tcp.advance(nowUs);
		this.#udp.advance(nowUs);
	}

	#clear(): void {
		this.#tcp.clear();
		this.#udp.clear();
		this.#fragments.clear();
	}

	#skipLinkType(linkType: number): void {
		this.#counters.skippedLinkType++;
		if (this.#unknownLinkTypes.has(linkType)) return;
		this.#unknownLinkTypes.add(linkType);
		this.onUnknownLinkType(linkType);
	}
}
