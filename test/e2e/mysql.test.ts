/**
 * MariaDB and its clients, captured live through the command line: every command that a client gave is in the file exactly
 * once, with the statement, parameters, rows and errors that the client itself had.
 */
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import { type Connection, createConnection } from "mysql2/promise";
import type { Exchange } from "../../core/index.js";
import { makeCertificate } from "./support/certificate.js";
import { type MariaDb, PASSWORD, startMariaDb } from "./support/mariadb.js";
import { type Said, sayOf, talk } from "./support/mysql-talk.js";
import { missing } from "./support/needs.js";
import { captureConfig, type Polytap, startPolytap } from "./support/polytap.js";
import { pause, runProgram, until } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";

const why = missing("bpf", "mariadbd", "mariadb-install-db", "mariadb", "mariadb-slap", "openssl");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED mysql: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const MIB = 1 << 20;

async function recorded(polytap: Polytap, path: string): Promise<{ exchanges: Exchange[]; text: string }> {
	await polytap.settled();
	const { totals } = await polytap.stop();
	if (totals.engine.parser_failures !== 0) throw new Error(`${totals.engine.parser_failures} parser failures`);
	const text = await readFile(path, "utf8");
	return {
		exchanges: text
			.split("\n")
			.filter((line) => line !== "")
			.map((line): Exchange => JSON.parse(line)),
		text,
	};
}

function connectTo(db: MariaDb, more: object = {}): Promise<Connection> {
	const options = { host: "127.0.0.1", port: db.port, user: "app", password: PASSWORD, database: "shop" };
	return createConnection({ ...options, multipleStatements: true, dateStrings: true, ...more });
}

live("mysql2, plain and compressed: statements, parameters, rows and errors are what the client had", (t) =>
	withScope(async (scope) => {
		const db = await startMariaDb(scope);
		const path = join(await scope.folder(), "out.jsonl");
		const polytap = await startPolytap(scope, { config: captureConfig({ ports: [db.port], path }) });
		const expected: Said[] = [];
		for (const compress of [false, true]) {
			const connection = await connectTo(db, { compress });
			await talk(connection, expected);
			await connection.end();
		}
		const { exchanges, text } = await recorded(polytap, path);
		t.false(text.includes(PASSWORD));
		const found = exchanges
			.map(sayOf)
			.filter(({ command }) => command === "QUERY" || command === "STMT_EXECUTE" || command === "PING");
		t.is(found.length, expected.length);
		for (const [i, said] of expected.entries()) t.deepEqual(found[i], said);
		const names = exchanges.map(({ request }) => request?.attributes["mysql.command"]);
		t.is(names.filter((name) => name === "LOGIN").length, 2);
		t.is(names.filter((name) => name === "STMT_PREPARE").length, 4);
		t.true(exchanges.every(({ connection }) => connection.server.port === db.port));
	}),
);

live("several results, procedures, a change of user, and more than 16 MiB both ways", (t) =>
	withScope(async (scope) => {
		const db = await startMariaDb(scope);
		const path = join(await scope.folder(), "out.jsonl");
		const capture = { max_body_bytes: 64 * MIB, max_held_bytes: 512 * MIB };
		const sink = { queue: { max_bytes: 512 * MIB } };
		const source = { ring_bytes: 128 * MIB };
		const polytap = await startPolytap(scope, {
			config: captureConfig({ ports: [db.port], path, capture, sink, source }),
		});
		const connection = await connectTo(db);
		await connection.query("SELECT 1 AS a; DO 0; SELECT 2 AS b, 3 AS b");
		await connection.query("CREATE OR REPLACE PROCEDURE p() BEGIN SELECT 7 AS x; SELECT 8 AS y; END");
		await connection.query("CALL p()");
		await connection.changeUser({ user: "app", password: PASSWORD, database: "mysql" });
		await connection.query("SELECT DATABASE() AS d");
		const large = "x".repeat(17 * MIB);
		await connection.query("SELECT ? AS v", [large]);
		await connection.end();
		const { exchanges, text } = await recorded(polytap, path);
		t.false(text.includes(PASSWORD));
		const of = (start: string): Exchange =>
			exchanges.find(({ request }) => String(request?.attributes["db.query.text"]).startsWith(start))!;
		const results = (exchange: Exchange): unknown[] => [
			exchange.response?.body.data,
			...(exchange.response?.messages ?? []).map(({ data }) => data),
		];
		t.deepEqual(results(of("SELECT 1 AS a")), [[{ a: 1 }], "", [{ b: 2, b_2: 3 }]]);
		t.deepEqual(results(of("CALL p()")), [[{ x: 7 }], [{ y: 8 }], ""]);
		t.is(of("SELECT DATABASE()").request?.attributes["db.namespace"], "mysql");
		const { request, response } = of("SELECT 'xxx");
		t.is(request?.body.bytes, large.length + "SELECT '' AS v".length);
		t.true(request?.body.data === `SELECT '${large}' AS v`);
		const [row] = (response?.body.data ?? []) as { v: string }[];
		t.true(row?.v === large);
	}),
);

