import type { Direction } from "../events.js";
import type { CapturedExchange, Sighting } from "./captured-exchange.js";
import type { Connection } from "./connection.js";
import type { Message } from "./message.js";
import type { VantageState } from "./vantage.js";

/** Places of one direction that are remembered; the oldest go first. */
const MAX_PLACES = 1024;

/**
 * The encrypted connection below a plaintext one, watched by another source: where each piece of plaintext lies in it, and so
 * when that source saw it pass. Bytes are not compared or healed across sources.
 */
export class Carrier {
	#below: Connection | null = null;
	/** It was waited for in vain. */
	#isMissing = false;
	/** Triples for each direction: plaintext position after a piece, positions of its ciphertext. */
	readonly #places: readonly [number[], number[]] = [[], []];

	place(dir: Direction, toOffset: number, [from, to]: readonly [number, number]): void {
		const places = this.#places[dir];
		places.push(toOffset, from, to);
		if (places.length > MAX_PLACES * 3) places.splice(0, (MAX_PLACES / 2) * 3);
	}

	/** Nobody told of it in time: what comes next need not wait until somebody does. */
	giveUp(): void {
		this.#isMissing = this.#below === null;
	}

	/** Something of it may still come. */
	get isAwaited(): boolean {
		return this.#below !== null || !this.#isMissing;
	}

	/** Asks `find` until there is one. */
	join(above: Connection, find: () => Connection | null): void {
		if (this.#below !== null) return;
		const found = find();
		if (!found?.vantages.every((vantage) => isOf(vantage, above.vantages))) return;
		this.#below = found;
		found.coveredBy = above;
	}

	/** True where the other source has seen all of it, so that nothing need be waited for. */
	hasSeen({ req, res }: CapturedExchange, above: Connection): boolean {
		if (!this.isAwaited) return true;
		const below = this.#below;
		if (below === null) return false;
		const watching = onlyBelow(below);
		if (watching.length === 0) return true;
		const withBytes = watching.filter(({ hasBytes }) => hasBytes);
		return [req, res].every((message) => {
			if (message === null) return true;
			const last = this.#ciphertextOf(message, message.endOffset - 1);
			if (last === null || withBytes.length === 0) return false;
			const dir = this.#direction(message.dir, above);
			return withBytes.every(({ seen, isClosed }) => isClosed || seen[dir] >= last[1]);
		});
	}

	/** When the other source saw the exchange pass, once for each of its vantages that did. */
	sightings({ req, res }: CapturedExchange, above: Connection): Sighting[] {
		const first = req ?? res;
		const last = res ?? req;
		if (first === null || last === null || this.#below === null) return [];
		const begin = this.#ciphertextOf(first, first.startOffset);
		const end = this.#ciphertextOf(last, last.endOffset - 1);
		if (begin === null || end === null) return [];
		return onlyBelow(this.#below).flatMap((vantage): Sighting[] => {
			const startUs = vantage.timeOf(this.#direction(first.dir, above), begin[0]);
			const endUs = vantage.timeOf(this.#direction(last.dir, above), end[1] - 1);
			return startUs === null || endUs === null ? [] : [{ facts: vantage.facts, startUs, endUs }];
		});
	}

	/** Where the ciphertext begins and ends that brought the byte at `offset`; null: nobody told, or too long ago. */
	#ciphertextOf({ dir }: Message, offset: number): readonly [number, number] | null {
		const places = this.#places[dir];
		let low = 0;
		let high = places.length / 3;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (places[middle * 3]! > offset) high = middle;
			else low = middle + 1;
		}
		const from = places[low * 3 + 1];
		const to = places[low * 3 + 2];
		return from === undefined || to === undefined ? null : [from, to];
	}

	/** Whoever guessed the roles may have them the other way round. */
	#direction(dir: Direction, above: Connection): Direction {
		const ours = above.facts.client;
		const theirs = this.#below?.facts.client;
		const isSame = theirs?.port === ours.port && theirs.address === ours.address;
		return isSame ? dir : dir === 0 ? 1 : 0;
	}
}

/** Those that see ciphertext only: who tells the plaintext too has an exchange of its own, which correlation brings together. */
function onlyBelow(below: Connection): readonly VantageState[] {
	return below.vantages.filter(({ role }) => !below.isToldAsPlaintext(role));
}

/** False where the same end of it belongs to another process: two connections that look alike. */
function isOf({ role, process }: VantageState, above: readonly VantageState[]): boolean {
	const same = above.filter((each) => each.role === role && each.process !== null);
	return process === null || same.length === 0 || same.some((each) => each.process?.pid === process.pid);
}
