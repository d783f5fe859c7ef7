import type { MessageWriter, ParserOutput, PayloadWriter } from "../../core/index.js";
import { MessageHead } from "../../core/index.js";
import { afterParameters, parseBindHead, parseFormats } from "./bind.js";
import { Call, type CallKind } from "./call.js";
import { type Ask, MAX_EXPECTATIONS } from "./expectations.js";
import { requestHead } from "./heads.js";
import { readOpening } from "./opening.js";
import type { Session } from "./session.js";
import { Sql } from "./sql.js";
import { ParameterDecoder, type Portal, Statement } from "./statements.js";
import { MessageStream } from "./stream.js";
import { Front, int32, isFront, MAX_MESSAGE_BYTES, nulAt, uint16, uint32, utf8 } from "./wire.js";

/** Messages up to this size are looked at as a whole; of longer ones only what is needed. */
const WHOLE_BYTES = 256 << 10;
/** So much of a longer query's text is an attribute; all of it is a part of the request. */
const TEXT_BYTES = 64 << 10;

/** What the client says. */
export class ClientSide {
	readonly #session: Session;
	readonly #stream = new MessageStream();
	/** Messages of the extended protocol up to the next Execute, Sync or Flush. */
	#group: Call | null = null;
	/** The call that data of a COPY belongs to, as far as the client can know. */
	#copier: Call | null = null;
	/** Ends when the streamed message does. */
	#ending: Call | null = null;
	// of a Bind that is streamed: parameters to come, and bytes of the current one
	#parameters = 0;
	#parameterLeft = 0;
	#binding: ((resultFormats: readonly number[]) => void) | null = null;

	constructor(session: Session) {
		this.#session = session;
	}

