/** MySQL through the whole engine on one core: `node dist/bench/parsers/mysql.js`. */
import mysql from "../../parsers/mysql/index.js";
import * as wire from "../../test/parsers/mysql/wire.js";
import { main } from "../harness/options.js";
import { benchParser } from "../harness/parser-throughput.js";

const COLUMNS = [
	{ name: "id", type: 3 },
	{ name: "text", type: 253 },
] as const;
const rows = Array.from({ length: 32_768 }, () => ["7", "x".repeat(1024)]);

await main(() =>
	benchParser({
		parser: mysql,
		name: "mysql",
		port: 3306,
		opening: wire.handshake().map(([dir, ...packets]) => [dir, Buffer.concat(packets)] as const),
		openingExchanges: 1,
		talks: [
			{
				name: "query, one small row",
				request: wire.query("select id, text from t where id = 7"),
				response: wire.result(COLUMNS, [["7", "x".repeat(20)]]),
				times: 100_000,
			},
			{
				name: "update, OK",
				request: wire.query("update t set text = 'x' where id = 7"),
				response: wire.ok(1, { affected: 1 }),
				times: 100_000,
			},
			{
				name: "32,768 rows of 1 KiB",
				request: wire.query("select id, text from t"),
				response: wire.result(COLUMNS, rows),
				times: 10,
			},
		],
	}),
);
