import type { LastByte, ParserOutput } from "../../core/index.js";
import { Alignment } from "./alignment.js";
import { AnswerSearch } from "./answer-search.js";
import { type Call, lastByte } from "./call.js";
import { parseComplaint } from "./errors.js";
import { answers, type Expectation, isAnswered } from "./expectations.js";
import { tagFit } from "./fit.js";
import { errorHead, resultAttributes } from "./heads.js";
import { authentication, backendKey, loginHead } from "./login.js";
import { complaint, notification, parameterStatus } from "./notices.js";
import { readOpeningAnswer } from "./opening.js";
import { Results } from "./results.js";
import type { Session } from "./session.js";
import { MessageStream } from "./stream.js";
import { Back, HOLD, int32, isBack, latin1, MAX_MESSAGE_BYTES, uint16, uint32 } from "./wire.js";

const WHOLE_BYTES = 512 << 10;
/** Messages that carry data; of these no more than the head is waited for. */
const isStreamed = (type: number): boolean =>
	type === Back.dataRow || type === Back.copyData || type === Back.functionResult;

/** What the server says. */
export class ServerSide {
	readonly alignment: Alignment;
	readonly #session: Session;
	readonly #stream = new MessageStream();
	readonly #results: Results;
	readonly #search: AnswerSearch;
	/** The exchange whose response is under way; it may be complete but for the server being ready. */
	#current: Call | null = null;
	/** Where the last answer to it ended, while nobody knows yet what the client asked next: a Flush may be on its way. */
	#lastAnswer: LastByte | null = null;
	/** After an error the server reads nothing but a Sync. */
	#isSkipping = false;

	constructor(session: Session) {
		this.#session = session;
		this.#results = new Results(session, this.#stream);
		this.alignment = new Alignment(session);
		this.#search = new AnswerSearch(this.alignment, this.#stream);
	}

