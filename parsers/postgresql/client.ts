import type { MessageWriter, ParserOutput } from "../../core/index.js";
import { MessageHead } from "../../core/index.js";
import { afterParameters, parseBindHead, parseFormats } from "./bind.js";
import { Call, type CallKind } from "./call.js";
import { type Ask, isAnswered, MAX_EXPECTATIONS } from "./expectations.js";
import { requestHead } from "./heads.js";
import { LongMessage, prefixEnd, TEXT_BYTES } from "./long-message.js";
import { readOpening } from "./opening.js";
import type { Session } from "./session.js";
import { Sql } from "./sql.js";
import { ParameterDecoder, type Portal, Statement } from "./statements.js";
import { Front, HOLD, int32, isFront, MAX_MESSAGE_BYTES, nulAt, uint16, uint32, utf8 } from "./wire.js";

/** Messages up to this size are looked at as a whole; of longer ones only what is needed. */
const WHOLE_BYTES = 256 << 10;

/** Data of a COPY may follow these. */
const OF_COPY: readonly number[] = [Front.copyData, Front.copyDone, Front.copyFail, Front.sync, Front.flush];

const OF_DATA: readonly number[] = [Front.copyData, Front.copyDone, Front.copyFail];

/** What the client says. */
export class ClientSide {
	readonly #session: Session;
	readonly #long = new LongMessage();
	/** Messages of the extended protocol up to the next Execute, Sync or Flush. */
	#group: Call | null = null;
	/** The call that data of a COPY belongs to, as far as the client can know. */
	#copier: Call | null = null;
	/** The message under way is a password, or another proof. */
	#isProof = false;
	readonly #isCopier = (call: Call): boolean => this.#copier === call;

	constructor(session: Session) {
		this.#session = session;
	}

	/** Position after what was consumed, the same where more is needed, or HOLD. */
	next(bytes: Uint8Array, at: number, out: ParserOutput): number {
		if (this.#long.isUnderWay) {
			const to = this.#long.take(bytes, at, this.#isCopier);
			this.#proofOver();
			return to;
		}
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
		const isInside = this.#long.gap(length, this.#isCopier);
		if (isInside) this.#proofOver();
		return isInside;
	}

	/** Bytes are missing, or we came late: what they said about names nobody knows. */
	lost(): void {
		const session = this.#session;
		this.#long.stop();
		this.#isProof = false;
		this.#group = null;
		this.#copier = null;
		session.isStarted = true;
		session.asked = "nothing";
		session.statements.forget();
		session.readyUs = 0;
		if (session.expectations.last?.ask !== "hole") session.expectations.push("hole", 0, null);
	}

	// ------------------------------------------------------------------------------------------------- messages

	#message(type: number, bytes: Uint8Array, at: number, end: number, out: ParserOutput): number {
		if (type !== Front.password && this.#session.login?.isRequestOpen) this.#endRequest(this.#session.login, at);
		if (this.#copier !== null && !OF_COPY.includes(type)) {
			this.#copier.closeRequest();
			this.#copier = null;
		}
		const isEarly = OF_DATA.includes(type) && this.#mayBeRefused(out);
		this.#session.dataOf = isEarly ? this.#copier : null;
		if (isEarly) return HOLD;
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
				if (copier === null) return end;
				if (type === Front.copyFail && copier.isRequestOpen) copier.request.flag("copy-fail");
				this.#endRequest(copier, end);
				return end;
			}
		}
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
		call.isAsked = isWhole;
		this.#copier = call.sql.mayCopyIn ? call : null;
		if (call.sql.mayCopyIn) call.told(at, end, out);
		if (!isWhole) {
			this.#long.text(call, at + 5, end - at - 5);
			return at + 5;
		}
		if (call.sql.mayCopyIn) return end;
		this.#endRequest(call, end);
		return end;
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
		if (isWhole) return end;
		this.#long.text(call, textAt, end - textAt);
		return textAt;
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
		// what was parsed with it is meant even where the server refused that meanwhile
		const isOwn = call.hasParse && call.statement?.name === head.statement;
		const statement = isOwn && call.statement !== null ? call.statement : this.#statement(head.statement);
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
		this.#long.parameters(head.parameters, end - head.at, call.request, bound);
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
		call.isAsked = true;
		if (mayCopyIn && !call.isAnswered) call.told(at, end, out);
		else this.#endRequest(call, end);
		return end;
	}

	/** Whether data belongs to the query before it only the server's answer tells, which may be captured after it. */
	#mayBeRefused(out: ParserOutput): boolean {
		const copier = this.#copier;
		if (copier === null || !copier.isRequestOpen || copier.takesData) return false;
		copier.takesData = out.mustProceed;
		return !out.mustProceed;
	}

	#copyData(at: number, end: number, out: ParserOutput): number {
		if (this.#session.expectations.last?.ask !== "copy-data") this.#ask("copy-data", at, null, out);
		const request = this.#copier?.isRequestOpen ? this.#copier.request : null;
		if (request === null) out.count("postgresql.copy_messages_not_kept");
		else this.#copier?.told(at, end, out);
		this.#long.raw(end - at - 5, request);
		return at + 5;
	}

	/** Every message of an authentication has this type, and none of them is anybody's business. */
	#password(at: number, end: number, out: ParserOutput): number {
		const { login, isLoggedIn } = this.#session;
		if (isLoggedIn) return this.#nonsense(out, "unexpected-password", at);
		this.#isProof = true;
		login?.request.secret(end - at - 5);
		this.#long.skip(end - at - 5);
		this.#proofOver();
		return at + 5;
	}

	#proofOver(): void {
		if (!this.#isProof || this.#long.isUnderWay) return;
		this.#isProof = false;
		this.#session.proofsSent++;
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
		this.#long.raw(end - at - 9, call.request, call);
		this.#long.over(at + 9, this.#isCopier);
		return at + 9;
	}

	// --------------------------------------------------------------------------------------------------- inside

	#endRequest(call: Call, index: number): void {
		if (!call.isRequestOpen) return;
		call.isRequestOpen = false;
		call.request.finish(index, "ok");
	}

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
		this.#endRequest(call, at);
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
		if (session.readyUs > 0 && isAnswered(ask)) {
			// asked before, and captured after it
			if (us < session.readyUs) session.pipelines = true;
			session.readyUs = 0;
		}
		session.expectations.push(ask, us, call, statement, portal);
		if (session.expectations.length > MAX_EXPECTATIONS) session.giveUp(out, "pipeline-limit");
	}

	#nonsense(out: ParserOutput, reason: string, at: number): number {
		this.#session.giveUp(out, reason);
		return at;
	}
}
