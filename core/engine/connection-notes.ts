import type { Attributes, AttributeValue } from "../exchange.js";

const MAX_NAMES = 64;

/** What a parser tells about its connection as a whole: facts and counters of the connection's own record. */
export class ConnectionNotes {
	#values: Record<string, AttributeValue> | null = null;
	#names = 0;

	/** By name: the order in which the two directions told them says nothing. */
	get values(): Attributes | null {
		const values = this.#values;
		if (values === null) return null;
		return Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));
	}

	set(name: string, value: AttributeValue): void {
		const values = (this.#values ??= {});
		if (!Object.hasOwn(values, name) && ++this.#names > MAX_NAMES) return;
		values[name] = value;
	}

	count(name: string, by: number): void {
		const before = this.#values?.[name];
		this.set(name, (typeof before === "number" ? before : 0) + by);
	}
}
