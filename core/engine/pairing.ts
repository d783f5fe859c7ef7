import type { MessageHead } from "../plugin.js";
import type { CapturedExchange } from "./captured-exchange.js";

/** Heads of evicted requests that are kept for their responses; of more than these only the number. */
const MAX_OWED_HEADS = 4096;

/**
 * Which response answers which request: in order, or by tag. Knows nothing of bytes; times are those of first bytes.
 */
export class Pairing {
	/** Requests that wait for a response to begin, oldest first. */
	#waiting: CapturedExchange[] = [];
	#head = 0;
	#tagged: Map<number, CapturedExchange> | null = null;
	/** Responses were lost: the next one may belong to a later request than the oldest that waits. */
	#realign = false;
	/** Requests were lost, or never seen: a response may belong to one of them. Once lost, always in doubt. */
	#requestsLost = false;
	/** Requests before the oldest that waits, given up to the cap: so many responses come before its own. */
	#owed = 0;
	#owedHeads: (MessageHead | null)[] = [];
	/** Requests that others followed which were lost. */
	#followedByLoss: WeakSet<CapturedExchange> | null = null;

	get waitingCount(): number {
		return this.#waiting.length - this.#head + (this.#tagged?.size ?? 0);
	}

	/** Returns the request of the same tag whose place it takes, or null. */
	add(exchange: CapturedExchange, tag: number | undefined): CapturedExchange | null {
		if (tag === undefined) {
			this.#waiting.push(exchange);
			return null;
		}
		const tagged = (this.#tagged ??= new Map());
		const replaced = tagged.get(tag) ?? null;
		// the newest is the last, whatever its tag
		if (replaced !== null) tagged.delete(tag);
		tagged.set(tag, exchange);
		return replaced;
	}

	/** After lost responses: whatever began before the next response and is not the last such request stays unanswered. */
	responsesLost(): void {
		this.#realign = true;
	}

	/** After lost requests: a response that began before the oldest request that waits answers none that is known. */
	requestsLost(): void {
		this.#requestsLost = true;
		const newest = this.#waiting.at(-1);
		if (newest !== undefined) (this.#followedByLoss ??= new WeakSet()).add(newest);
	}

	/** The request that a response beginning at `startUs` answers. `dropped` gets those that it shows to be unanswered. */
	peek(
		tag: number | undefined,
		startUs: number,
		dropped: (exchange: CapturedExchange) => void,
	): CapturedExchange | null {
		if (tag !== undefined) return this.#tagged?.get(tag) ?? null;
		if (this.#realign) this.#align(startUs, dropped);
		if (this.#owed > 0) return null;
		const oldest = this.#waiting[this.#head] ?? null;
		return oldest !== null && this.#requestsLost && oldest.startUs > startUs ? null : oldest;
	}

	take(tag: number | undefined): void {
		if (tag !== undefined) {
			this.#tagged?.delete(tag);
			return;
		}
		this.#realign = false;
		const waiting = this.#waiting;
		if (waiting.length - this.#head <= 1) {
			// the usual case: one request at a time
			while (waiting.length > 0) waiting.pop();
			this.#head = 0;
		} else if (++this.#head > 64 && this.#head * 2 > waiting.length) {
			waiting.splice(0, this.#head);
			this.#head = 0;
		}
	}

	/** All that wait, oldest first. */
	*all(): IterableIterator<CapturedExchange> {
		for (let i = this.#head; i < this.#waiting.length; i++) yield this.#waiting[i]!;
		if (this.#tagged !== null) yield* this.#tagged.values();
	}

	/** The next response in order answers a request that was evicted. Asked after `peek`. */
	get isOwed(): boolean {
		return this.#owed > 0;
	}

	/** Head of that request, as far as it is known. */
	get owedHead(): MessageHead | null {
		return this.#owedHeads[0] ?? null;
	}

	takeOwed(): void {
		this.#realign = false;
		this.#owed--;
		this.#owedHeads.shift();
	}

	/** Takes the oldest out. Where responses come in order, its response still comes before all others. */
	evict(): CapturedExchange | null {
		const isInOrder = this.#head < this.#waiting.length;
		const oldest = this.takeOldest();
		if (!isInOrder || oldest === null) return oldest;
		if (this.#owed === this.#owedHeads.length && this.#owed < MAX_OWED_HEADS)
			this.#owedHeads.push(oldest.req?.saidHead ?? null);
		this.#owed++;
		return oldest;
	}

	/** Nothing that was said before counts any more: another parser goes on. */
	forgetOwed(): void {
		this.#owed = 0;
		this.#owedHeads = [];
	}

	takeOldest(): CapturedExchange | null {
		const oldest = this.#waiting[this.#head];
		if (oldest !== undefined) {
			this.take(undefined);
			return oldest;
		}
		for (const [tag, exchange] of this.#tagged ?? []) {
			this.#tagged?.delete(tag);
			return exchange;
		}
		return null;
	}

	#align(startUs: number, dropped: (exchange: CapturedExchange) => void): void {
		const waiting = this.#waiting;
		const isSure = waiting.length > this.#head && waiting[this.#head]!.startUs <= startUs;
		if (this.#owed > 0 && isSure) this.forgetOwed();
		else if (this.#owed > 1) {
			this.#owedHeads = this.#owed === this.#owedHeads.length ? this.#owedHeads.slice(-1) : [];
			this.#owed = 1;
		}
		while (waiting.length - this.#head > 1 && waiting[this.#head + 1]!.startUs <= startUs) {
			const lost = waiting[this.#head]!;
			this.#head++;
			dropped(lost);
		}
		// requests and responses are missing here: this response may answer the last known request or a lost one
		const last = waiting[this.#head];
		if (last !== undefined && last.startUs <= startUs && this.#followedByLoss?.has(last)) {
			this.#head++;
			dropped(last);
		}
		this.#realign = false;
	}
}
