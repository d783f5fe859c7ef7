/** A MySQL 8 server with mysql2, captured live: what Debian's MariaDB does not have, its ways to log in above all. */
import { createWriteStream } from "node:fs";
import anyTest, { type TestFn } from "ava";
import { type Connection, createConnection } from "mysql2/promise";
import { captured } from "./support/captured.js";
import { type MariaDb, PASSWORD } from "./support/mariadb.js";
import { type Said, sayOf, talk } from "./support/mysql-talk.js";
import { missingMysql8, startMysql8 } from "./support/mysql8.js";
import { missing } from "./support/needs.js";
import { withScope } from "./support/scope.js";

const why = missing("bpf", "unzip") ?? missingMysql8();
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED MySQL 8: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

function connectTo({ port }: MariaDb, more: object = {}): Promise<Connection> {
	const options = { host: "127.0.0.1", port, user: "app", password: PASSWORD, database: "shop" };
	return createConnection({ ...options, multipleStatements: true, dateStrings: true, ...more });
}

live(
	"statements, parameters, rows and errors are what the client had; logins by every way, without their secrets",
	(t) =>
		withScope(async (scope) => {
			const db = await startMysql8(scope);
			const expected: Said[] = [];
			const { exchanges, text, stderr } = await captured(scope, db.port, async () => {
				for (const more of [{}, {}, { compress: true }, { user: "old" }]) {
					const connection = await connectTo(db, more);
					await talk(connection, expected);
					await connection.end();
				}
				await t.throwsAsync(connectTo(db, { password: `${PASSWORD}-wrong` }));
				const connection = await connectTo(db);
				await connection.query("SELECT 1 AS a; DO 0; SELECT 2 AS b, 3 AS b");
				await connection.query("CREATE PROCEDURE p() BEGIN SELECT 7 AS x; SELECT 8 AS y; END");
				await connection.query("CALL p()");
				await connection.changeUser({ user: "old", password: PASSWORD, database: "shop" });
				await connection.query("SELECT CURRENT_USER() AS u");
				await connection.end();
				const other = await connectTo(db);
				await other.query(`ALTER USER old@'%' IDENTIFIED WITH mysql_native_password BY '${PASSWORD}-new'`);
				await other.query(`SET PASSWORD FOR old@'%' = '${PASSWORD}-newer'`);
				await other.end();
			});
			const raw = text + stderr;
			for (const secret of [PASSWORD, Buffer.from(PASSWORD).toString("base64").slice(0, 16)])
				t.false(raw.includes(secret));
			const compared = exchanges
				.map(sayOf)
				.filter(({ command }) => command === "QUERY" || command === "STMT_EXECUTE" || command === "PING")
				.slice(0, expected.length);
			t.is(compared.length, expected.length);
			for (const [i, said] of expected.entries()) t.deepEqual(compared[i], said);
			const logins = exchanges.filter(({ request }) => request?.attributes["mysql.command"] === "LOGIN" && request);
			const answered = logins.filter(({ kind }) => kind === "exchange");
			t.deepEqual(
				answered.map(({ outcome }) => outcome),
				["ok", "ok", "ok", "ok", "error", "ok", "ok"],
			);
			t.is(answered[4]!.response!.attributes["error.type"], "1045");
			t.is(answered[0]!.request!.attributes["mysql.auth_plugin"], "caching_sha2_password");
			t.is(answered[0]!.request!.attributes["mysql.server_version"], "8.0.15");
			for (const { request } of logins) {
				t.is(request!.body.captured, 0);
				t.true(request!.body.gaps.every(({ cause }) => cause === "redacted"));
			}
			const of = (start: string) =>
				exchanges.find(({ request }) => String(request?.attributes["db.query.text"]).startsWith(start))!;
			const results = (start: string): unknown[] => [
				of(start).response?.body.data,
				...(of(start).response?.messages ?? []).map(({ data }) => data),
			];
			t.deepEqual(results("SELECT 1 AS a"), [[{ a: 1 }], "", [{ b: 2, b_2: 3 }]]);
			t.deepEqual(results("CALL p()"), [[{ x: 7 }], [{ y: 8 }], ""]);
			t.deepEqual(results("SELECT CURRENT_USER()"), [[{ u: "old@%" }]]);
			t.true(exchanges.every(({ protocol }) => protocol === "mysql"));
			t.log(`${expected.length} commands, 0 missing; ${answered.length} logins`);
		}),
);
