import type { ParserOutput } from "../../core/index.js";
import type { Alignment } from "./alignment.js";
import { ENOUGH_ANSWERS } from "./alignment.js";
import { readAnswers } from "./answer.js";
import type { MessageStream } from "./stream.js";
import { Back, HOLD } from "./wire.js";

/** An answer up to this size is held against the question as a whole. */
const JUDGED_BYTES = 64 << 10;

/** Reads what the server says while nobody knows which question it answers: whole answers, to be judged or passed over. */
export class AnswerSearch {
	readonly #alignment: Alignment;
	readonly #stream: MessageStream;
	/** What is said up to the server being ready belongs to nothing. */
	#isSkipping = false;
	/** It was too long to be looked at. */
	#isLong = false;

	constructor(alignment: Alignment, stream: MessageStream) {
		this.#alignment = alignment;
		this.#stream = stream;
	}

	/** The search begins anew. */
	restart(): void {
		this.#isSkipping = false;
		this.#isLong = false;
	}

	/** Position after the message at `at` where it belongs to nothing; `at` where more is needed or the alignment is found; or HOLD. */
	next(type: number, bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
		const alignment = this.#alignment;
		if (!this.#isSkipping) {
			const { answers, isMore, isBroken } = readAnswers(bytes, at, ENOUGH_ANSWERS);
			const isFull = isBroken || bytes.length - at >= JUDGED_BYTES;
			if (answers.length === 0 && !isFull) return at;
			// the question may be captured after its answer
			if (alignment.firstKnown() === null && !out.mustProceed) return HOLD;
			this.#isLong = answers.length === 0;
			const verdict = this.#isLong ? "other" : alignment.judge(answers, isMore, isFull, out);
			if (verdict === "wait") return HOLD;
			if (verdict === "own") return at;
			this.#isSkipping = true;
		}
		if (type === Back.ready) {
			if (this.#isLong) alignment.passed(out.timeAt(at), out);
			this.restart();
			alignment.ready();
		}
		out.count("postgresql.messages_not_assigned");
		this.#stream.start("skip", Math.max(0, end - bytes.length));
		return Math.min(end, bytes.length);
	}
}
