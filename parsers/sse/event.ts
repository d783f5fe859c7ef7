import { type AttributeValue, MessageHead, type MessageWriter } from "../../core/index.js";

/** What of an id, a type or a time is kept. */
const MAX_FIELD_BYTES = 4096;

export type Field = "data" | "event" | "id" | "retry";

/** One event under way: its data goes on as it passes, its other fields are kept to its end. */
export class Event {
	readonly #writer: MessageWriter;
	#hasData = false;
	#fields: Partial<Record<Field, string>> = {};
	/** Of the line that is being read. */
	#value: Uint8Array[] = [];
	#valueBytes = 0;
	#isCut = false;

	constructor(writer: MessageWriter) {
		this.#writer = writer;
	}

	/** A line of that field begins, at byte `index`. */
	line(field: Field, index: number): void {
		this.#value = [];
		this.#valueBytes = 0;
		if (field !== "data") return;
		// several lines of data are one text
		if (this.#hasData) this.#writer.body(NEW_LINE, 0, 1, index);
		this.#hasData = true;
	}

	/** Bytes of the line's value; `index` as in `PayloadWriter.body`. */
	value(field: Field, bytes: Uint8Array, from: number, to: number, index: number): void {
		if (field === "data") {
			this.#writer.body(bytes, from, to, index);
			return;
		}
		const end = Math.min(to, from + MAX_FIELD_BYTES - this.#valueBytes);
		if (end < to) this.#isCut = true;
		if (end <= from) return;
		this.#value.push(bytes.slice(from, end));
		this.#valueBytes += end - from;
	}

	lineEnds(field: Field): void {
		if (field === "data") return;
		const text = Buffer.concat(this.#value).toString("utf8");
		if (field === "retry" ? /^\d{1,15}$/.test(text) : field === "event" || !text.includes("\0"))
			this.#fields[field] = text;
	}

	/** It is over before byte `index`, after so many bytes. */
	finish(index: number, bytes: number): void {
		this.#tell(bytes, "message");
		this.#writer.finish(index, "ok");
	}

	/** It does not come to its end: it is lost in a hole, or the stream stopped. */
	abandon(flag: string, bytes: number): void {
		this.#writer.flag(flag);
		// its type may have been still to come
		this.#tell(bytes, null);
		this.#writer.abandon("aborted");
	}

	/** The rest of it lies in the hole of this call. */
	gap(): void {
		this.#writer.bodyGap(null);
	}

	/** `usual`: the type where none was given. */
	#tell(bytes: number, usual: string | null): void {
		const { event = "", id, retry } = this.#fields;
		const type = event === "" ? usual : event;
		const attributes: Record<string, AttributeValue> = type === null ? {} : { "sse.event.type": type };
		if (id !== undefined) attributes["sse.event.id"] = id;
		if (retry !== undefined) attributes["sse.retry_ms"] = Number(retry);
		if (!this.#hasData && usual !== null) this.#writer.flag("no-data");
		if (this.#isCut) this.#writer.flag("fields-cut");
		this.#writer.head(new MessageHead(type ?? "<unknown>", attributes, []));
		this.#writer.wireBytes(bytes);
	}
}

const NEW_LINE = Uint8Array.of(10);
