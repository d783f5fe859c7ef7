import type { GapCause } from "../events.js";
import type { Body, BodyGap } from "../exchange.js";
import type { StructuredValue } from "../plugin.js";
import type { SlabPool } from "./slab.js";

/** What an item takes in memory beside its bytes, roughly. */
const ITEM_OVERHEAD_BYTES = 64;

/** A payload of structured values (rows, documents, replies). Its limits count the bytes that they had on the wire. */
export class Items {
	bytes = 0;
	captured = 0;
	readonly #values: StructuredValue[] = [];
	#gaps: BodyGap[] = [];
	#reserved = 0;
	#isFull = false;
	readonly #pool: SlabPool;

	constructor(pool: SlabPool) {
		this.#pool = pool;
	}

	add(value: StructuredValue, bytes: number, limit: number): void {
		// what follows a value that found no room is left out as well: a list has no holes that a reader must guess
		this.#isFull ||= this.bytes + bytes > limit;
		if (this.#isFull) {
			this.gap(bytes, "limit");
			return;
		}
		const memory = bytes + ITEM_OVERHEAD_BYTES;
		if (!this.#pool.reserve(memory)) {
			this.gap(bytes, "cap");
			return;
		}
		this.#reserved += memory;
		this.bytes += bytes;
		this.captured += bytes;
		this.#values.push(value);
	}

	gap(length: number | null, cause: GapCause): void {
		const from = this.bytes;
		const to = length === null ? null : from + length;
		const last = this.#gaps.at(-1);
		if (last !== undefined && last.to === from && last.cause === cause)
			this.#gaps[this.#gaps.length - 1] = { from: last.from, to, cause };
		else this.#gaps.push({ from, to, cause });
		if (length !== null) this.bytes += length;
	}

	view(): Body {
		const { bytes, captured } = this;
		const gaps = this.#gaps;
		const isCut = gaps.length > 0 && gaps.every((gap) => gap.cause === "limit");
		const completeness = gaps.length === 0 ? "complete" : isCut ? "truncated" : "gap";
		return { bytes, captured, completeness, gaps, encoding: "json", data: this.#values };
	}

	release(): void {
		this.#pool.unreserve(this.#reserved);
		this.#reserved = 0;
	}
}
