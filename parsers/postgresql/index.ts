/**
 * PostgreSQL, protocol 3 (3.0 to 3.2; chapter 55 of PostgreSQL's manual). What is recorded, exchange by exchange:
 * docs/reference/protocols/postgresql.md.
 *
 * One exchange for each execution: a simple query up to ReadyForQuery, or what the extended protocol says for one Execute
 * (Parse, Bind, Describe, Execute and their answers); for what is prepared, described or closed without being executed; for
 * the login; for a function call. Notifications, and what the server says unasked, are messages.
 */
import type { ParserPlugin } from "../../core/index.js";
import { detect } from "./detection.js";
import { PostgreSqlParser } from "./parser.js";

const postgresql: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "postgresql",
	summary: "PostgreSQL: queries, parameters and rows, COPY, errors, notices and notifications",
	readsOnly: true,
	isLeaf: true,
	detect,
	create: (context) => new PostgreSqlParser(context),
};

export default postgresql;
