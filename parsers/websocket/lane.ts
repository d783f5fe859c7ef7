import { MASKED } from "./frame.js";
import type { FrameSearch } from "./frame-search.js";
import type { Incoming } from "./incoming.js";
import type { Unmasking } from "./unmasking.js";

/** One direction: the frame that it is in, and the message that this is part of. */
export class Lane {
	/** Payload bytes of the frame that are still to come. */
	left = 0;
	isMasked = false;
	readonly key = new Uint8Array(4);
	/** Where in the key the next payload byte is. */
	phase = 0;
	/** A message that goes on in the next frame of its kind, or in this one. */
	message: Incoming | null = null;
	/** What this frame is part of; null between frames. */
	current: Incoming | null = null;
	/** With this frame `current` is over. */
	isLastFrame = true;
	/** A close frame was sent. */
	isClosing = false;
	/** A hole, or the late join, may have taken the beginning of the message that goes on. */
	mayContinue = false;
	readonly search: FrameSearch;

	constructor(search: FrameSearch) {
		this.search = search;
	}

	/** The head of a frame; its payload begins at `from`. */
	start(bytes: Uint8Array, at: number, from: number, length: number): void {
		this.left = length;
		this.phase = 0;
		this.isMasked = (bytes[at + 1]! & MASKED) !== 0;
		if (this.isMasked) for (let i = 0; i < 4; i++) this.key[i] = bytes[from - 4 + i]!;
	}

	/** Gives payload bytes to the message, up to `to`. */
	pass(message: Incoming, bytes: Uint8Array, from: number, to: number, unmasking: Unmasking): void {
		this.left -= to - from;
		if (message.isCounted) message.writer.wireBytes(to - from);
		if (!this.isMasked) {
			message.payload(bytes, from, to, null);
			return;
		}
		for (let at = from; at < to; ) {
			const count = unmasking.take(bytes, at, to, this.key, this.phase);
			message.payload(unmasking.bytes, 0, count, at);
			this.phase = (this.phase + count) & 3;
			at += count;
		}
	}

	/** Nothing is known of where it is. */
	reset(): void {
		this.left = 0;
		this.message = null;
		this.current = null;
		this.mayContinue = true;
	}
}
