import { type AttributeValue, MessageHead } from "../../core/index.js";
import type { Call } from "./call.js";
import type { Complaint } from "./errors.js";
import type { Session } from "./session.js";

const MAX_HEADS = 64;

/** What the head of a request depends on beside the text. */
interface RequestKey {
	readonly common: object;
	readonly kind: string;
	readonly statement: string;
	readonly portal: string;
	readonly maxRows: number;
}

/** The head of a request; the same object again where nothing differs from the last one with this text. */
export function requestHead(call: Call, session: Session, maxRows = 0): MessageHead {
	const { kind, sql } = call;
	const key: RequestKey = {
		common: session.common,
		kind,
		statement: call.statement?.name ?? "",
		portal: call.portal?.name ?? "",
		maxRows,
	};
	if (sql !== null && sql.head !== null && isSame(sql.headKey as RequestKey, key)) return sql.head;
	const attributes: Record<string, AttributeValue> = { ...session.common, "postgresql.request": kind };
	if (sql !== null) {
		attributes["db.query.text"] = sql.text;
		if (sql.operation !== null) attributes["db.operation.name"] = sql.operation;
		if (sql.collection !== null) attributes["db.collection.name"] = sql.collection;
	}
	if (key.statement !== "") attributes["postgresql.statement"] = key.statement;
	if (key.portal !== "") attributes["postgresql.portal"] = key.portal;
	if (maxRows > 0) attributes["postgresql.max_rows"] = maxRows;
	const head = new MessageHead(summary(call), attributes, []);
	if (sql !== null) {
		// those of one namespace object only: all connections have their own
		sql.head = head;
		sql.headKey = key;
	}
	return head;
}

function isSame(a: RequestKey, b: RequestKey): boolean {
	return (
		a.common === b.common &&
		a.kind === b.kind &&
		a.statement === b.statement &&
		a.portal === b.portal &&
		a.maxRows === b.maxRows
	);
}

function summary({ kind, sql, statement }: Call): string {
	const what = sql === null || sql.short === "" ? (statement?.name ?? "") : sql.short;
	if (kind === "query" || (kind === "execute" && sql !== null)) return what;
	const word = kind.toUpperCase().replace("_", " ");
	return what === "" ? word : `${word} ${what}`;
}

/** Heads of responses without columns, of all engines: command tags are few, and say nothing about anybody. */
export class ResponseHeads {
	readonly #plain = new Map<string, MessageHead>();

	/** Of a response that went well. */
	of(call: Call): MessageHead {
		const { columns, tagText, rows, results, copyFormat, isSuspended } = call;
		const isOne = results <= 1 && call.part === null;
		const heads = columns !== null && isOne ? columns.heads : this.#plain;
		const key = `${tagText}|${isOne ? rows : -results}|${copyFormat ?? ""}|${isSuspended ? "s" : ""}|${columns === null ? "" : "c"}`;
		let head = heads.get(key);
		if (head !== undefined) return head;
		const attributes = isOne ? resultAttributes(call) : { "postgresql.results": results };
		head = new MessageHead(isSuspended ? "PORTAL SUSPENDED" : tagText, attributes, []);
		if (heads.size >= MAX_HEADS) heads.clear();
		heads.set(key, head);
		return head;
	}
}

/** What is told of one result. */
export function resultAttributes(call: Call): Record<string, AttributeValue> {
	const { columns, tagText, rows, copyFormat, isSuspended } = call;
	const attributes: Record<string, AttributeValue> = { ...columns?.attributes };
	if (tagText !== "") attributes["postgresql.command_tag"] = tagText;
	if (columns !== null || rows > 0) attributes["db.response.returned_rows"] = rows;
	if (copyFormat !== null) attributes["postgresql.copy_format"] = copyFormat;
	if (isSuspended) attributes["postgresql.portal_suspended"] = true;
	return attributes;
}

export function errorHead({ severity, code, attributes }: Complaint, call: Call | null): MessageHead {
	const all = call === null || call.columns === null ? attributes : { ...resultAttributes(call), ...attributes };
	return new MessageHead(`${severity} ${code}`.trim(), all, []);
}
