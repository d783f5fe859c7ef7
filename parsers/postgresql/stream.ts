import type { PayloadWriter } from "../../core/index.js";

/** What is done with the bytes of a message that is not waited for as a whole. */
export type StreamKind = "none" | "skip" | "raw" | "text" | "parameters";

/** Bytes of one message that are still to come. */
export class MessageStream {
	kind: StreamKind = "none";
	/** Of the message. */
	left = 0;
	writer: PayloadWriter | null = null;

	start(kind: StreamKind, left: number, writer: PayloadWriter | null = null): void {
		this.kind = left === 0 ? "none" : kind;
		this.left = left;
		this.writer = writer;
	}

	stop(): void {
		this.start("none", 0);
	}

	/** Takes what there is of a `skip` or `raw` message; returns the position after it. */
	take(bytes: Uint8Array, at: number): number {
		const to = Math.min(bytes.length, at + this.left);
		if (this.kind === "raw") this.writer?.body(bytes, at, to);
		this.#passed(to - at);
		return to;
	}

	/** True where `length` missing bytes lie inside this message, and its payload was told so. */
	gap(length: number | null): boolean {
		if (length === null || length > this.left || (this.kind !== "skip" && this.kind !== "raw")) return false;
		if (this.kind === "raw") this.writer?.bodyGap(length);
		this.#passed(length);
		return true;
	}

	#passed(count: number): void {
		this.left -= count;
		if (this.left === 0) this.stop();
	}
}
