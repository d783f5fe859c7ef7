import type { Exchange } from "../exchange.js";

const SMALLEST_RING = 1024;

/** Exchanges in order, each with its weight. `push` allocates nothing while it has room, and grows where it has none. */
export class Ring {
	count = 0;
	bytes = 0;
	/** Numbers of arrival; only where the order among several rings matters. */
	private arrivals: Float64Array | null;
	private exchanges: (Exchange | null)[] = new Array<Exchange | null>(SMALLEST_RING).fill(null);
	private weights = new Float64Array(SMALLEST_RING);
	private mask = SMALLEST_RING - 1;
	private head = 0;

	constructor(isOneOfSeveral: boolean) {
		this.arrivals = isOneOfSeveral ? new Float64Array(SMALLEST_RING) : null;
	}

	push(exchange: Exchange, weight: number, arrival: number): void {
		if (this.count > this.mask) this.grow();
		const slot = (this.head + this.count) & this.mask;
		this.exchanges[slot] = exchange;
		this.weights[slot] = weight;
		if (this.arrivals !== null) this.arrivals[slot] = arrival;
		this.count++;
		this.bytes += weight;
	}

	/** Of the oldest one, which there must be. */
	get weight(): number {
		return this.weights[this.head]!;
	}

	/** Of the oldest one; never, where there is none. */
	get arrival(): number {
		return this.count === 0 || this.arrivals === null ? Number.POSITIVE_INFINITY : this.arrivals[this.head]!;
	}

	shift(): Exchange {
		const exchange = this.exchanges[this.head]!;
		this.exchanges[this.head] = null;
		this.bytes -= this.weights[this.head]!;
		this.head = (this.head + 1) & this.mask;
		this.count--;
		return exchange;
	}

	private grow(): void {
		const size = (this.mask + 1) * 2;
		const exchanges = new Array<Exchange | null>(size).fill(null);
		const weights = new Float64Array(size);
		const arrivals = this.arrivals === null ? null : new Float64Array(size);
		for (let index = 0; index < this.count; index++) {
			const from = (this.head + index) & this.mask;
			exchanges[index] = this.exchanges[from]!;
			weights[index] = this.weights[from]!;
			if (arrivals !== null) arrivals[index] = this.arrivals![from]!;
		}
		this.exchanges = exchanges;
		this.weights = weights;
		this.arrivals = arrivals;
		this.mask = size - 1;
		this.head = 0;
	}
}
