import { type Exchange, payloadFacts, type Sink } from "../../core/index.js";
import type { BlackholeConfig } from "./index.js";

const KINDS = ["exchange", "message", "connection"] as const;
const OUTCOMES = ["ok", "error", "unanswered", "aborted", "partial"] as const;
const COMPLETENESS = ["complete", "truncated", "gap"] as const;

/** Everything is counted in the call, nothing is kept. */
export class BlackholeSink implements Sink {
	readonly maxInFlight = 1;
	readonly #touch: boolean;
	readonly #counters: Record<string, number>;
	/** Keeps the reading from being optimised away. */
	#sum = 0;

	constructor(config: BlackholeConfig) {
		this.#touch = config.touch;
		const names = [
			"exchanges",
			"bytes",
			"body_bytes",
			"body_bytes_captured",
			...KINDS.map((kind) => `kind_${kind}`),
			...OUTCOMES.map((outcome) => `outcome_${outcome}`),
			...COMPLETENESS.map((completeness) => `bodies_${completeness}`),
			...(config.touch ? ["bytes_touched"] : []),
		];
		this.#counters = Object.fromEntries(names.map((name) => [name, 0]));
	}

	async open(): Promise<void> {}

	async write(batch: readonly Exchange[]): Promise<void> {
		for (const exchange of batch) this.#count(exchange);
	}

	async close(): Promise<void> {}

	counters(): Readonly<Record<string, number>> {
		return { ...this.#counters };
	}

	#count(exchange: Exchange): void {
		this.#add("exchanges", 1);
		this.#add(`kind_${exchange.kind}`, 1);
		this.#add(`outcome_${exchange.outcome}`, 1);
		for (const side of ["request", "response"] as const) {
			const facts = payloadFacts(exchange, side);
			if (facts === null) continue;
			this.#add("bytes", facts.messageBytes);
			this.#add("body_bytes", facts.bytes);
			this.#add("body_bytes_captured", facts.captured);
			this.#add(`bodies_${facts.completeness}`, 1);
			if (this.#touch) for (const piece of facts.pieces()) this.#read(piece);
		}
	}

	#read(bytes: Uint8Array): void {
		let sum = this.#sum;
		for (let at = 0; at < bytes.length; at++) sum = (sum + bytes[at]!) | 0;
		this.#sum = sum;
		this.#add("bytes_touched", bytes.length);
	}

	#add(name: string, by: number): void {
		this.#counters[name] = (this.#counters[name] ?? 0) + by;
	}
}
