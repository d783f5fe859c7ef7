import { type Attributes, MessageHead } from "../../core/index.js";
import type { Statement } from "./statements.js";

export const QUIT = 0x01;
export const INIT_DB = 0x02;
export const QUERY = 0x03;
export const FIELD_LIST = 0x04;
export const STATISTICS = 0x09;
export const PROCESS_INFO = 0x0a;
export const PROCESS_KILL = 0x0c;
export const PING = 0x0e;
export const CHANGE_USER = 0x11;
export const BINLOG_DUMP = 0x12;
export const TABLE_DUMP = 0x13;
export const PREPARE = 0x16;
export const EXECUTE = 0x17;
export const SEND_LONG_DATA = 0x18;
export const CLOSE = 0x19;
export const RESET = 0x1a;
export const SET_OPTION = 0x1b;
export const FETCH = 0x1c;
export const BINLOG_DUMP_GTID = 0x1e;
export const RESET_CONNECTION = 0x1f;
export const BULK_EXECUTE = 0xfa;
/** Not a command: what a client sends first. */
export const LOGIN = 0x100;

const NAMES = new Map<number, string>([
	[QUIT, "QUIT"],
	[INIT_DB, "INIT_DB"],
	[QUERY, "QUERY"],
	[FIELD_LIST, "FIELD_LIST"],
	[0x05, "CREATE_DB"],
	[0x06, "DROP_DB"],
	[0x07, "REFRESH"],
	[0x08, "SHUTDOWN"],
	[STATISTICS, "STATISTICS"],
	[PROCESS_INFO, "PROCESS_INFO"],
	[PROCESS_KILL, "PROCESS_KILL"],
	[0x0d, "DEBUG"],
	[PING, "PING"],
	[CHANGE_USER, "CHANGE_USER"],
	[BINLOG_DUMP, "BINLOG_DUMP"],
	[TABLE_DUMP, "TABLE_DUMP"],
	[0x15, "REGISTER_SLAVE"],
	[PREPARE, "STMT_PREPARE"],
	[EXECUTE, "STMT_EXECUTE"],
	[SEND_LONG_DATA, "STMT_SEND_LONG_DATA"],
	[CLOSE, "STMT_CLOSE"],
	[RESET, "STMT_RESET"],
	[SET_OPTION, "SET_OPTION"],
	[FETCH, "STMT_FETCH"],
	[BINLOG_DUMP_GTID, "BINLOG_DUMP_GTID"],
	[RESET_CONNECTION, "RESET_CONNECTION"],
	[0x20, "CLONE"],
	[BULK_EXECUTE, "STMT_BULK_EXECUTE"],
	[LOGIN, "LOGIN"],
]);

/** `QUERY`, or null for a byte that is no command. */
export function commandName(code: number): string | null {
	return NAMES.get(code) ?? null;
}

/** Commands that the server never answers. */
export function isOneWay(code: number): boolean {
	return code === CLOSE || code === SEND_LONG_DATA || code === QUIT;
}

/** Commands after which the server sends events, blocks or tables without end, none of which is an answer. */
export function isStream(code: number): boolean {
	return code === BINLOG_DUMP || code === BINLOG_DUMP_GTID || code === TABLE_DUMP || code === 0x20;
}

/** The head of a request, with what is needed to read its answer. */
export class CommandHead extends MessageHead {
	readonly code: number;
	readonly statement: Statement | null;
	/** Schema that it makes the current one when it succeeds, or null. */
	readonly schema: string | null;
	/** May the server ask for the content of a file? */
	readonly mayUpload: boolean;
	/** The statement's text, as far as it is told; null: the command has none. */
	readonly text: string | null;
	/** It came in several packets: the numbers of its answer go on from theirs. */
	readonly isLong: boolean;

	constructor(
		code: number,
		summary: string,
		attributes: Attributes,
		statement: Statement | null = null,
		schema: string | null = null,
		mayUpload = false,
		text: string | null = null,
		isLong = false,
	) {
		super(summary, attributes, []);
		this.code = code;
		this.statement = statement;
		this.schema = schema;
		this.mayUpload = mayUpload;
		this.text = text;
		this.isLong = isLong;
	}

	/** The same of a command in several packets. */
	asLong(): CommandHead {
		const { code, summary, attributes, statement, schema, mayUpload, text } = this;
		return new CommandHead(code, summary, attributes, statement, schema, mayUpload, text, true);
	}
}
