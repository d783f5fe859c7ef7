/** PostgreSQL through the whole engine on one core: `node dist/bench/parsers/postgresql.js`. */
import postgresql from "../../parsers/postgresql/index.js";
import * as wire from "../../test/parsers/postgresql/wire.js";
import { main } from "../harness/options.js";
import { benchParser } from "../harness/parser-throughput.js";

const rowOf = (bytes: number): Buffer => wire.row("7", "x".repeat(bytes));
const result = [wire.columns("id:23", "text"), rowOf(20), wire.done("SELECT 1"), wire.READY];
const extended = [wire.parse("select id, text from t where id = $1"), wire.bindWith({ values: ["7"] })];
const rows = Buffer.concat(Array.from({ length: 32_768 }, () => rowOf(1024)));

await main(() =>
	benchParser({
		parser: postgresql,
		name: "postgresql",
		port: 5432,
		opening: [
			[0, wire.STARTUP],
			[1, Buffer.concat([wire.AUTHENTICATED, wire.READY])],
		],
		openingExchanges: 1,
		talks: [
			{
				name: "simple query, one small row",
				request: wire.query("select id, text from t where id = 7"),
				response: Buffer.concat(result),
				times: 100_000,
			},
			{
				name: "extended query, one parameter",
				request: Buffer.concat([...extended, wire.describe("P"), wire.execute(), wire.SYNC]),
				response: Buffer.concat([wire.PARSED, wire.BOUND, ...result]),
				times: 100_000,
			},
			{
				name: "32,768 rows of 1 KiB",
				request: wire.query("select id, text from t"),
				response: Buffer.concat([wire.columns("id:23", "text"), rows, wire.done("SELECT 32768"), wire.READY]),
				times: 10,
			},
		],
	}),
);
