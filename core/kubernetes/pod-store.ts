/** The pods of this node, as they are known now. */
import { isDeepStrictEqual } from "node:util";
import type { Pod } from "./pod.js";

/** Plain data: what workers are told. */
export interface PodChange {
	/** New, or not as they were. */
	readonly known: readonly Pod[];
	/** Their uids. */
	readonly gone: readonly string[];
}

/** A node has some hundred. */
const MOST_PODS = 4096;

export class PodStore {
	/** Pods that found no room. */
	leftOut = 0;
	readonly #pods = new Map<string, Pod>();
	readonly #onChange: (change: PodChange) => void;

	constructor(onChange: (change: PodChange) => void) {
		this.#onChange = onChange;
	}

	get size(): number {
		return this.#pods.size;
	}

	all(): readonly Pod[] {
		return [...this.#pods.values()];
	}

	/** These and no others. */
	replace(pods: readonly Pod[]): void {
		const uids = new Set(pods.map(uidOf));
		const gone = [...this.#pods.keys()].filter((uid) => !uids.has(uid));
		for (const uid of gone) this.#pods.delete(uid);
		this.#tell(
			pods.filter((pod) => this.#take(pod)),
			gone,
		);
	}

	put(pod: Pod): void {
		if (this.#take(pod)) this.#tell([pod], []);
	}

	delete(uid: string): void {
		if (this.#pods.delete(uid)) this.#tell([], [uid]);
	}

	/** True: it is news. Most changes of a pod are of its conditions. */
	#take(pod: Pod): boolean {
		const uid = uidOf(pod);
		const before = this.#pods.get(uid);
		if (before === undefined && this.#pods.size >= MOST_PODS) {
			this.leftOut++;
			return false;
		}
		if (isDeepStrictEqual(before, pod)) return false;
		this.#pods.set(uid, pod);
		return true;
	}

	#tell(known: readonly Pod[], gone: readonly string[]): void {
		if (known.length + gone.length > 0) this.#onChange({ known, gone });
	}
}

export function uidOf(pod: Pod): string {
	return pod.uids[0] ?? "";
}
