import type { Attributes, SubMessage } from "../exchange.js";
import type { ItemDecoder, PartDecoder, PartWriter, StructuredValue } from "../plugin.js";
import { formatTime } from "../wire/time.js";
import { decodedBody } from "./decoded-items.js";
import { Items } from "./items.js";
import type { MessageContext } from "./message.js";
import { Payload } from "./payload.js";

/** One message of a stream inside a message. */
export class Part implements PartWriter {
	payload: Payload | null = null;
	itemList: Items | null = null;
	#decoder: ItemDecoder | null = null;
	#attributes: Attributes;
	#partDecoder: PartDecoder | null = null;
	/** What the decoder made of it; undefined: nobody asked yet. */
	#decoded: ReturnType<PartDecoder["decode"]> | undefined = undefined;
	#isExpectingMore = false;
	readonly #startUs: number;
	/** Null once the message that it belongs to is over. */
	#context: MessageContext | null;
	/** Payload bytes of the whole message that may still be kept. */
	readonly #budget: { left: number };

	constructor(attributes: Attributes, startUs: number, budget: { left: number }, context: MessageContext) {
		this.#attributes = attributes;
		this.#startUs = startUs;
		this.#budget = budget;
		this.#context = context;
	}

	attributes(attributes: Attributes): void {
		if (this.#context !== null) this.#attributes = { ...this.#attributes, ...attributes };
	}

	expectMore(isExpected: boolean): void {
		this.#isExpectingMore = isExpected;
	}

	decodeWith(decoder: PartDecoder): void {
		if (this.#context !== null) this.#partDecoder = decoder;
	}

	body(bytes: Uint8Array, from: number, to: number, index = from): void {
		const context = this.#context;
		if (context === null || from >= to) return;
		const payload = (this.payload ??= new Payload(context.slabs));
		const before = payload.captured;
		payload.append(bytes, from, to, context.offsetAt(index), payload.bytes + this.#budget.left);
		this.#budget.left -= payload.captured - before;
	}

	bodyGap(length: number | null): void {
		const context = this.#context;
		if (context === null) return;
		if (this.itemList !== null) this.itemList.gap(length, context.gapCause);
		else (this.payload ??= new Payload(context.slabs)).gap(length, context.gapCause);
	}

	secret(length: number): void {
		const context = this.#context;
		if (context === null) return;
		if (this.itemList !== null) this.itemList.gap(length, "redacted");
		else (this.payload ??= new Payload(context.slabs)).gap(length, "redacted");
	}

	item(value: StructuredValue, bytes: number): void {
		const context = this.#context;
		if (context === null) return;
		const items = (this.itemList ??= new Items(context.slabs));
		const before = items.captured;
		items.add(value, bytes, items.bytes + this.#budget.left);
		this.#budget.left -= items.captured - before;
	}

	items(decoder: ItemDecoder): void {
		if (this.#context !== null) this.#decoder = decoder;
	}

	/** For redaction: which attributes are shown from now on. */
	show(change: (attributes: Attributes) => Attributes): void {
		this.#attributes = change(this.#attributes);
	}

	/** The message is over, and every writer of its parts. */
	close(isWhole: boolean): void {
		if (this.#isExpectingMore && !isWhole) this.bodyGap(null);
		this.#context = null;
	}

	get heldBytes(): number {
		return (this.payload?.captured ?? 0) + (this.itemList?.captured ?? 0);
	}

	view(): SubMessage {
		const at = formatTime(this.#startUs);
		const attributes = this.#attributes;
		const decoded = this.#decode();
		if (decoded !== null) {
			const { value, decodedFrom } = decoded;
			const bytes = this.payload?.bytes ?? 0;
			const from = decodedFrom === undefined ? {} : { decodedFrom };
			return { at, bytes, attributes, encoding: "json", data: value, ...from };
		}
		const body = this.itemList?.view() ?? decodedBody(this.payload, this.#decoder, null);
		const { bytes, captured, completeness, gaps, encoding, data } = body;
		const missing = completeness === "complete" ? {} : { captured, completeness, gaps };
		return { at, bytes, attributes, encoding, data, ...missing };
	}

	#decode(): ReturnType<PartDecoder["decode"]> {
		const { payload } = this;
		if (this.#partDecoder === null || this.itemList !== null || (payload !== null && payload.gaps !== null))
			return null;
		if (this.#decoded === undefined) {
			try {
				this.#decoded = this.#partDecoder.decode(payload?.contiguous() ?? NOTHING);
			} catch {
				// a decoder's bug must not cost the record; the bytes are shown as they are
				this.#decoded = null;
			}
		}
		return this.#decoded;
	}

	release(): void {
		this.payload?.release();
		this.itemList?.release();
	}
}

const NOTHING = new Uint8Array(0);
