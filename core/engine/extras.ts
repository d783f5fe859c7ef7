import type { SubMessage } from "../exchange.js";
import type { ItemDecoder } from "../plugin.js";
import type { Content } from "./content.js";
import type { Items } from "./items.js";
import type { Part } from "./part.js";

/** What few messages have. */
export class Extras {
	items: Items | null = null;
	/** Makes values of the payload's bytes; null: they are none. */
	decoder: ItemDecoder | null = null;
	parts: Part[] | null = null;
	/** Who reads the payload; null: nobody, it is a body. */
	reader: Content | null = null;
	/** Of the payload itself; each part knows its own. */
	isExpectingMore = false;
	/** Bytes between its first and last position that belong to others: it lies in a logical stream. */
	skew = 0;
	/** Payload bytes of all parts together that may still be kept. */
	readonly budget: { left: number };

	constructor(maxBodyBytes: number) {
		this.budget = { left: maxBodyBytes };
	}

	messages(): readonly SubMessage[] | null {
		return this.parts?.map((part) => part.view()) ?? null;
	}

	get heldBytes(): number {
		let held = this.items?.captured ?? 0;
		if (this.parts !== null) for (const part of this.parts) held += part.heldBytes;
		return held;
	}

	closeParts(isWhole: boolean): void {
		if (this.parts !== null) for (const part of this.parts) part.close(isWhole);
	}

	release(): void {
		this.items?.release();
		if (this.parts !== null) for (const part of this.parts) part.release();
	}
}
