/**
 * The client/server protocol of MySQL and MariaDB, version 10. One exchange for each command and its whole response, the
 * login included; commands without an answer are messages. What is captured, and what is not: docs/reference/protocols/mysql.md.
 *
 * Source: "Client/Server Protocol" of MySQL's source documentation and of MariaDB's knowledge base.
 */
import type { ParserPlugin } from "../../core/index.js";
import { detect } from "./detection.js";
import { example } from "./example.js";
import { MySqlParser } from "./parser.js";

const mysql: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "mysql",
	summary: "MySQL and MariaDB: logins, statements, prepared statements with parameters, results as rows",
	readsOnly: true,
	isLeaf: true,
	example,
	detect,
	create: (context) => new MySqlParser(context),
};

export default mysql;
