import type { InflateSink, MessageWriter } from "../../core/index.js";
import type { Decompression, Unreadable } from "./decompression.js";
import type { Heads } from "./heads.js";
import { Utf8Check } from "./utf8-check.js";

/** A message under way: its payload comes without masks, in pieces of any size. */
export class Incoming {
	readonly writer: MessageWriter;
	readonly opcode: number;
	frames = 1;
	/** It lies in several frames, with others between them: its bytes are counted one by one. */
	readonly isCounted: boolean;
	/** Null: it is not compressed. */
	readonly #compression: Decompression | null;
	#isReadable = true;
	#utf8: Utf8Check | null = null;
	#outcome: "ok" | "error" = "ok";

	constructor(writer: MessageWriter, opcode: number, isCounted: boolean, compression: Decompression | null) {
		this.writer = writer;
		this.opcode = opcode;
		this.isCounted = isCounted;
		this.#compression = compression;
		if (compression !== null) this.#stopReading(compression.begin(this.#decoded));
	}

	get isCompressed(): boolean {
		return this.#compression !== null;
	}

	/** What it is made of must be text. */
	checkText(): void {
		if (this.#isReadable) this.#utf8 = new Utf8Check();
	}

	/** It is not as it should be. */
	blame(flag: string): void {
		this.writer.flag(flag);
		this.#outcome = "error";
	}

	/** The first frame was not seen: the payload's beginning, and whether it is compressed where that may be. */
	beginIsLost(mayBeCompressed: boolean): void {
		this.writer.flag("start-lost");
		this.writer.lost();
		if (!mayBeCompressed) return;
		this.writer.flag("undecodable");
		this.#isReadable = false;
	}

	/** It says itself that something went wrong. */
	fail(): void {
		this.#outcome = "error";
	}

	/** As `PayloadWriter.body`; `index` null: the bytes are those of the call. */
	payload(bytes: Uint8Array, from: number, to: number, index: number | null): void {
		if (!this.#isReadable) return;
		if (this.#compression !== null) this.#stopReading(this.#compression.write(bytes, from, to, index ?? from));
		else {
			if (index === null) this.writer.body(bytes, from, to);
			else this.writer.body(bytes, from, to, index);
			this.#check(bytes, from, to);
		}
	}

	gap(length: number): void {
		this.#utf8 = null;
		if (!this.#isReadable) this.writer.lost();
		else if (this.#compression === null) this.writer.bodyGap(length);
		else {
			this.#compression.lose();
			this.#stopReading("context-lost");
		}
	}

	finish(index: number, heads: Heads): void {
		if (this.#compression !== null && this.#isReadable) this.#stopReading(this.#compression.end(index));
		if (this.#utf8 !== null && !this.#utf8.isWhole) this.blame("invalid-utf8");
		if (this.frames > 1) this.writer.head(heads.fragmented(this.opcode, this.isCompressed, this.frames));
		this.writer.finish(index, this.#outcome);
	}

	#stopReading(why: Unreadable | null): void {
		if (why === null) return;
		this.#isReadable = false;
		this.#utf8 = null;
		this.writer.flag(why === "context-lost" ? "undecodable" : why);
		if (why === "bad-deflate") this.#outcome = "error";
		if (why === "context-lost") this.writer.lost();
		else this.writer.lost(why === "inflate-limit" ? "cap" : "parse-resync");
	}

	readonly #decoded: InflateSink = (bytes, from, to, index) => {
		this.writer.body(bytes, from, to, index);
		this.#check(bytes, from, to);
		return true;
	};

	#check(bytes: Uint8Array, from: number, to: number): void {
		if (this.#utf8 === null || this.#utf8.push(bytes, from, to)) return;
		this.#utf8 = null;
		this.blame("invalid-utf8");
	}
}
