import { globMatches } from "../routing/glob.js";

/** Names come from the traffic: what is remembered of them is bounded. */
const MAX_REMEMBERED = 4096;

/** A set of names with globs, in any case. Remembers its answers. */
export class Names {
	readonly count: number;
	readonly #globs: readonly string[];
	readonly #known = new Map<string, boolean>();

	constructor(names: readonly string[]) {
		this.#globs = [...new Set(names.map((name) => name.toLowerCase()))];
		this.count = this.#globs.length;
	}

	has(name: string): boolean {
		if (this.count === 0) return false;
		const known = this.#known.get(name);
		if (known !== undefined) return known;
		const lower = name.toLowerCase();
		const found = this.#globs.some((glob) => globMatches(glob, lower));
		if (this.#known.size >= MAX_REMEMBERED) this.#known.clear();
		if (name.length <= 256) this.#known.set(name, found);
		return found;
	}
}
