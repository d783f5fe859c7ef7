/** Ids that are remembered; beyond it all are forgotten, and asked for once more. */
const MOST_ASKED = 4096;

/** What was asked for, so that one that never comes is asked for once. */
export class Asked {
	readonly #ids = new Set<string>();

	/** True: it was the first time. */
	isNew(id: string): boolean {
		if (this.#ids.has(id)) return false;
		if (this.#ids.size >= MOST_ASKED) this.#ids.clear();
		this.#ids.add(id);
		return true;
	}
}
