import type { AttributeValue, Direction } from "../../core/index.js";

const MAX_WAITING = 16;

/** Round trips of PING frames (RFC 9113, section 6.7), as seen from where they were captured. */
export class Pings {
	count = 0;
	answered = 0;
	minUs = 0;
	maxUs = 0;
	/** By sender and opaque data: when the frame, or what answers it, was seen. */
	readonly #asked = new Map<string, number>();
	readonly #answers = new Map<string, number>();

	/** Returns the round trip in microseconds where this completes one, or -1. */
	see(dir: Direction, isAnswer: boolean, data: string, tsUs: number): number {
		const sender = isAnswer ? (dir === 0 ? 1 : 0) : dir;
		const key = `${sender}${data}`;
		if (!isAnswer) this.count++;
		const [own, other] = isAnswer ? [this.#answers, this.#asked] : [this.#asked, this.#answers];
		const found = other.get(key);
		if (found === undefined) {
			own.set(key, tsUs);
			const oldest = own.size > MAX_WAITING ? own.keys().next().value : undefined;
			if (oldest !== undefined) own.delete(oldest);
			return -1;
		}
		other.delete(key);
		const us = Math.max(0, isAnswer ? tsUs - found : found - tsUs);
		this.minUs = this.answered === 0 ? us : Math.min(this.minUs, us);
		this.maxUs = Math.max(this.maxUs, us);
		this.answered++;
		return us;
	}

	tell(notes: Map<string, AttributeValue>): void {
		if (this.count === 0) return;
		notes.set("http2.pings", this.count);
		if (this.answered === 0) return;
		notes.set("http2.ping.answered", this.answered);
		notes.set("http2.ping.min_us", this.minUs);
		notes.set("http2.ping.max_us", this.maxUs);
	}
}
