/**
 * Redis, Valkey and KeyDB (RESP2 and RESP3). One exchange for each command and its reply, paired by order; what a server sends
 * without being asked is a `message`. See docs/reference/protocols/redis.md for attributes, bodies, secrets and limits.
 */
import type { ParserPlugin } from "../../core/index.js";
import { detect } from "./detection.js";
import { RedisParser } from "./parser.js";

const redis: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "redis",
	summary: "Redis, Valkey, KeyDB (RESP2, RESP3): commands and replies, transactions, pub/sub, MONITOR",
	readsOnly: true,
	isLeaf: true,
	example: [
		{ from: "client", text: "*3\r\n$3\r\nSET\r\n$5\r\nkey:1\r\n$5\r\nvalue\r\n" },
		{ from: "server", text: "+OK\r\n" },
		{ from: "client", text: "*2\r\n$3\r\nGET\r\n$5\r\nkey:1\r\n" },
		{ from: "server", text: "$5\r\nvalue\r\n" },
		{ from: "client", text: "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n" },
		{ from: "server", text: ":1\r\n" },
	],
	detect,
	create: (context) => new RedisParser(context),
};

export default redis;
