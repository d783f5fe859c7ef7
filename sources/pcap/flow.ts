import type { Endpoint } from "../../core/index.js";
import { ipv4Text, ipv6Text } from "./address-text.js";
import type { FlowList } from "./flow-list.js";
import type { Packet } from "./packet.js";

/** 0: the endpoint that sent the first packet we saw. */
export type Side = 0 | 1;

/** Two endpoints whose packets belong together. */
export class Flow {
	readonly hash: number;
	readonly isV6: boolean;
	readonly source: number;
	readonly destination: number;
	readonly sourcePort: number;
	readonly destinationPort: number;
	/** Both addresses as they were in the first packet. */
	readonly addresses: Uint8Array;
	readonly firstUs: number;
	lastUs: number;
	/** Others with the same hash. */
	nextInBucket: Flow | null = null;
	// the list that it is in, see FlowList
	list: FlowList | null = null;
	older: Flow | null = null;
	newer: Flow | null = null;

	constructor(packet: Packet, hash: number, sourcePort: number, destinationPort: number) {
		this.hash = hash;
		this.isV6 = packet.isV6;
		this.source = packet.source;
		this.destination = packet.destination;
		this.sourcePort = sourcePort;
		this.destinationPort = destinationPort;
		const { header, sourceAt } = packet;
		// the two addresses lie next to each other in both versions
		this.addresses = header.slice(sourceAt, sourceAt + (packet.isV6 ? 32 : 8));
		this.firstUs = packet.tsUs;
		this.lastUs = packet.tsUs;
	}

	endpoint(side: Side): Endpoint {
		const { addresses } = this;
		return {
			address: this.isV6 ? ipv6Text(addresses, side * 16) : ipv4Text(addresses, side * 4),
			port: side === 0 ? this.sourcePort : this.destinationPort,
		};
	}

	/** Which side sent this packet; -1: it is of other endpoints. */
	sideOf(packet: Packet, sourcePort: number, destinationPort: number): Side | -1 {
		if (packet.isV6 !== this.isV6) return -1;
		if (packet.source === this.source && packet.destination === this.destination) {
			if (sourcePort === this.sourcePort && destinationPort === this.destinationPort)
				if (!this.isV6 || this.#hasAddresses(packet, packet.sourceAt, packet.destinationAt)) return 0;
		}
		if (packet.source === this.destination && packet.destination === this.source) {
			if (sourcePort === this.destinationPort && destinationPort === this.sourcePort)
				if (!this.isV6 || this.#hasAddresses(packet, packet.destinationAt, packet.sourceAt)) return 1;
		}
		return -1;
	}

	#hasAddresses({ header }: Packet, first: number, second: number): boolean {
		const { addresses } = this;
		for (let i = 0; i < 16; i++) {
			if (addresses[i] !== header[first + i] || addresses[16 + i] !== header[second + i]) return false;
		}
		return true;
	}
}

const WELL_KNOWN_BELOW = 1024;
/** Where Linux and many others begin to give ports to clients. */
const EPHEMERAL_FROM = 32_768;

/** Which of two ports is the client's, going by the numbers alone; null: they do not tell. */
export function clientSideByPorts(sourcePort: number, destinationPort: number): Side | null {
	for (const limit of [WELL_KNOWN_BELOW, EPHEMERAL_FROM]) {
		const isSourceLow = sourcePort < limit;
		if (isSourceLow !== destinationPort < limit) return isSourceLow ? 1 : 0;
	}
	return null;
}
