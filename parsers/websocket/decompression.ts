import { type InflateMemory, Inflater, type InflateSink } from "../../core/index.js";
import type { Deflate } from "./extensions.js";

/** So much may come out of one message whatever it took on the wire, and so many bytes for each of those beyond that. */
const ALWAYS_BYTES = 64 << 20;
const MAX_RATIO = 128;

/** Why a message cannot be read any further. */
export type Unreadable = "context-lost" | "bad-deflate" | "inflate-limit";

/** permessage-deflate of one direction (RFC 7692): the window that its messages share, and whether it is still known. */
export class Decompression {
	readonly #memory: InflateMemory;
	/** What was agreed on; null: nobody knows. */
	readonly #deflate: Deflate | null;
	readonly #take: InflateSink;
	#inflater: Inflater | null = null;
	#isLost = false;
	// of the message under way
	#wireBytes = 0;
	#decodedBytes = 0;
	#sink: InflateSink = () => true;

	constructor(memory: InflateMemory, deflate: Deflate | null) {
		this.#memory = memory;
		this.#deflate = deflate;
		this.#take = (bytes, from, to, index) => {
			const room = Math.max(ALWAYS_BYTES, this.#wireBytes * MAX_RATIO) - this.#decodedBytes;
			const end = Math.min(to, from + room);
			this.#decodedBytes += end - from;
			this.#sink(bytes, from, end, index);
			return end === to;
		};
	}

	/** A message begins, whose text `sink` gets. Null: it can be read. */
	begin(sink: InflateSink): Unreadable | null {
		const deflate = this.#deflate;
		if (deflate === null) return "context-lost";
		if (!deflate.takesOver) {
			this.#isLost = false;
			this.#inflater?.reset();
		}
		if (this.#isLost) return "context-lost";
		this.#inflater ??= new Inflater(this.#memory, { windowBits: deflate.windowBits, continues: true });
		this.#wireBytes = 0;
		this.#decodedBytes = 0;
		this.#sink = sink;
		return null;
	}

	/** As in `PayloadWriter.body`. */
	write(bytes: Uint8Array, from: number, to: number, index: number): Unreadable | null {
		const inflater = this.#inflater;
		if (inflater === null) return "context-lost";
		this.#wireBytes += to - from;
		let result = inflater.write(bytes, from, to, this.#take, index);
		// what was decoded before a fault, too
		if (result !== "stopped" && !inflater.flush(this.#take, index + to - from)) result = "stopped";
		if (result === "more") return null;
		this.lose();
		return result === "stopped" ? "inflate-limit" : "bad-deflate";
	}

	/** The message is over. */
	end(index: number): Unreadable | null {
		const inflater = this.#inflater;
		if (inflater === null) return "context-lost";
		// nothing at all stands for an empty message, though it should be one byte
		if (this.#wireBytes > 0 && !inflater.endMessage(this.#take, index)) {
			this.lose();
			return "bad-deflate";
		}
		if (this.#deflate?.takesOver === false) this.#free();
		return null;
	}

	/** Something is missing: the window is not what the sender has. */
	lose(): void {
		this.#isLost = true;
		this.#free();
	}

	/** Gives the window's memory back. */
	#free(): void {
		this.#inflater?.release();
		this.#inflater = null;
	}
}