	/** Position after what was consumed, the same where more is needed, or HOLD. */
	next(bytes: Uint8Array, at: number, out: ParserOutput): number {
		if (this.#stream.left > 0) return this.#streamOn(bytes, at);
		if (!this.#session.isStarted) return readOpening(this.#session, bytes, at, out);
		if (bytes.length - at < 5) return at;
		const type = bytes[at]!;
		const length = int32(bytes, at + 1);
		if (!isFront(type) || length < 4 || length > MAX_MESSAGE_BYTES) return this.#nonsense(out, "bad-message", at);
		const end = at + 1 + length;
		if (end > bytes.length && length <= WHOLE_BYTES && type !== Front.copyData && type !== Front.password) return at;
		return this.#message(type, bytes, at, end, out);
	}

	gap(length: number | null): boolean {
		const stream = this.#stream;
		if (length === null || length > stream.left) return false;
		if (stream.kind === "text") {
			// where the text ends nobody would know
			if (this.#ending === null || length === stream.left) return false;
			stream.writer?.bodyGap(length);
			stream.left -= length;
			return true;
		}
		if (stream.kind === "parameters") {
			if (length > this.#parameterLeft) return false;
			stream.writer?.bodyGap(length);
			stream.left -= length;
			this.#parameterLeft -= length;
			return true;
		}
		if (!stream.gap(length)) return false;
		this.#streamed(length);
		return true;
	}

	/** Bytes are missing, or we came late: what they said about names nobody knows. */
	lost(): void {
		const session = this.#session;
		this.#stream.stop();
		this.#group = null;
		this.#copier = null;
		this.#ending = null;
		this.#binding = null;
		session.isStarted = true;
		session.asked = "nothing";
		session.statements.forget();
		if (session.expectations.last?.ask !== "hole") session.expectations.push("hole", 0, null);
	}

	// ------------------------------------------------------------------------------------------------- messages

	#message(type: number, bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
		switch (type) {
			case Front.query:
				return this.#query(bytes, at, end, out);
			case Front.parse:
				return this.#parse(bytes, at, end, out);
			case Front.bind:
				return this.#bind(bytes, at, end, out);
			case Front.copyData:
				return this.#copyData(at, end, out);
			case Front.password:
				return this.#password(at, end, out);
			case Front.functionCall:
				return this.#functionCall(bytes, at, end, out);
		}
		if (end > bytes.length) return this.#nonsense(out, "message-too-large", at);
		switch (type) {
			case Front.describe:
			case Front.close:
				return this.#name(type, bytes, at, end, out);
			case Front.execute:
				return this.#execute(bytes, at, end, out);
			case Front.sync:
			case Front.flush:
				this.#closeGroup(at);
				this.#ask(type === Front.sync ? "sync" : "flush", at, null, out);
				return end;
			case Front.copyDone:
			case Front.copyFail: {
				this.#ask("copy-end", at, null, out);
				const copier = this.#copier;
				this.#copier = null;
				if (copier === null || !copier.isRequestOpen) return end;
				copier.isRequestOpen = false;
				if (type === Front.copyFail) copier.request.flag("copy-fail");
				copier.request.finish(end, "ok");
				return end;
			}
		}
		out.count("postgresql.terminations");
		return end;
	}

	#query(bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
		const session = this.#session;
		const isWhole = end <= bytes.length;
		if (!isWhole && bytes.length - at < TEXT_BYTES + 5) return at;
		const textEnd = isWhole ? end - 1 : prefixEnd(bytes, at + 5);
		const nul = nulAt(bytes, at + 5, isWhole ? end : textEnd);
		if (nul !== (isWhole ? end - 1 : -1)) return this.#nonsense(out, "bad-query", at);
		this.#closeGroup(at);
		const text = utf8(bytes, at + 5, textEnd);
		const call = this.#call("query", at, out);
		call.sql = isWhole ? session.sql(text) : new Sql(text, true);
		this.#redefine(call.sql);
		this.#ask("query", at, call, out);
		call.request.head(requestHead(call, session));
		this.#copier = call.sql.mayCopyIn ? call : null;
		if (!isWhole) return this.#longText(call, at + 5, end);
		if (call.sql.mayCopyIn) return end;
		call.isRequestOpen = false;
		call.request.finish(end, "ok");
		return end;
	}

	/** The text is a part of the request, in as many pieces as it comes. */
	#longText(call: Call, textAt: number, end: number): number {
		call.request.flag("query-text-cut");
		const part = call.request.message(textAt, { "postgresql.part": "query" });
		this.#stream.start("text", end - textAt, part);
		this.#ending = call.kind === "query" ? call : null;
		return textAt;
	}

	#parse(bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
		const session = this.#session;
		const isWhole = end <= bytes.length;
		if (!isWhole && bytes.length - at < 2 * TEXT_BYTES + 5) return at;
		const to = isWhole ? end : at + 5 + TEXT_BYTES;
		const nameEnd = nulAt(bytes, at + 5, to);
		if (nameEnd < 0) return this.#nonsense(out, "bad-parse", at);
		const textAt = nameEnd + 1;
		const nul = nulAt(bytes, textAt, isWhole ? end : textAt + TEXT_BYTES);
		if (nul < 0 && isWhole) return this.#nonsense(out, "bad-parse", at);
		const isCut = nul < 0;
		const types: number[] = [];
		if (isWhole) {
			const count = nul + 3 <= end ? uint16(bytes, nul + 1) : -1;
			if (nul + 3 + 4 * count !== end) return this.#nonsense(out, "bad-parse", at);
			for (let i = 0; i < count; i++) types.push(uint32(bytes, nul + 3 + 4 * i));
		}
		if (this.#group !== null && (this.#group.hasParse || this.#group.hasBind)) this.#closeGroup(at);
		const call = (this.#group ??= this.#call("parse", at, out));
		const text = utf8(bytes, textAt, isCut ? prefixEnd(bytes, textAt) : nul);
		const sql = isCut ? new Sql(text, true) : session.sql(text);
		const name = nameEnd === at + 5 ? "" : utf8(bytes, at + 5, nameEnd);
		const statement = new Statement(name, sql, isWhole ? types : null, session.statements.statement(name));
		session.statements.define(statement);
		call.hasParse = true;
		call.kind = "parse";
		call.statement = statement;
		call.sql = sql;
		this.#ask("parse", at, call, out, statement);
		return isWhole ? end : this.#longText(call, textAt, end);
	}

	#bind(bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
		const session = this.#session;
		const isWhole = end <= bytes.length;
		const head = parseBindHead(bytes, at + 5, isWhole ? end : bytes.length);
		if (head === "more") return isWhole ? this.#nonsense(out, "bad-bind", at) : at;
		const parametersEnd = isWhole ? afterParameters(bytes, head.at, head.parameters, end) : 0;
		const formats = isWhole && parametersEnd > 0 ? parseFormats(bytes, parametersEnd, end) : null;
		if (isWhole && (formats === null || parametersEnd + 2 + 2 * formats.length !== end))
			return this.#nonsense(out, "bad-bind", at);
		if (this.#group?.hasBind) this.#closeGroup(at);
		const call = (this.#group ??= this.#call("bind", at, out));
		const statement = this.#statement(head.statement);
		call.hasBind = true;
		call.kind = "bind";
		call.statement = statement;
		call.sql = statement.sql;
		const bound = (resultFormats: readonly number[]): void => {
			const portal: Portal = { name: head.portal, statement, resultFormats, columns: null };
			session.statements.bind(portal);
			call.portal = portal;
		};
		this.#ask("bind", at, call, out);
		if (head.parameters > 0) call.request.items(new ParameterDecoder(statement, head.formats, session.encoding));
		if (formats !== null) {
			call.request.body(bytes, head.at, parametersEnd);
			bound(formats);
			return end;
		}
		this.#stream.start("parameters", end - head.at, call.request);
		this.#parameters = head.parameters;
		this.#parameterLeft = 0;
		this.#binding = bound;
		return head.at;
	}

	/** Describe and Close: which of both, and a name. */
	#name(type: number, bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
		const which = bytes[at + 5];
		const isStatement = which === 0x53;
		if (nulAt(bytes, at + 6, end) !== end - 1 || (!isStatement && which !== 0x50))
			return this.#nonsense(out, "bad-name", at);
		const { statements } = this.#session;
		const name = utf8(bytes, at + 6, end - 1);
		const call = (this.#group ??= this.#call(type === Front.close ? "close" : "describe", at, out));
		if (type === Front.close) {
			if (isStatement) statements.close(name);
			else statements.closePortal(name);
			this.#ask("close", at, call, out);
			return end;
		}
		if (call.kind === "close") call.kind = "describe";
		const portal = isStatement ? null : statements.portal(name);
		const statement = isStatement ? this.#statement(name) : (portal?.statement ?? null);
		if (call.statement === null && statement !== null) {
			call.statement = statement;
			call.sql = statement.sql;
		}
		this.#ask(isStatement ? "describe-statement" : "describe-portal", at, call, out, statement, portal);
		return end;
	}

	#execute(bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
		const session = this.#session;
		const nameEnd = nulAt(bytes, at + 5, end);
		if (nameEnd < 0 || nameEnd + 5 !== end) return this.#nonsense(out, "bad-execute", at);
		const portal = session.statements.portal(nameEnd === at + 5 ? "" : utf8(bytes, at + 5, nameEnd));
		// what was prepared or bound before for another portal is no part of this execution
		if (this.#group?.hasBind && this.#group.portal !== portal) this.#closeGroup(at);
		const call = this.#group ?? this.#call("execute", at, out);
		this.#group = null;
		call.kind = "execute";
		call.portal = portal;
		call.statement = portal?.statement ?? null;
		call.sql = portal?.statement.sql ?? null;
		if (call.sql === null) call.request.flag("statement-unknown");
		else this.#redefine(call.sql);
		this.#ask("execute", at, call, out, call.statement, portal);
		call.request.head(requestHead(call, session, int32(bytes, nameEnd + 1)));
		const mayCopyIn = call.sql === null || call.sql.mayCopyIn;
		this.#copier = mayCopyIn ? call : null;
		if (mayCopyIn) return end;
		call.isRequestOpen = false;
		call.request.finish(end, "ok");
		return end;
	}

	#copyData(at: number, end: number, out: ParserOutput): number {
		if (this.#session.expectations.last?.ask !== "copy-data") this.#ask("copy-data", at, null, out);
		const request = this.#copier?.isRequestOpen ? this.#copier.request : null;
		if (request === null) out.count("postgresql.copy_bytes_not_kept", end - at - 5);
		this.#stream.start(request === null ? "skip" : "raw", end - at - 5, request);
		return at + 5;
	}

	/** Every message of an authentication has this type, and none of them is anybody's business. */
	#password(at: number, end: number, out: ParserOutput): number {
		const { login, isLoggedIn } = this.#session;
		if (isLoggedIn) return this.#nonsense(out, "unexpected-password", at);
		login?.request.secret(end - at - 5);
		this.#stream.start("skip", end - at - 5);
		return at + 5;
	}

	#functionCall(bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
		if (end - at < 9) return this.#nonsense(out, "bad-function-call", at);
		if (bytes.length - at < 9) return at;
		this.#closeGroup(at);
		const call = this.#call("function_call", at, out);
		const attributes = {
			...this.#session.common,
			"postgresql.request": "function_call",
			"postgresql.function_oid": uint32(bytes, at + 5),
		};
		call.request.head(new MessageHead("FUNCTION CALL", attributes, []));
		this.#ask("function-call", at, call, out);
		this.#stream.start("raw", end - at - 9, call.request);
		this.#ending = call;
		if (this.#stream.left === 0) this.#streamed(at + 9);
		return at + 9;
	}

	// ------------------------------------------------------------------------------------------- long messages

	#streamOn(bytes: Uint8Array, at: number): number {
		const stream = this.#stream;
		if (stream.kind === "text") return this.#text(bytes, at, stream.writer);
		if (stream.kind === "parameters") return this.#parametersOn(bytes, at, stream.writer);
		const to = stream.take(bytes, at);
		this.#streamed(to);
		return to;
	}

	#streamed(index: number): void {
		const call = this.#ending;
		if (this.#stream.left > 0 || call === null) return;
		this.#ending = null;
		// whether it is a COPY only the server will tell
		if (this.#copier === call) return;
		call.isRequestOpen = false;
		call.request.finish(index, "ok");
	}

	#text(bytes: Uint8Array, at: number, part: PayloadWriter | null): number {
		const stream = this.#stream;
		const to = Math.min(bytes.length, at + stream.left);
		const found = bytes.indexOf(0, at);
		const textEnd = found < 0 || found > to ? to : found;
		part?.body(bytes, at, textEnd);
		stream.left -= textEnd - at;
		if (textEnd < to || stream.left === 0) {
			// types of parameters may follow: those of so long a text stay unknown
			stream.start("skip", stream.left);
			this.#streamed(textEnd);
		}
		return textEnd;
	}

	#parametersOn(bytes: Uint8Array, at: number, writer: PayloadWriter | null): number {
		const stream = this.#stream;
		if (this.#parameterLeft > 0) {
			const to = Math.min(bytes.length, at + this.#parameterLeft);
			writer?.body(bytes, at, to);
			this.#parameterLeft -= to - at;
			stream.left -= to - at;
			return to;
		}
		if (this.#parameters > 0) {
			if (bytes.length - at < 4) return at;
			const length = int32(bytes, at);
			writer?.body(bytes, at, at + 4);
			this.#parameters--;
			this.#parameterLeft = Math.min(Math.max(0, length), Math.max(0, stream.left - 4));
			stream.left -= Math.min(4, stream.left);
			return at + 4;
		}
		if (bytes.length - at < stream.left) return at;
		const end = at + stream.left;
		const formats = parseFormats(bytes, at, end);
		if (formats !== null) this.#binding?.(formats);
		this.#binding = null;
		stream.stop();
		return end;
	}

	// --------------------------------------------------------------------------------------------------- inside

	#call(kind: CallKind, at: number, out: ParserOutput): Call {
		const tag = this.#session.nextTag();
		const request: MessageWriter = out.begin(at, tag);
		const call = new Call(tag, out.timeAt(at), request);
		call.kind = kind;
		return call;
	}

