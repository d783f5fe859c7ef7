import type { LastByte, MessageWriter, Outcome, ParserOutput, PartWriter, PayloadWriter } from "../../core/index.js";
import type { Columns } from "./columns.js";
import type { Sql } from "./sql.js";
import type { Portal, Statement } from "./statements.js";

export type CallKind = "startup" | "query" | "execute" | "parse" | "bind" | "describe" | "close" | "function_call";

/** One exchange under way: a request, and what the server has said to it so far. */
export class Call {
	/** The parser's own count, below zero: it pairs request and response. */
	readonly tag: number;
	/** When its first byte came, microseconds. */
	readonly startUs: number;
	readonly request: MessageWriter;
	/** The client may still add to it: data of a COPY, a password. */
	isRequestOpen = true;
	/** The question is asked: what may come is data of a COPY or a password, and the answer ends that. */
	isAsked = false;
	kind: CallKind = "close";
	sql: Sql | null = null;
	statement: Statement | null = null;
	portal: Portal | null = null;
	hasParse = false;
	hasBind = false;
	/** The server asked for data. */
	isCopyIn = false;
	/** Data that follows is its own: the server asked for it, or nobody will tell whether it did. */
	takesData = false;
	/** Of what the client says no more than the rest of the question belongs to it. */
	isAnswered = false;
	/** The last byte of the request that was seen; there may be more. */
	#last: LastByte | undefined;

	response: MessageWriter | null = null;
	/** Where rows go: the response, or its part for the current statement. Null between results. */
	target: PayloadWriter | null = null;
	part: PartWriter | null = null;
	columns: Columns | null = null;
	rows = 0;
	results = 0;
	copyFormat: "text" | "binary" | null = null;
	tagText = "";
	isSuspended = false;
	notices = 0;
	/** Its response will not be known. */
	isLost = false;
	/** Of the response, once it is known. */
	outcome: Exclude<Outcome, "partial" | "unanswered"> = "ok";

	constructor(tag: number, startUs: number, request: MessageWriter) {
		this.tag = tag;
		this.startUs = startUs;
		this.request = request;
	}

	/** The message from byte `at` to `end` belongs to the request, which may go on. */
	told(at: number, end: number, out: ParserOutput): void {
		this.#last = lastByte(at, end, out);
	}

	/** Nothing more will come of the request. Where it ends does not depend on what else the client was seen to say. */
	closeRequest(): void {
		this.isAnswered = true;
		if (!this.isRequestOpen || !this.isAsked) return;
		this.isRequestOpen = false;
		this.request.abandon("ok", this.#last);
	}

	/** Whatever the server answers, it is no data that it waits for; of several statements a later one may. */
	closeRequestUnlessCopyIn(): void {
		const mayComeLater = this.kind === "query" && (this.sql === null || this.sql.isMulti);
		if (!this.isCopyIn && !mayComeLater) this.closeRequest();
	}
}

/** Of the message from byte `at` to `end`; of one that is longer than what was offered, too. */
export function lastByte(at: number, end: number, out: ParserOutput): LastByte {
	return { offset: out.offsetAt(at) + end - at - 1, us: out.timeAt(at) };
}
