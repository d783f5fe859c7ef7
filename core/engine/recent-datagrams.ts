import type { DatagramEvent, Direction } from "../events.js";
import type { VantageState } from "./vantage.js";

/** Datagrams of one connection that another vantage may still tell. */
const MOST = 64;
/** The two ends of a datagram on one node are this close to each other. */
const LONGEST_US = 1_000_000;

interface Seen {
	readonly vantage: VantageState;
	readonly dir: Direction;
	readonly offset: number;
	readonly length: number;
	readonly hash: number;
	readonly tsUs: number;
}

/** Finds a datagram that both ends tell: nothing numbers them, so content, size and time have to. */
export class RecentDatagrams {
	#seen: Seen[] = [];

	/** Where in its direction's stream it lies: at `next`, or where another vantage's copy was put. */
	offsetOf(vantage: VantageState, dir: Direction, { data, tsUs }: DatagramEvent, next: number): number {
		const hash = hashOf(data);
		const index = this.#seen.findIndex(
			(seen) =>
				seen.vantage !== vantage &&
				seen.dir === dir &&
				seen.length === data.length &&
				seen.hash === hash &&
				Math.abs(tsUs - seen.tsUs) <= LONGEST_US,
		);
		const twin = this.#seen[index];
		if (twin !== undefined) {
			// each copy counts once: the same question asked again is another one
			this.#seen.splice(index, 1);
			return twin.offset;
		}
		this.#seen.push({ vantage, dir, offset: next, length: data.length, hash, tsUs });
		if (this.#seen.length > MOST) this.#seen.shift();
		return next;
	}
}

/** FNV-1a. */
function hashOf(bytes: Uint8Array): number {
	let hash = 0x811c9dc5;
	for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
	return hash;
}
