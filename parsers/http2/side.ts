import type { BlockMemory } from "./block-memory.js";
import { BlockReader } from "./block-reader.js";
import type { Http2Stream } from "./stream.js";

/** State of one direction. */
export class Side {
	readonly blocks: BlockReader;
	/** The preface of a client was seen, or need not be waited for. */
	hasBegun = false;
	/** Payload of the frame being read that is still to come, without its padding. */
	left = 0;
	/** Padding that follows it. */
	padding = 0;
	/** Its first byte, which tells how much padding there is, is still to come. */
	isPadded = false;
	/** Whose payload it is; null: it is skipped. */
	stream: Http2Stream | null = null;
	isLast = false;
	/** The rest of a block of fields is skipped: too large, or its beginning is missing. */
	skipsBlock = false;
	/** It began in the middle, or something was missing: a frame that is none may be our mistake. */
	isDoubtful = false;
	/** What was read were no frames after all: they are looked for. */
	isLost = false;

	constructor(memory: BlockMemory) {
		this.blocks = new BlockReader(memory);
	}

	/** Frames begin anew; nothing before them is known. */
	reset(): void {
		this.blocks.lose();
		this.hasBegun = true;
		this.left = 0;
		this.padding = 0;
		this.isPadded = false;
		this.stream = null;
		this.isLast = false;
		this.skipsBlock = false;
		this.isDoubtful = true;
		this.isLost = false;
	}
}