	/** What is not executed is an exchange too: something was prepared, described or closed. */
	#closeGroup(at: number): void {
		const call = this.#group;
		if (call === null) return;
		this.#group = null;
		call.request.head(requestHead(call, this.#session));
		call.isRequestOpen = false;
		call.request.finish(at, "ok");
	}

	/** A name that nobody told us of is a statement all the same. */
	#statement(name: string): Statement {
		const known = this.#session.statements.statement(name);
		if (known !== null) return known;
		const statement = new Statement(name, null, null, null);
		this.#session.statements.define(statement);
		return statement;
	}

	#redefine({ redefines }: Sql): void {
		if (redefines === "*") this.#session.statements.forget();
		else if (redefines !== null) this.#session.statements.close(redefines);
	}

	#ask(
		ask: Ask,
		at: number,
		call: Call | null,
		out: ParserOutput,
		statement: Statement | null = null,
		portal: Portal | null = null,
	): void {
		const session = this.#session;
		const us = call === null || call.startUs === 0 ? out.timeAt(at) : call.startUs;
		session.expectations.push(ask, us, call, statement, portal);
		if (session.expectations.length > MAX_EXPECTATIONS) session.giveUp(out, "pipeline-limit");
	}

	#nonsense(out: ParserOutput, reason: string, at: number): number {
		this.#session.giveUp(out, reason);
		return at;
	}
}

/** Where the first `TEXT_BYTES` from `at` on end, without half a character. */
function prefixEnd(bytes: Uint8Array, at: number): number {
	let end = at + TEXT_BYTES;
	while (end > at && (bytes[end]! & 0xc0) === 0x80) end--;
	return end;
}
