import type { StructuredValue } from "../../../core/index.js";

const MAX_DIMENSIONS = 6;

/** `{1,2,{"a b",NULL}}` as lists in lists; null where it is something else, or has bounds that a list cannot say. */
export function parseArray(
	text: string,
	element: (text: string) => StructuredValue,
): readonly StructuredValue[] | null {
	const reader = new ArrayReader(text, element);
	const list = reader.list(1);
	return list !== null && reader.at === text.length ? list : null;
}

class ArrayReader {
	at = 0;
	readonly #text: string;
	readonly #element: (text: string) => StructuredValue;

	constructor(text: string, element: (text: string) => StructuredValue) {
		this.#text = text;
		this.#element = element;
	}

	list(depth: number): StructuredValue[] | null {
		if (this.#text[this.at] !== "{" || depth > MAX_DIMENSIONS) return null;
		this.at++;
		const items: StructuredValue[] = [];
		if (this.#text[this.at] === "}") {
			this.at++;
			return items;
		}
		for (;;) {
			const item = this.#item(depth);
			if (item === undefined) return null;
			items.push(item);
			const next = this.#text[this.at++];
			if (next === "}") return items;
			if (next !== ",") return null;
		}
	}

	#item(depth: number): StructuredValue | undefined {
		const first = this.#text[this.at];
		if (first === "{") return this.list(depth + 1) ?? undefined;
		if (first === '"') return this.#quoted();
		const start = this.at;
		while (this.at < this.#text.length && this.#text[this.at] !== "," && this.#text[this.at] !== "}") this.at++;
		const bare = this.#text.slice(start, this.at);
		if (bare === "" || /[{"\\]/.test(bare)) return undefined;
		return bare === "NULL" ? null : this.#element(bare);
	}

	#quoted(): StructuredValue | undefined {
		let value = "";
		for (this.at++; this.at < this.#text.length; this.at++) {
			const character = this.#text[this.at]!;
			if (character === '"') {
				this.at++;
				return this.#element(value);
			}
			value += character === "\\" ? (this.#text[++this.at] ?? "") : character;
		}
		return undefined;
	}
}
