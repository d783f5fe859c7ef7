import type { SubMessage } from "../exchange.js";
import type { ItemDecoder } from "../plugin.js";
import type { Items } from "./items.js";
import type { Part } from "./part.js";

/** What few messages have. */
export class Extras {
	items: Items | null = null;
	/** Makes values of the payload's bytes; null: they are none. */
	decoder: ItemDecoder | null = null;
	/** Bytes on the wire where positions do not tell them; -1: they do. */
	wireBytes = -1;
	parts: Part[] | null = null;
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

	closeParts(): void {
		if (this.parts !== null) for (const part of this.parts) part.close();
	}

	release(): void {
		this.items?.release();
		if (this.parts !== null) for (const part of this.parts) part.release();
	}
}