	/** Position after what was consumed, the same where more is needed, or HOLD. */
	next(bytes: Uint8Array, at: number, out: ParserOutput): number {
		if (this.#stream.left > 0) return this.#stream.take(bytes, at);
		const session = this.#session;
		if (!session.isStarted || session.asked !== "nothing") return this.#opening(bytes, at, out);
		if (bytes[at] === Back.dataRow && this.#current?.target != null) {
			const to = this.#results.rows(this.#current, bytes, at);
			if (to > at) return to;
		}
		if (bytes.length - at < 5) return at;
		const type = bytes[at]!;
		const length = int32(bytes, at + 1);
		if (!isBack(type) || length < 4 || length > MAX_MESSAGE_BYTES) return this.#nonsense(out, "bad-message", at);
		const end = at + 1 + length;
		if (end > bytes.length && !isStreamed(type))
			return length > WHOLE_BYTES ? this.#nonsense(out, "message-too-large", at) : at;
		if (type === Back.parameterStatus || type === Back.notification) {
			const tell = type === Back.notification ? notification : parameterStatus;
			return tell(session, bytes, at, end, out) ? end : this.#nonsense(out, "bad-message", at);
		}
		if (this.alignment.isLost) {
			const next = this.#search.next(type, bytes, at, end, out);
			if (this.alignment.isLost || next !== at) return next;
		}
		return this.#message(type, bytes, at, end, out);
	}

	gap(length: number | null): boolean {
		return this.#stream.gap(length);
	}

	/** Bytes are missing, or we came late (`isMissing` false): which answers were lost nobody knows. */
	lost(isMissing: boolean): void {
		const session = this.#session;
		this.#stream.stop();
		if (this.#current !== null) this.#current.takesData = true;
		this.#current = null;
		this.#lastAnswer = null;
		this.#isSkipping = false;
		session.isStarted = true;
		session.asked = "nothing";
		session.login = null;
		if (session.encoding !== "utf8") session.encoding = "other";
		this.#search.restart();
		this.alignment.lose(isMissing);
	}

	ended(): void {
		if (this.#first()?.call !== this.#current) this.#finish(0);
	}

	// ------------------------------------------------------------------------------------------------- messages

	#message(type: number, bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
		const first = this.#first();
		if (first === null || first.ask === "hole") {
			if (first === null && !out.mustProceed && !this.#isOfCurrent(type)) return HOLD;
			if (first !== null && !this.#isOfCurrent(type)) return this.#lose(type, bytes, at, end, out);
		}
		if (first?.ask === "startup" && this.#session.proofsSent < this.#session.proofsAsked && !out.mustProceed) {
			// what is said to a password may be captured before it
			if (type === Back.authentication || type === Back.error) return HOLD;
		}
		if (this.#current?.isCopyIn && type !== Back.notice && !out.mustProceed) {
			// and so may what is said to data
			if (first?.call === this.#current && !this.#session.expectations.isCopyOver) return HOLD;
		}
		switch (type) {
			case Back.ready:
				return this.#ready(first, bytes, at, end, out);
			case Back.error:
				return this.#error(first, bytes, at, end, out);
			case Back.notice: {
				const call = this.#callOfNotice(first, at, out);
				return complaint(call, bytes, at, end, out) ? end : this.#nonsense(out, "bad-message", at);
			}
			case Back.negotiateVersion:
				return end;
			case Back.copyBoth:
				return this.#nonsense(out, "replication", at);
		}
		const call = first?.call ?? null;
		if (first === null || call === null || !answers(first.ask, type)) return this.#lose(type, bytes, at, end, out);
		if (type === Back.commandComplete && this.alignment.wasLost && call.sql !== null && !call.sql.isMulti) {
			// what was taken for its answer is another one's
			if (tagFit(call.sql.operation, latin1(bytes, at + 5, end - 1)) === "no")
				return this.#lose(type, bytes, at, end, out);
		}
		if (this.#current !== call) this.#enter(call, at, out);
		const next = this.#answer(type, first, call, bytes, at, end, out);
		return next < 0 ? this.#nonsense(out, "bad-message", at) : next;
	}

	/** A message that answers what was asked first; below zero: it is not what its type says. */
	#answer(
		type: number,
		first: Expectation,
		call: Call,
		bytes: Uint8Array,
		at: number,
		end: number,
		out: ParserOutput,
	): number {
		switch (type) {
			case Back.parseComplete:
			case Back.bindComplete:
			case Back.closeComplete:
			case Back.noData:
				this.#answered(at, end, out);
				return end;
			case Back.parameterDescription:
				return this.#parameterTypes(first, bytes, at, end) ? end : -1;
			case Back.rowDescription:
				return this.#description(first, call, bytes, at, end, out);
			case Back.dataRow:
				return this.#results.row(call, bytes, at, end);
			case Back.commandComplete:
				return this.#complete(call, latin1(bytes, at + 5, end - 1), at, end, out);
			case Back.emptyQuery:
				return this.#complete(call, "", at, end, out);
			case Back.portalSuspended:
				call.isSuspended = true;
				return this.#complete(call, "", at, end, out);
			case Back.copyIn:
			case Back.copyOut:
				call.copyFormat = bytes[at + 5] === 1 ? "binary" : "text";
				if (type === Back.copyIn) call.isCopyIn = call.takesData = true;
				else this.#results.start(call, at);
				return end;
			case Back.copyData:
				this.#stream.start("raw", end - at - 5, call.target);
				return at + 5;
			case Back.copyDone:
				return end;
			case Back.functionResult:
				// a length, -1 for null, and the value
				if (bytes.length - at < 9) return end > bytes.length ? at : -1;
				this.#stream.start("raw", end - at - 9, call.response);
				return at + 9;
			case Back.authentication:
				return authentication(this.#session, bytes, at, end) ? end : -1;
			case Back.backendKey:
				return backendKey(this.#session, bytes, at, end, out) ? end : -1;
		}
		return -1;
	}

	#parameterTypes({ statement }: Expectation, bytes: Uint8Array, at: number, end: number): boolean {
		const count = end - at < 7 ? -1 : uint16(bytes, at + 5);
		if (at + 7 + 4 * count !== end) return false;
		const types = Array.from({ length: count }, (_, i) => uint32(bytes, at + 7 + 4 * i));
		if (statement !== null) statement.parameterTypes = types;
		return true;
	}

	#description(first: Expectation, call: Call, bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
		const columns = this.#session.columns.recall(bytes, at + 5, end);
		if (columns === null) return -1;
		if (first.ask === "query") {
			this.#results.described(call, columns, at);
			return end;
		}
		if (first.ask === "describe-portal") {
			if (first.portal !== null) first.portal.columns = columns;
			call.columns = columns;
		} else {
			if (first.statement !== null) first.statement.columns = columns;
			if (call.kind !== "execute") call.columns = columns;
		}
		this.#answered(at, end, out);
		return end;
	}

	#complete(call: Call, tag: string, at: number, end: number, out: ParserOutput): number {
		call.closeRequestUnlessCopyIn();
		this.#results.complete(call, tag, at);
		if (call.kind !== "execute") return end;
		if (call.isCopyIn) this.#session.expectations.dropCopy();
		this.#answered(at, end, out);
		return end;
	}

	#ready(first: Expectation | null, bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
		if (end - at !== 6) return this.#nonsense(out, "bad-message", at);
		if (this.#isSkipping) {
			this.#skip(null, out);
			first = this.#first();
			if (first === null && !out.mustProceed) return HOLD;
			this.#isSkipping = false;
		}
		if (first === null) {
			if (this.#current === null) {
				// the end of an answer to what nobody saw
				this.#loseAlignment();
				this.alignment.unseen(out.timeAt(at));
			}
			this.#finish(end);
			return end;
		}
		const { ask, call } = first;
		if (ask === "sync") {
			this.#roundTripOver(at, end, out);
			return end;
		}
		if (ask !== "query" && ask !== "function-call" && ask !== "startup")
			return this.#lose(Back.ready, bytes, at, end, out);
		if (call !== null && this.#current !== call) this.#enter(call, at, out);
		if (ask === "startup") this.#session.login = null;
		this.#roundTripOver(at, end, out);
		return end;
	}

	#roundTripOver(at: number, end: number, out: ParserOutput): void {
		const session = this.#session;
		session.expectations.shift();
		this.#finish(end);
		if (session.pipelines) return;
		const next = this.#first();
		session.readyUs = next === null ? out.timeAt(at) : 0;
		if (next !== null && next.ask !== "hole" && next.us < out.timeAt(at)) session.pipelines = true;
	}

	#error(first: Expectation | null, bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
		const parsed = parseComplaint(bytes, at + 5, end);
		if (parsed === null) return this.#nonsense(out, "bad-message", at);
		const { expectations } = this.#session;
		// what fails at a Sync (a constraint that is looked at last) fails the statement before it
		const call = first?.call ?? (first?.ask === "sync" ? this.#current : null);
		if (call === null) {
			complaint(null, bytes, at, end, out);
			return end;
		}
		if (this.#current !== call) this.#enter(call, at, out);
		call.part?.attributes(resultAttributes(call));
		call.outcome = "error";
		if (!call.isCopyIn) call.closeRequest();
		call.response?.head(errorHead(parsed, call));
		if (first?.ask === "sync" || first?.ask === "query" || first?.ask === "function-call") return end;
		if (first?.ask === "startup") {
			expectations.shift();
			this.#session.login = null;
			this.#finish(end);
			return end;
		}
		if (call.isCopyIn) expectations.dropCopy();
		this.#isSkipping = true;
		this.#skip(call, out);
		return end;
	}

	/** Nothing up to the next Sync will be answered. */
	#skip(failed: Call | null, out: ParserOutput): void {
		const { expectations, statements } = this.#session;
		for (let next = expectations.first; next !== null && next.ask !== "sync"; next = expectations.first) {
			if (next.ask === "hole" || next.ask === "query") return;
			expectations.shift();
			if (next.ask === "parse" && next.statement !== null) statements.refused(next.statement);
			if (next.call === null || next.call === (failed ?? this.#current)) continue;
			next.call.closeRequest();
			out.settle("aborted", next.call.tag);
		}
		if (expectations.first !== null) this.#isSkipping = false;
	}

	// -------------------------------------------------------------------------------------------------- exchanges

	/** What was asked first and not answered yet. */
	#first(): Expectation | null {
		const { expectations } = this.#session;
		for (;;) {
			const { first } = expectations;
			if (first === null) return null;
			const { ask } = first;
			if (isAnswered(ask)) return first;
			if (ask === "flush" && this.#lastAnswer !== null) this.#finishAt(this.#lastAnswer);
			expectations.shift();
		}
	}

	/** Needs no expectation: the server may say it at any time, or it belongs to what is under way. */
	#isOfCurrent(type: number): boolean {
		return type === Back.notice && this.#current !== null;
	}

	#callOfNotice(first: Expectation | null, at: number, out: ParserOutput): Call | null {
		const call = first?.call ?? null;
		if (call === null) return this.#current;
		if (this.#current !== call) this.#enter(call, at, out);
		return call;
	}

	#enter(call: Call, at: number, out: ParserOutput): void {
		this.#finish(at);
		this.#current = call;
		call.response = out.begin(at, call.tag);
	}

	/** One of several answers of an exchange came; where the client asked to flush after the last, it is over. */
	#answered(at: number, end: number, out: ParserOutput): void {
		const { expectations } = this.#session;
		expectations.shift();
		const { first } = expectations;
		if (first?.ask === "flush") this.#finish(end);
		else this.#lastAnswer = first === null ? lastByte(at, end, out) : null;
	}

	/** Ends what is under way before byte `index`. */
	#finish(index: number): void {
		const call = this.#leave();
		call?.response?.finish(index, call.outcome);
	}

	/** Ends what is under way behind a byte that was read before. */
	#finishAt(last: LastByte): void {
		const call = this.#leave();
		call?.response?.abandon(call.outcome, last);
	}

