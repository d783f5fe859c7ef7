import type { ConnectionEnds, ConnectionFacts } from "../engine/facts.js";
import { Group } from "./group.js";
import { keysOf } from "./place.js";

/** How stale the order of use may be. */
const TOUCH_EVERY_US = 1_000_000;
/** So long after the last source has closed it, one that is behind still finds it. */
const CLOSED_US = 10_000_000;

/**
 * The connections that sources told of, each found by its addresses or its sequence numbers. Bounded: those that are over go
 * after a while, and the least used where there are too many.
 */
export class Groups {
	evicted = 0;
	readonly #byKey = new Map<string, Group>();
	readonly #all = new Set<Group>();
	/** In the order in which they ended. */
	readonly #closed = new Set<Group>();
	readonly #onForgotten: (group: Group) => void;

	constructor(onForgotten: (group: Group) => void) {
		this.#onForgotten = onForgotten;
	}

	/** The group of a source's connection, made where nobody told of it before. */
	join(facts: ConnectionFacts, source: string, nowUs: number, most: number): Group {
		const { ends } = facts;
		if (ends.group instanceof Group) {
			this.touch(ends.group, nowUs);
			return ends.group;
		}
		const keys = keysOf(facts);
		const found = this.#find(keys, ends, source);
		const group = found ?? this.#make(keys, ends, most);
		for (const key of keys) this.#byKey.set(key, group);
		if (found !== null) {
			for (const key of keys) if (!group.keys.includes(key)) group.keys.push(key);
			if (!group.hasSource(source)) group.isAlone = false;
			if (group.bases === null && ends.fromStart) group.bases = ends.bases;
		}
		group.members.push({ source, ends });
		group.open++;
		this.#closed.delete(group);
		ends.group = group;
		this.touch(group, nowUs);
		return group;
	}

	/** One view of its connection is over. */
	close({ group }: ConnectionEnds, nowUs: number): void {
		if (!(group instanceof Group) || --group.open > 0) return;
		group.closedUs = nowUs;
		if (this.#all.has(group)) this.#closed.add(group);
	}

	/** `windowUs`: how long records wait. */
	tick(nowUs: number, windowUs: number): void {
		const beforeUs = nowUs - Math.max(CLOSED_US, 2 * windowUs);
		for (const group of this.#closed) {
			if (group.closedUs > beforeUs) return;
			this.#forget(group);
		}
	}

	touch(group: Group, nowUs: number): void {
		if (nowUs - group.touchedUs < TOUCH_EVERY_US) return;
		group.touchedUs = nowUs;
		if (this.#all.delete(group)) this.#all.add(group);
	}

	get size(): number {
		return this.#all.size;
	}

	#find(keys: readonly string[], ends: ConnectionEnds, source: string): Group | null {
		for (const key of keys) {
			const group = this.#byKey.get(key);
			if (group !== undefined && fits(group, ends, source)) return group;
		}
		return null;
	}

	#make(keys: string[], ends: ConnectionEnds, most: number): Group {
		if (this.#all.size >= most) this.#evict(Math.max(1, most >> 4));
		const group = new Group(keys, ends.fromStart ? ends.bases : null);
		this.#all.add(group);
		return group;
	}

	/** Several at once: the first one is not found faster than all before it are skipped. */
	#evict(count: number): void {
		let left = count;
		for (const oldest of this.#all) {
			if (left-- === 0) return;
			this.#forget(oldest);
			this.evicted++;
		}
	}

	/** Who has it goes on with it; only those that come are not led to it any more. */
	#forget(group: Group): void {
		this.#all.delete(group);
		this.#closed.delete(group);
		this.#onForgotten(group);
		for (const key of group.keys) if (this.#byKey.get(key) === group) this.#byKey.delete(key);
	}
}

/** Views of one connection; more of them share their sequence numbers by somebody's design, and are not one. */
const MOST_MEMBERS = 8;

/** Is it the same connection, or one that uses the addresses of an earlier one again? */
function fits(group: Group, { bases, fromStart }: ConnectionEnds, source: string): boolean {
	if (group.members.length >= MOST_MEMBERS) return false;
	const known = group.bases;
	if (known !== null && bases !== null && fromStart) return known[0] === bases[0] && known[1] === bases[1];
	// a source that has told of this connection has no second one with the same addresses at the same time
	return !group.hasSource(source);
}
