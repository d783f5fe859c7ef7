import type { ParserOutput } from "../../core/index.js";
import type { Answer } from "./answer.js";
import { type Expectation, isAnswered } from "./expectations.js";
import { type Fit, fitOf } from "./fit.js";
import type { Session } from "./session.js";

/**
 * A client that pipelines is understood again when it let its pipeline run dry often enough: a time with several questions
 * open before counts as `BURST`, one with a single question as 1.
 */
const ENOUGH_QUIET = 8;
const BURST = 3;
/** So many answers more or fewer than we believe may be on their way: each of these is shown to be wrong, or nothing is certain. */
const MAX_SHIFT = 6;
const MAX_COMPARED = 16;
/** So many answers in a row that fit are waited for, as long as that may be. */
export const ENOUGH_ANSWERS = 6;

/** `own`: it answers the first question; `other`: it answers nothing that is known; `wait`: what follows will tell. */
export type Verdict = "own" | "other" | "wait";

interface Compared {
	readonly asks: readonly Expectation[];
	readonly answer: Answer;
}

/**
 * Which question does the server answer? Known from the first byte on, and lost with bytes of either direction or a late
 * start. Then each answer, as a whole, is held against the question that it would answer if nothing else were under way:
 *
 * - A client that waits for its answers has one question open at most. An answer is its answer where those after it fit as well:
 *   each to the next question, which was asked when the one before was answered. Several are looked at before anything is
 *   said, or as many as come before both sides fall silent for the merge window.
 * - An answer that fits no open question, or comes while none is open, answers one that nobody saw. A client with
 *   more than one open question pipelines: it is understood again when answers fit and none of the alternatives does, or
 *   when its pipeline ran dry several times, each time with answers that fit.
 *
 * What is not certain is `response-lost`: a response is missed rather than given to another question.
 */
export class Alignment {
	isLost = false;
	/** It was lost before: what does not fit shows that it is again. */
	wasLost = false;
	/** The next answer may be the end of one. */
	#mayBeTail = false;
	/** Answers are missing, of questions that were seen. */
	#isMissing = false;
	/** The next round trip may have begun in a hole. */
	#isCut = false;
	#isFoundAtReady = false;
	#unseen = 0;
	#quiet = 0;
	#height = 0;
	#compared: Compared[] = [];
	#refuted = 0;
	readonly #session: Session;

	constructor(session: Session) {
		this.#session = session;
	}

	/** `isMissing`: bytes of the server are. */
	lose(isMissing: boolean): void {
		this.isLost = true;
		this.wasLost = true;
		this.#mayBeTail = true;
		this.#isMissing ||= isMissing;
		this.#isFoundAtReady = false;
		this.#unseen = 0;
		this.#doubt();
	}

	/** A message begins with the first byte of the server that we have: what was asked before it is answered from there on. */
	startsWhole(): void {
		this.#mayBeTail = false;
	}

	/** What was asked first after the last hole. */
	firstKnown(): Expectation | null {
		const { expectations } = this.#session;
		for (let next = expectations.first; next !== null; next = expectations.first) {
			const { ask } = next;
			if (ask === "hole") {
				this.#isCut = true;
				this.#unseen = 0;
				this.#doubt();
			} else if (isAnswered(ask)) break;
			expectations.shift();
		}
		return expectations.first;
	}