	/** What was under way, with all that is known of it. */
	#leave(): Call | null {
		const call = this.#current;
		this.#lastAnswer = null;
		if (call === null) return null;
		this.#current = null;
		call.closeRequest();
		if (call.outcome !== "error")
			call.response?.head(call.kind === "startup" ? loginHead(this.#session) : this.#session.heads.of(call));
		return call;
	}

	// --------------------------------------------------------------------------------------------------- trouble

	#opening(bytes: Uint8Array, at: number, out: ParserOutput): number {
		const session = this.#session;
		if (session.asked !== "nothing") return readOpeningAnswer(session, bytes, at, out);
		// the client speaks first, even where its bytes come later
		if (!out.mustProceed) return HOLD;
		session.isStarted = true;
		this.#loseAlignment();
		return at;
	}

	/** What the server says does not fit what the client asked: wait for a place where both are known. */
	#lose(type: number, bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
		const first = this.#first();
		// found again, but wrongly: more was under way than it seemed
		if (this.alignment.wasLost && first !== null && first.ask !== "hole") this.#session.pipelines = true;
		const current = this.#current;
		if (current !== null) {
			current.request.flag("response-doubtful");
			if (current.outcome === "ok") current.outcome = "aborted";
			current.response?.expectMore(true);
		}
		this.#finish(at);
		this.#isSkipping = false;
		this.#loseAlignment();
		// what the client asked behind data that waited for this comes first
		const { dataOf } = this.#session;
		if (dataOf !== null && (dataOf.takesData || !dataOf.isRequestOpen) && !out.mustProceed) return HOLD;
		return this.#search.next(type, bytes, at, end, out);
	}

	#loseAlignment(): void {
		this.#search.restart();
		this.alignment.lose(false);
	}

	#nonsense(out: ParserOutput, reason: string, at: number): number {
		this.#session.giveUp(out, reason);
		return at;
	}
}
