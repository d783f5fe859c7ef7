/**
 * A bounded first-in first-out queue of exchanges, by count and by bytes, in as many lanes as its sink has. `push` allocates
 * nothing while it has room.
 */
import type { Exchange } from "../exchange.js";
import { laneOf } from "./lane.js";
import { settle, weightOf } from "./releasable.js";
import { Ring } from "./ring.js";

export type WhenFull = "drop_oldest" | "drop_newest" | "block";

export interface QueueLimits {
	readonly maxExchanges: number;
	readonly maxBytes: number;
	/** With `block` the queue takes what is pushed; whoever pushes asks `full` and waits. */
	readonly whenFull: WhenFull;
}

export class ExchangeQueue {
	readonly limits: QueueLimits;
	count = 0;
	bytes = 0;
	dropped = 0;
	countHighWater = 0;
	bytesHighWater = 0;
	private readonly rings: Ring[];
	private readonly single: Ring | null;
	private arrivals = 0;

	constructor(limits: QueueLimits, lanes = 1) {
		this.limits = limits;
		this.rings = Array.from({ length: lanes }, () => new Ring(lanes > 1));
		this.single = lanes > 1 ? null : this.rings[0]!;
	}

	get full(): boolean {
		return this.count >= this.limits.maxExchanges || this.bytes >= this.limits.maxBytes;
	}

	/** Takes the exchange, or drops by policy. What is dropped is settled here. */
	push(exchange: Exchange): void {
		const weight = weightOf(exchange);
		const { maxExchanges, maxBytes, whenFull } = this.limits;
		if (whenFull !== "block" && this.count > 0) {
			if (whenFull === "drop_newest") {
				if (this.count >= maxExchanges || this.bytes + weight > maxBytes) {
					this.dropped++;
					settle(exchange);
					return;
				}
			} else {
				// An exchange that alone is larger than the limit still gets through, by itself.
				while (this.count > 0 && (this.count >= maxExchanges || this.bytes + weight > maxBytes)) this.dropOldest();
			}
		}
		const ring = this.single ?? this.rings[laneOf(exchange, this.rings.length)]!;
		ring.push(exchange, weight, this.arrivals++);
		this.count++;
		this.bytes += weight;
		if (this.count > this.countHighWater) this.countHighWater = this.count;
		if (this.bytes > this.bytesHighWater) this.bytesHighWater = this.bytes;
	}

	/** True where so much or more waits in one lane. */
	hasIn(lane: number, exchanges: number, bytes: number): boolean {
		const ring = this.rings[lane]!;
		return ring.count >= exchanges || ring.bytes >= bytes;
	}

	/** Takes out a lane's oldest exchanges: at least one if there is any, at most `maxExchanges`, and within `maxBytes`. */
	take(maxExchanges: number, maxBytes: number, lane = 0): Exchange[] {
		const ring = this.rings[lane]!;
		const batch: Exchange[] = [];
		const bytesBefore = ring.bytes;
		let bytes = 0;
		while (ring.count > 0 && batch.length < maxExchanges) {
			bytes += ring.weight;
			if (batch.length > 0 && bytes > maxBytes) break;
			batch.push(ring.shift());
		}
		this.count -= batch.length;
		this.bytes -= bytesBefore - ring.bytes;
		return batch;
	}

	/** Takes out the oldest exchange of all lanes; null where there is none. */
	takeOldest(): Exchange | null {
		return this.count === 0 ? null : this.shift(this.oldest());
	}

	/** Settles everything that waits; returns how many. */
	clear(): number {
		const { count } = this;
		while (this.count > 0) settle(this.shift(this.oldest()));
		return count;
	}

	private dropOldest(): void {
		this.dropped++;
		settle(this.shift(this.oldest()));
	}

	/** The ring that holds it. */
	private oldest(): Ring {
		if (this.single !== null) return this.single;
		return this.rings.reduce((oldest, ring) => (ring.arrival < oldest.arrival ? ring : oldest));
	}

	private shift(ring: Ring): Exchange {
		this.bytes -= ring.weight;
		this.count--;
		return ring.shift();
	}
}