	/** Answers in a row, the first of which is to be judged. `isMore`: something follows them; `isFull`: no more of it is waited for. */
	judge(answers: readonly Answer[], isMore: boolean, isFull: boolean, out: ParserOutput): Verdict {
		const answer = answers[0]!;
		const beganUs = out.timeAt(answer.at);
		const readyUs = out.timeAt(answer.readyAt);
		const first = this.firstKnown();
		const { expectations } = this.#session;
		const open = expectations.roundTripsBy(readyUs);
		if (first === null || open === 0) return this.unseen(beganUs);
		const asks = expectations.roundTrip(0);
		const fit = first.us > beganUs ? "no" : fitOf(asks, answer);
		const isTail = this.#mayBeTail && (fit !== "yes" || !BEGINNINGS.includes(answer.types[0]!));
		if (isTail || (this.#isCut && fit === "no")) {
			// whose end it is nobody knows: whatever was asked may be answered by now
			this.#drop(isTail ? open : 1, out);
			return "other";
		}
		if (open > 1 && !this.#session.pipelines) {
			if (this.#isMissing) {
				this.#isMissing = false;
				this.#drop(open, out);
				return "other";
			}
			this.#session.pipelines = true;
		}
		if (!this.#session.pipelines) {
			const verdict = fit === "no" ? "pipeline" : this.#judgeRow(answers, isMore, isFull, out);
			if (verdict !== "pipeline") return verdict;
			this.#session.pipelines = true;
			this.#doubt();
		}
		this.#mayBeTail = false;
		return this.#judgePipeline(answer, asks, fit, open, readyUs, out);
	}

	/** An answer that is too long to be looked at was over at `readyUs`. */
	passed(readyUs: number, out: ParserOutput): void {
		this.firstKnown();
		const open = this.#session.expectations.roundTripsBy(readyUs);
		if (open === 0) this.unseen(readyUs);
		else this.#drop(this.#session.pipelines ? 1 : open, out);
		if (open > 1 && !this.#isMissing) this.#session.pipelines = true;
	}

	/** An answer, from `beganUs` on, to a question that nobody saw. */
	unseen(beganUs: number): "other" {
		this.#mayBeTail = false;
		// watching the client may begin later than watching the server
		const { sinceUs } = this.#session.expectations;
		if (sinceUs > 0 && sinceUs <= beganUs) this.#unseen++;
		if (this.#unseen > 1) this.#session.pipelines = true;
		this.#doubt();
		return "other";
	}

	/** What is skipped ended with the server being ready. */
	ready(): void {
		if (this.#isFoundAtReady) this.#found();
	}

	/** The first fits. Do the others, each to the next question? */
	#judgeRow(answers: readonly Answer[], isMore: boolean, isFull: boolean, out: ParserOutput): Verdict | "pipeline" {
		const { expectations } = this.#session;
		for (let i = 1; i < answers.length; i++) {
			const asks = expectations.roundTrip(i);
			const asked = asks.find(({ ask }) => isAnswered(ask));
			// the question may be captured after its answer
			if (asked === undefined) return out.mustProceed ? "pipeline" : "wait";
			if (asked.ask === "hole") return this.#found();
			const isBetween = asked.us >= out.timeAt(answers[i - 1]!.readyAt) && asked.us <= out.timeAt(answers[i]!.at);
			if (!isBetween || fitOf(asks, answers[i]!) === "no") return "pipeline";
		}
		if (answers.length >= ENOUGH_ANSWERS || isFull) return this.#found();
		if (!out.mustProceed) return "wait";
		return isMore && expectations.roundTrip(answers.length).length === 0 ? "pipeline" : this.#found();
	}

	#judgePipeline(
		answer: Answer,
		firstAsks: readonly Expectation[],
		firstFit: Fit,
		open: number,
		readyUs: number,
		out: ParserOutput,
	): Verdict {
		let asks = firstAsks;
		let fit = firstFit;
		let left = open;
		if (fit === "no" && this.#isMissing) {
			// the answers to those before may be lost
			const later = this.#session.expectations.roundTripsBefore(readyUs, (each) => fitOf(each, answer) === "yes");
			if (later > 0) {
				this.#drop(later, out);
				left -= later;
				this.#doubt();
				asks = this.#session.expectations.roundTrip(0);
				fit = "yes";
			}
		}
		if (fit === "no") {
			this.#doubt();
			return "other";
		}
		this.#height = Math.max(this.#height, left);
		if (this.#isProven(asks, answer) && fit === "yes") return this.#found();
		this.#drop(1, out);
		if (left > 1) return "other";
		this.#quiet += this.#height > 1 ? BURST : 1;
		this.#height = 0;
		this.#isFoundAtReady = this.#quiet >= ENOUGH_QUIET;
		return "other";
	}

	/** Remembers what fits; true where it would not if there were a few answers more, or fewer, on their way. */
	#isProven(asks: readonly Expectation[], answer: Answer): boolean {
		const compared = this.#compared;
		for (let shift = 1; shift <= Math.min(MAX_SHIFT, compared.length); shift++) {
			const before = compared[compared.length - shift]!;
			if (fitOf(before.asks, answer) === "no") this.#refuted |= 1 << shift;
			if (fitOf(asks, before.answer) === "no") this.#refuted |= 1 << (shift + MAX_SHIFT);
		}
		compared.push({ asks, answer });
		if (compared.length > MAX_COMPARED) compared.shift();
		const wanted = this.#isMissing ? BOTH_WAYS : MORE_OPEN;
		return (this.#refuted & wanted) === wanted;
	}

	#found(): "own" {
		this.isLost = false;
		this.#mayBeTail = false;
		this.#isCut = false;
		this.#isMissing = false;
		this.#isFoundAtReady = false;
		this.#unseen = 0;
		this.#doubt();
		return "own";
	}

	#doubt(): void {
		this.#quiet = 0;
		this.#height = 0;
		this.#compared = [];
		this.#refuted = 0;
	}

	/** Nobody will tell what was answered to the first `count` questions. */
	#drop(count: number, out: ParserOutput): void {
		const { expectations, statements } = this.#session;
		this.#isCut = false;
		this.#mayBeTail = false;
		for (const next of expectations.dropRoundTrips(count)) {
			// the server may have refused it, and then the name means what it meant before
			if (next.ask === "parse" && next.statement !== null) statements.close(next.statement.name);
			const { call } = next;
			if (call === null || call.isLost) continue;
			call.isLost = true;
			call.takesData = true;
			call.request.flag("response-lost");
			out.settle("partial", call.tag);
		}
	}
}

/** Messages that are not found in the middle of an answer that fits as well without those before them. */
const BEGINNINGS = "123tTnGHV";
const MORE_OPEN = ((1 << MAX_SHIFT) - 1) << 1;
const BOTH_WAYS = ((1 << (2 * MAX_SHIFT)) - 1) << 1;
