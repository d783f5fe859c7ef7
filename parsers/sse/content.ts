import { type ContentContext, type ContentOutput, type ContentParser, InflateMemory } from "../../core/index.js";
import { Coding } from "./coding.js";
import { EventStream } from "./event-stream.js";

/** Null: a request, or a content coding that cannot be undone as it passes; its payload stays a body. */
export function eventContent({ dir, head, shared }: ContentContext): ContentParser | null {
	if (dir === 0) return null;
	const coding = head.headers
		.filter(([name]) => name.toLowerCase() === "content-encoding")
		.flatMap(([, value]) => value.toLowerCase().split(","))
		.map((name) => name.trim())
		.filter((name) => name !== "" && name !== "identity");
	if (coding.length === 0) return new PlainEvents();
	let memory = shared.get("inflate");
	if (!(memory instanceof InflateMemory)) shared.set("inflate", (memory = new InflateMemory()));
	const undone = coding.length === 1 ? Coding.of(coding[0]!, memory as InflateMemory) : null;
	return undone === null ? null : new CodedEvents(undone);
}

class PlainEvents implements ContentParser {
	readonly #stream = new EventStream();

	body(bytes: Uint8Array, from: number, to: number, out: ContentOutput): void {
		this.#stream.read(bytes, from, to, null, out);
	}

	gap(_length: number | null, out: ContentOutput): void {
		this.#stream.gap(out);
	}

	end(): void {
		this.#stream.end();
	}
}

class CodedEvents implements ContentParser {
	readonly #stream = new EventStream();
	readonly #coding: Coding;

	constructor(coding: Coding) {
		this.#coding = coding;
	}

	body(bytes: Uint8Array, from: number, to: number, out: ContentOutput): void {
		const isRight = this.#coding.write(bytes, from, to, (text, start, end, index) => {
			this.#stream.read(text, start, end, index, out);
			return true;
		});
		if (isRight) return;
		this.#giveUp(out);
		out.body(bytes, from, to);
	}

	/** The window is lost, and with it all that follows. */
	gap(length: number | null, out: ContentOutput): void {
		this.#stream.gap(out);
		this.#giveUp(out);
		out.bodyGap(length);
	}

	end(): void {
		this.#stream.end();
		this.#coding.close();
	}

	#giveUp(out: ContentOutput): void {
		this.#stream.end();
		this.#coding.close();
		out.giveUp("event-coding-lost");
	}
}
