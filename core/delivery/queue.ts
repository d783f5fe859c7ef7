/** A bounded first-in first-out queue of exchanges, by count and by bytes. `push` allocates nothing while it has room. */
import type { Exchange } from "../exchange.js";
import { settle, weightOf } from "./releasable.js";

export type WhenFull = "drop_oldest" | "drop_newest" | "block";

export interface QueueLimits {
	readonly maxExchanges: number;
	readonly maxBytes: number;
	/** With `block` the queue takes what is pushed; whoever pushes asks `full` and waits. */
	readonly whenFull: WhenFull;
}

const SMALLEST_RING = 1024;

export class ExchangeQueue {
	readonly limits: QueueLimits;
	count = 0;
	bytes = 0;
	dropped = 0;
	countHighWater = 0;
	bytesHighWater = 0;
	private ring: (Exchange | null)[] = new Array<Exchange | null>(SMALLEST_RING).fill(null);
	private weights = new Float64Array(SMALLEST_RING);
	private mask = SMALLEST_RING - 1;
	private head = 0;

	constructor(limits: QueueLimits) {
		this.limits = limits;
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
		if (this.count > this.mask) this.grow();
		const slot = (this.head + this.count) & this.mask;
		this.ring[slot] = exchange;
		this.weights[slot] = weight;
		this.count++;
		this.bytes += weight;
		if (this.count > this.countHighWater) this.countHighWater = this.count;
		if (this.bytes > this.bytesHighWater) this.bytesHighWater = this.bytes;
	}

	/** Takes out the oldest exchanges: at least one if there is any, at most `maxExchanges`, and within `maxBytes`. */
	take(maxExchanges: number, maxBytes: number): Exchange[] {
		const batch: Exchange[] = [];
		let bytes = 0;
		while (this.count > 0 && batch.length < maxExchanges) {
			bytes += this.weights[this.head]!;
			if (batch.length > 0 && bytes > maxBytes) break;
			batch.push(this.shift());
		}
		return batch;
	}

	/** Settles everything that waits; returns how many. */
	clear(): number {
		const { count } = this;
		while (this.count > 0) settle(this.shift());
		return count;
	}

	private dropOldest(): void {
		this.dropped++;
		settle(this.shift());
	}

	private shift(): Exchange {
		const exchange = this.ring[this.head]!;
		this.ring[this.head] = null;
		this.bytes -= this.weights[this.head]!;
		this.head = (this.head + 1) & this.mask;
		this.count--;
		return exchange;
	}

	private grow(): void {
		const size = (this.mask + 1) * 2;
		const ring = new Array<Exchange | null>(size).fill(null);
		const weights = new Float64Array(size);
		for (let index = 0; index < this.count; index++) {
			const from = (this.head + index) & this.mask;
			ring[index] = this.ring[from]!;
			weights[index] = this.weights[from]!;
		}
		this.ring = ring;
		this.weights = weights;
		this.mask = size - 1;
		this.head = 0;
	}
}
