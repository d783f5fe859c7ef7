import type { Flow, Side } from "./flow.js";
import type { Packet } from "./packet.js";

/** Finds the flow of a packet, whichever way it goes. */
export class FlowTable<F extends Flow> {
	/** Which side of the flow sent the packet that was looked up last. */
	side: Side = 0;
	size = 0;
	readonly #buckets = new Map<number, F>();

	find(packet: Packet, hash: number, sourcePort: number, destinationPort: number): F | null {
		let flow: Flow | null = this.#buckets.get(hash) ?? null;
		while (flow !== null) {
			const side = flow.sideOf(packet, sourcePort, destinationPort);
			if (side >= 0) {
				this.side = side as Side;
				return flow as F;
			}
			flow = flow.nextInBucket;
		}
		return null;
	}

	add(flow: F): void {
		flow.nextInBucket = this.#buckets.get(flow.hash) ?? null;
		this.#buckets.set(flow.hash, flow);
		this.size++;
	}

	delete(flow: F): void {
		const first = this.#buckets.get(flow.hash);
		if (first === undefined) return;
		if (first === flow) {
			if (flow.nextInBucket === null) this.#buckets.delete(flow.hash);
			else this.#buckets.set(flow.hash, flow.nextInBucket as F);
			this.size--;
			return;
		}
		for (let each: Flow = first; each.nextInBucket !== null; each = each.nextInBucket) {
			if (each.nextInBucket !== flow) continue;
			each.nextInBucket = flow.nextInBucket;
			this.size--;
			return;
		}
	}
}

/** Equal for both directions; 30 bits, so that it stays a small integer. */
export function hashOf({ source, destination }: Packet, sourcePort: number, destinationPort: number): number {
	const addresses = Math.imul(source ^ destination, 0x9e3779b1) ^ Math.imul((source + destination) | 0, 0x85ebca6b);
	const ports = (sourcePort ^ destinationPort) | ((sourcePort + destinationPort) << 15);
	const mixed = addresses ^ Math.imul(ports, 0xc2b2ae35);
	return (mixed ^ (mixed >>> 15)) & 0x3fff_ffff;
}
