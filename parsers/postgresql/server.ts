import type { ParserOutput } from "../../core/index.js";
import { Alignment } from "./alignment.js";
import type { Call } from "./call.js";
import { type Columns, RowDecoder } from "./columns.js";
import { parseComplaint } from "./errors.js";
import type { Ask, Expectation } from "./expectations.js";
import { errorHead, resultAttributes } from "./heads.js";
import { authentication, backendKey, loginHead } from "./login.js";
import { complaint, notification, parameterStatus } from "./notices.js";
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
	/** The exchange whose response is under way; it may be complete but for the server being ready. */
	#current: Call | null = null;
	/** After an error the server reads nothing but a Sync. */
	#isSkipping = false;

	constructor(session: Session) {
		this.#session = session;
		this.alignment = new Alignment(session);
	}

	/** Position after what was consumed, the same where more is needed, or HOLD. */
	next(bytes: Uint8Array, at: number, out: ParserOutput): number {
		if (this.#stream.left > 0) return this.#stream.take(bytes, at);
		const session = this.#session;
		if (!session.isStarted || session.asked !== "nothing") return this.#opening(bytes, at, out);
		if (bytes[at] === Back.dataRow && this.#current?.target != null) {
			const to = this.#rows(this.#current, bytes, at);
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
			const next = this.#unaligned(type, bytes, at, end, out);
			if (this.alignment.isLost || next !== at) return next;
		}
		return this.#message(type, bytes, at, end, out);
	}

	gap(length: number | null): boolean {
		return this.#stream.gap(length);
	}

	/** Bytes are missing, or we came late: which answers were lost nobody knows. */
	lost(): void {
		const session = this.#session;
		this.#stream.stop();
		this.#current?.closeRequest();
		this.#current = null;
		this.#isSkipping = false;
		session.isStarted = true;
		session.asked = "nothing";
		session.login = null;
		if (session.encoding !== "utf8") session.encoding = "other";
		this.alignment.lose();
	}

	ended(): void {
		if (this.#session.expectations.first?.call !== this.#current) this.#finish(0);
	}

	// ------------------------------------------------------------------------------------------------- messages

	#message(type: number, bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
		const first = this.#first();
		if (first === null || first.ask === "hole") {
			if (first === null && !out.mustProceed && !this.#isOfCurrent(type)) return HOLD;
			if (first !== null && !this.#isOfCurrent(type)) return this.#lose(type, bytes, at, end, out);
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
				this.#answered(end);
				return end;
			case Back.parameterDescription:
				return this.#parameterTypes(first, bytes, at, end) ? end : -1;
			case Back.rowDescription:
				return this.#description(first, call, bytes, at, end);
			case Back.dataRow:
				this.#startResult(call, at);
				if (call.columns === null) call.target?.items(this.#decoder(call));
				return this.#row(call, bytes, at, end);
			case Back.commandComplete:
				return this.#complete(call, latin1(bytes, at + 5, end - 1), at, end);
			case Back.emptyQuery:
				return this.#complete(call, "", at, end);
			case Back.portalSuspended:
				call.isSuspended = true;
				return this.#complete(call, "", at, end);
			case Back.copyIn:
			case Back.copyOut:
				call.copyFormat = bytes[at + 5] === 1 ? "binary" : "text";
				if (type === Back.copyIn) call.isCopyIn = true;
				else this.#startResult(call, at);
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

	#description(first: Expectation, call: Call, bytes: Uint8Array, at: number, end: number): number {
		const columns = this.#session.columns.recall(bytes, at + 5, end);
		if (columns === null) return -1;
		if (first.ask === "query") {
			call.columns = columns;
			this.#startResult(call, at);
			call.target?.items(columns.decoder(this.#session.encoding));
			return end;
		}
		if (first.ask === "describe-portal") {
			if (first.portal !== null) first.portal.columns = columns;
			call.columns = columns;
		} else {
			if (first.statement !== null) first.statement.columns = columns;
			if (call.kind !== "execute") call.columns = columns;
		}
		this.#answered(end);
		return end;
	}

	/** Any number of whole rows, and the beginning of the last: bytes are looked at only where a row begins. */
	#rows(call: Call, bytes: Uint8Array, from: number): number {
		const { length } = bytes;
		let at = from;
		let rows = 0;
		while (length - at >= 5 && bytes[at] === Back.dataRow) {
			const size = 1 + int32(bytes, at + 1);
			if (size < 7 || size > MAX_MESSAGE_BYTES) break;
			rows++;
			if (at + size > length) {
				this.#stream.start("raw", at + size - length, call.target);
				at = length;
				break;
			}
			at += size;
		}
		if (at === from) return from;
		call.rows += rows;
		call.target?.body(bytes, from, at);
		return at;
	}

	#row(call: Call, bytes: Uint8Array, at: number, end: number): number {
		if (end - at < 7) return -1;
		const to = Math.min(end, bytes.length);
		call.rows++;
		call.target?.body(bytes, at, to);
		this.#stream.start("raw", end - to, call.target);
		return to;
	}

	/** Opens the place where the rows of the next result go. */
	#startResult(call: Call, at: number): void {
		const { response } = call;
		if (call.target !== null || response === null) return;
		call.closeRequestUnlessCopyIn();
		if (call.results > 0 || (call.kind === "query" && (call.sql === null || call.sql.isMulti))) {
			call.part = response.message(at, {});
			call.target = call.part;
		} else call.target = response;
		if (call.kind !== "execute") return;
		call.columns ??= columnsOf(call);
		if (call.columns !== null) call.target.items(call.columns.decoder(this.#session.encoding));
	}

	#decoder(call: Call): RowDecoder {
		return new RowDecoder(null, this.#session.encoding, call.portal?.resultFormats ?? []);
	}

	#complete(call: Call, tag: string, at: number, end: number): number {
		// a result without rows is one too
		if (call.columns !== null || (call.kind === "query" && call.sql?.isMulti)) this.#startResult(call, at);
		else if (call.kind === "execute" && call.target === null && columnsOf(call) !== null) this.#startResult(call, at);
		call.tagText = tag;
		call.results++;
		call.part?.attributes(resultAttributes(call));
		call.target = null;
		if (call.kind === "execute") {
			if (call.isCopyIn) this.#session.expectations.dropCopy();
			this.#answered(end);
		} else if (call.part !== null) {
			call.rows = 0;
			call.columns = null;
			call.copyFormat = null;
		}
		return end;
	}

	#ready(first: Expectation | null, bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
		if (end - at !== 6) return this.#nonsense(out, "bad-message", at);
		const { expectations } = this.#session;
		if (this.#isSkipping) {
			this.#skip(null, out);
			first = this.#first();
			if (first === null && !out.mustProceed) return HOLD;
			this.#isSkipping = false;
		}
		if (first === null) {
			this.#finish(end);
			return end;
		}
		const { ask, call } = first;
		if (ask === "sync") {
			expectations.shift();
			this.#finish(end);
			return end;
		}
		if (ask !== "query" && ask !== "function-call" && ask !== "startup")
			return this.#lose(Back.ready, bytes, at, end, out);
		if (call !== null && this.#current !== call) this.#enter(call, at, out);
		expectations.shift();
		if (ask === "startup") this.#session.login = null;
		this.#finish(end);
		return end;
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
			if (ask !== "flush" && ask !== "copy-data" && ask !== "copy-end") return first;
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
	#answered(end: number): void {
		const { expectations } = this.#session;
		expectations.shift();
		if (expectations.first?.ask === "flush") this.#finish(end);
	}

	/** Ends what is under way before byte `index`. */
	#finish(index: number): void {
		const call = this.#current;
		if (call === null) return;
		this.#current = null;
		call.closeRequest();
		const { response } = call;
		if (response === null) return;
		if (call.outcome === "ok")
			response.head(call.kind === "startup" ? loginHead(this.#session) : this.#session.heads.of(call));
		response.finish(index, call.outcome);
	}

	// --------------------------------------------------------------------------------------------------- trouble

	#opening(bytes: Uint8Array, at: number, out: ParserOutput): number {
		const session = this.#session;
		if (session.asked === "nothing") {
			// the client speaks first, even where its bytes come later
			if (!out.mustProceed) return HOLD;
			session.isStarted = true;
			this.alignment.lose();
			return at;
		}
		const answer = bytes[at]!;
		if (answer === 0x4e) {
			out.note("postgresql.encryption", `${session.asked} refused`);
			session.asked = "nothing";
			return at + 1;
		}
		if (answer === 0x53 && session.asked === "tls") {
			out.note("postgresql.encryption", "tls");
			session.isOver = true;
			out.handover("tls");
			return at + 1;
		}
		if (answer === 0x47 && session.asked === "gssapi") {
			out.note("postgresql.encryption", "gssapi");
			return this.#nonsense(out, "gssapi-encryption", at + 1);
		}
		if (answer !== Back.error) return this.#nonsense(out, "bad-encryption-answer", at);
		if (bytes.length - at < 5) return at;
		const end = at + 1 + int32(bytes, at + 1);
		if (end - at > WHOLE_BYTES) return this.#nonsense(out, "bad-message", at);
		if (end > bytes.length) return at;
		session.asked = "nothing";
		return complaint(null, bytes, at, end, out) ? end : this.#nonsense(out, "bad-message", at);
	}

	#unaligned(type: number, bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
		const first = this.alignment.firstKnown();
		if (this.alignment.mayBegin) {
			if (first === null && !out.mustProceed) return HOLD;
			const isAnswer = first !== null && first.call !== null && beginsAnswer(first, type, this.alignment.isAtStart);
			this.alignment.mayBegin = false;
			if (isAnswer && this.alignment.begin(out.timeAt(at))) return at;
		}
		if (type === Back.ready) this.alignment.ready(out.timeAt(at), out);
		out.count("postgresql.messages_not_assigned");
		this.#stream.start("skip", Math.max(0, end - bytes.length));
		return Math.min(end, bytes.length);
	}

	/** What the server says does not fit what the client asked: wait for a place where both are known. */
	#lose(type: number, bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
		this.#finish(at);
		this.#isSkipping = false;
		this.alignment.lose();
		return this.#unaligned(type, bytes, at, end, out);
	}

	#nonsense(out: ParserOutput, reason: string, at: number): number {
		this.#session.giveUp(out, reason);
		return at;
	}
}

/** Columns of an execution: described for this portal, or for its statement in whatever format. */
function columnsOf({ portal }: Call): Columns | null {
	if (portal === null) return null;
	return portal.columns ?? portal.statement.columns?.inFormats(portal.resultFormats) ?? null;
}

const OF_RESULT: readonly number[] = [
	Back.dataRow,
	Back.commandComplete,
	Back.emptyQuery,
	Back.copyIn,
	Back.copyOut,
	Back.copyData,
	Back.copyDone,
];
const ANSWERS: Readonly<Record<Ask, readonly number[]>> = {
	startup: [Back.authentication, Back.backendKey],
	query: [...OF_RESULT, Back.rowDescription],
	parse: [Back.parseComplete],
	bind: [Back.bindComplete],
	"describe-statement": [Back.parameterDescription, Back.rowDescription, Back.noData],
	"describe-portal": [Back.rowDescription, Back.noData],
	execute: [...OF_RESULT, Back.portalSuspended],
	close: [Back.closeComplete],
	"function-call": [Back.functionResult],
	sync: [],
	flush: [],
	"copy-data": [],
	"copy-end": [],
	hole: [],
};

function answers(ask: Ask, type: number): boolean {
	return ANSWERS[ask].includes(type);
}

/** Is it for certain the first message of the answer, and not one from its middle? */
function beginsAnswer({ ask, call }: Expectation, type: number, isAtStart: boolean): boolean {
	if (ask === "parse" || ask === "bind" || ask === "close" || ask === "describe-statement") return answers(ask, type);
	if (ask !== "query" || call?.sql == null || call.sql.isMulti) return false;
	return type === Back.rowDescription || (isAtStart && type !== Back.dataRow && answers(ask, type));
}