live("the mariadb client and mariadb-slap: as many statements as the server counted", (t) =>
	withScope(async (scope) => {
		const db = await startMariaDb(scope);
		const path = join(await scope.folder(), "out.jsonl");
		const polytap = await startPolytap(scope, { config: captureConfig({ ports: [db.port], path }) });
		const access = [
			"--no-defaults",
			"-h127.0.0.1",
			`-P${db.port}`,
			"-uapp",
			`-p${PASSWORD}`,
			"--protocol=tcp",
			"--skip-ssl",
		];
		const shown = await runProgram(
			"mariadb",
			[...access, "-N", "shop", "-e", "SELECT 41+1; SHOW DATABASES; SELECT 'ü'"],
			60_000,
			{},
		);
		const options = ["--concurrency=8", "--number-of-queries=4000", "--query=SELECT 4711", "--create-schema=shop"];
		await runProgram("mariadb-slap", [...access, ...options], 60_000);
		const { exchanges } = await recorded(polytap, path);
		const rowsOf = (text: string): unknown =>
			exchanges.find((e) => e.request?.attributes["db.query.text"] === text)?.response?.body.data;
		t.deepEqual(rowsOf("SELECT 41+1"), [{ "41+1": 42 }]);
		t.deepEqual(rowsOf("SELECT 'ü'"), [{ ü: "ü" }]);
		const databases = rowsOf("SHOW DATABASES") as { Database: string }[];
		t.is(shown.stdout, `42\n${databases.map(({ Database }) => `${Database}\n`).join("")}ü\n`);
		const asked = exchanges.filter((e) => e.request?.attributes["db.query.text"] === "SELECT 4711");
		t.is(asked.length, 4000);
		for (const { response, outcome } of asked) {
			t.is(outcome, "ok");
			t.deepEqual(response?.body.data, [{ "4711": 4711 }]);
		}
		t.deepEqual(
			exchanges.filter(({ outcome }) => outcome !== "ok"),
			[],
		);
	}),
);

live("joined in the middle of a load: from the first whole exchange on all is there, and nothing is wrong", (t) =>
	withScope(async (scope) => {
		const db = await startMariaDb(scope);
		const path = join(await scope.folder(), "out.jsonl");
		const connections = await Promise.all(Array.from({ length: 4 }, (_, i) => connectTo(db, { compress: i === 3 })));
		let isOver = false;
		/** By connection and number: whether the command began after polytap said that it captures. */
		const began: { readonly key: string; readonly atMs: number }[] = [];
		const load = connections.map(async (connection, c) => {
			for (let i = 0; !isOver; i++) {
				const key = `${c}-${i}`;
				const atMs = Date.now();
				if (i % 2 === 0) await connection.query(`SELECT '${key}' AS k, ${i} AS n`);
				else await connection.execute("SELECT ? AS k, ? AS n", [key, i]);
				began.push({ key, atMs });
				await pause(1);
			}
		});
		await until(() => began.length > 100, "the load goes");
		const polytap = await startPolytap(scope, { config: captureConfig({ ports: [db.port], path }) });
		const readyMs = Date.now();
		const enough = began.length + 1_500;
		await until(() => began.length > enough, "more of the load");
		isOver = true;
		await Promise.all(load);
		for (const connection of connections) await connection.end();
		const { exchanges } = await recorded(polytap, path);
		const keys = new Set<string>();
		for (const { request, response, outcome } of exchanges) {
			const rows = response?.body.data;
			const row = Array.isArray(rows) ? (rows[0] as { k?: string; n?: number | string } | undefined) : undefined;
			if (row?.k === undefined || outcome !== "ok") continue;
			t.false(keys.has(row.k), `${row.k} twice`);
			keys.add(row.k);
			t.is(row.k.split("-")[1], String(row.n));
			const text = request?.attributes["db.query.text"];
			if (request?.attributes["mysql.command"] === "QUERY") t.is(text, `SELECT '${row.k}' AS k, ${row.n} AS n`);
			else if (text === undefined) t.true(request?.attributes["mysql.statement_unknown"]);
		}
		const missed = began.filter(({ key, atMs }) => atMs > readyMs && !keys.has(key)).map(({ key }) => key);
		t.deepEqual(missed, []);
		t.true(keys.size > 500, `${keys.size}`);
	}),
);

/** `SELECT 'inside'` over TLS, captured with `tls: auto` or `off`. */
async function overTls(scope: Scope, tls: "auto" | "off") {
	const { key, certificate } = await makeCertificate(scope);
	const db = await startMariaDb(scope, [`--ssl-key=${key}`, `--ssl-cert=${certificate}`]);
	const path = join(await scope.folder(), "out.jsonl");
	const polytap = await startPolytap(scope, { config: captureConfig({ ports: [db.port], path, source: { tls } }) });
	const connection = await connectTo(db, { ssl: { rejectUnauthorized: false } });
	await connection.query("SELECT 'inside'");
	await connection.end();
	return recorded(polytap, path);
}

live("over TLS: statements as without it, no password", (t) =>
	withScope(async (scope) => {
		const { exchanges, text } = await overTls(scope, "auto");
		const inside = exchanges.filter(({ request }) => request?.attributes["db.query.text"] === "SELECT 'inside'");
		t.is(inside.length, 1);
		t.is(inside[0]?.connection.tls?.library, "openssl");
		t.true(JSON.stringify(inside[0]?.response?.body.data).includes("inside"));
		t.false(text.includes(PASSWORD));
	}),
);

live("over TLS without probes the connection is opaque, by name, and nothing of it is guessed", (t) =>
	withScope(async (scope) => {
		const { exchanges, text } = await overTls(scope, "off");
		t.false(text.includes("inside"));
		t.deepEqual(
			exchanges.map(({ kind }) => kind),
			["connection"],
		);
	}),
);
