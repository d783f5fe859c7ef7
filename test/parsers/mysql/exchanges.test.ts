import test from "ava";
import { toJson } from "../../../core/index.js";
import { byteByByte, randomCuts, whole } from "../http1/play.js";
import { play, rowsOf } from "./play.js";
import * as wire from "./wire.js";

const ID = { name: "id", type: 3 } as const;
const NAME = { name: "name", type: 253 } as const;

for (const [name, cut] of [
	["whole", whole],
	["byte by byte", byteByByte],
	["cut at random", randomCuts(7)],
] as const) {
	test(`login, rows, OK, error, one-way: ${name}`, (t) => {
		const h = play(
			[
				...wire.handshake(),
				[0, wire.query("SELECT id, name FROM t")],
				[
					1,
					wire.result(
						[ID, NAME],
						[
							["1", "ä"],
							["-2", null],
						],
					),
				],
				[0, wire.query("UPDATE t SET id = 3")],
				[1, wire.ok(1, { affected: 2, id: 9, warnings: 1 })],
				[0, wire.query("selec")],
				[1, wire.err(1, 1064, "42000", "no")],
				[0, wire.packet(0, 1)],
			],
			{ cut },
		);
		t.deepEqual(h.failures, []);
		t.deepEqual(h.lines, [
			"LOGIN→OK ok",
			"SELECT id, name FROM t→2 rows ok",
			"UPDATE t SET id = 3→OK ok",
			"selec→ERROR 1064 error",
			"QUIT→ ok",
		]);
		const [login, select, update, failed, quit] = h.exchanges;
		t.deepEqual(login!.request!.body.gaps, [{ from: 0, to: wire.SECRET.length, cause: "redacted" }]);
		t.false(h.exchanges.map(toJson).join().includes(wire.SECRET));
		t.is(login!.request!.attributes["mysql.user"], "app");
		t.deepEqual(rowsOf(select), [
			{ id: 1, name: "ä" },
			{ id: -2, name: null },
		]);
		t.deepEqual(select!.request!.attributes, {
			"db.system.name": "mysql",
			"db.namespace": "shop",
			"mysql.command": "QUERY",
			"db.query.text": "SELECT id, name FROM t",
			"db.operation.name": "SELECT",
		});
		t.is(select!.response!.attributes["db.response.returned_rows"], 2);
		t.deepEqual(select!.response!.attributes["mysql.column_types"], ["int", "varchar"]);
		const { attributes } = update!.response!;
		t.like(attributes, { "mysql.affected_rows": 2, "mysql.last_insert_id": 9, "mysql.warnings": 1 });
		t.like(failed!.response!.attributes, { "db.response.status_code": "1064", "mysql.sqlstate": "42000" });
		t.is(quit!.kind, "message");
		t.is(h.counters.bytes_opaque, 0);
		t.is(h.counters.bytes_skipped, 0);
	});
}

test("the same with EOFs, and from MariaDB", (t) => {
	const options = { client: wire.USUAL & ~wire.CAN.deprecateEof, version: "5.5.5-10.11.2-MariaDB" };
	const h = play([
		...wire.handshake(options),
		[0, wire.query("SELECT 1")],
		[1, wire.result([ID], [["1"]], { withEofs: true })],
		[0, wire.query("SELECT 1 WHERE 0")],
		[1, wire.result([ID], [], { withEofs: true })],
	]);
	t.deepEqual(h.lines, ["LOGIN→OK ok", "SELECT 1→1 row ok", "SELECT 1 WHERE 0→0 rows ok"]);
	t.is(h.exchanges[1]!.request!.attributes["db.system.name"], "mariadb");
});

test("answers that are captured before their requests", (t) => {
	const steps = [...wire.handshake(), [0, wire.query("SELECT 1")], [1, wire.result([ID], [["1"]])]] as wire.Step[];
	const [greeting, login, accepted, query, rows] = steps;
	const h = play([greeting!, accepted!, login!, rows!, query!]);
	t.deepEqual(h.failures, []);
	t.deepEqual(h.lines, ["LOGIN→OK ok", "SELECT 1→1 row ok"]);
});

test("several results are parts of one response; the last may be an error", (t) => {
	const h = play([
		...wire.handshake(),
		[0, wire.query("SELECT 1; UPDATE t; SELECT 2; x")],
		[
			1,
			wire.result([ID], [["1"]], { status: 10 }),
			wire.ok(5, { affected: 4, status: 10 }),
			wire.result([ID], [["2"], ["3"]], { status: 10, from: 6 }),
			wire.err(11, 1064, "42000", "x"),
		],
		[0, wire.ping()],
		[1, wire.ok(1)],
	]);
	t.deepEqual(h.lines.slice(1), ["SELECT 1; UPDATE t; SELECT 2; x→ERROR 1064 error", "PING→OK ok"]);
	const response = h.exchanges[1]!.response!;
	t.deepEqual(response.body.data, [{ id: 1 }]);
	t.is(response.attributes["db.response.returned_rows"], 3);
	t.deepEqual(
		response.messages!.map(({ data, attributes }) => [
			data,
			attributes["mysql.affected_rows"] ?? attributes["error.type"] ?? null,
		]),
		[
			["", 4],
			[[{ id: 2 }, { id: 3 }], null],
			["", "1064"],
		],
	);
});

test("prepared: parameters by type, rows in binary, long data, fetch, close", (t) => {
	const prepared = wire.bytes(0, wire.u32(5), wire.u16(2), wire.u16(3), 0, wire.u16(0));
	const values = wire.bytes(0, 1, 8, 0x80, 253, 0, 252, 0, Buffer.from("ffffffffffffffff", "hex"), wire.lenenc("a"));
	const date = wire.bytes(7, wire.u16(2026), 1, 2, 3, 4, 5);
	const WHEN = { name: "at", type: 12, charset: 63 } as const;
	const h = play([
		...wire.handshake(),
		[0, wire.packet(0, 0x16, "SELECT ?, ?, ?")],
		[
			1,
			wire.packet(1, prepared),
			...[2, 3, 4].map((sequence) => wire.column(sequence, { name: "?", type: 253 })),
			wire.column(5, ID),
			wire.column(6, WHEN),
		],
		[0, wire.packet(0, 0x18, wire.u32(5), wire.u16(2), "long")],
		[0, wire.packet(0, 0x17, wire.u32(5), 0, wire.u32(1), values)],
		[
			1,
			wire.packet(1, 2),
			wire.column(2, ID),
			wire.column(3, WHEN),
			wire.packet(4, 0, 0, wire.u32(-1), date),
			wire.packet(5, 0, 4, date),
			wire.ok(6, { first: 0xfe }),
		],
		[0, wire.packet(0, 0x1c, wire.u32(5), wire.u32(1))],
		[1, wire.packet(1, 0, 8, wire.u32(6)), wire.ok(2, { first: 0xfe, status: 0x80 })],
		[0, wire.packet(0, 0x19, wire.u32(5))],
	]);
	t.deepEqual(h.failures, []);
	t.deepEqual(h.lines.slice(1), [
		"PREPARE SELECT ?, ?, ?→OK ok",
		"LONG DATA SELECT ?, ?, ?→ ok",
		"EXECUTE SELECT ?, ?, ?→2 rows ok",
		"FETCH SELECT ?, ?, ?→1 row ok",
		"CLOSE SELECT ?, ?, ?→ ok",
	]);
	const [, , ahead, execute, fetch] = h.exchanges;
	t.is(ahead!.request!.body.data, "long");
	t.deepEqual(execute!.request!.body.data, [["18446744073709551615", "a", { long_data_bytes: 4 }]]);
	t.deepEqual(rowsOf(execute), [
		{ id: -1, at: "2026-01-02 03:04:05" },
		{ id: null, at: "2026-01-02 03:04:05" },
	]);
	t.deepEqual(rowsOf(fetch), [{ id: 6, at: null }]);
});

test("LOCAL INFILE: the file is the request's payload, whatever its sequence numbers", (t) => {
	const content = Array.from({ length: 300 }, (_, i) => wire.packet((i + 2) & 0xff, `line ${i}\n`));
	const h = play([
		...wire.handshake(),
		[0, wire.query("LOAD DATA LOCAL INFILE 'f' INTO TABLE t")],
		[1, wire.packet(1, 0xfb, "f")],
		[0, ...content, wire.packet((300 + 2) & 0xff)],
		[1, wire.ok((300 + 3) & 0xff, { affected: 250 })],
		[0, wire.ping()],
		[1, wire.ok(1)],
	]);
	t.deepEqual(h.lines.slice(1), ["LOAD DATA LOCAL INFILE 'f' INTO TABLE t→OK ok", "PING→OK ok"]);
	const { request, response } = h.exchanges[1]!;
	t.is(request!.body.data, Array.from({ length: 300 }, (_, i) => `line ${i}\n`).join(""));
	t.is(response!.attributes["mysql.local_infile"], "f");
});

test("a statement and a row of more than 16 MiB", (t) => {
	const large = "x".repeat((16 << 20) + 100);
	const h = play(
		[
			...wire.handshake(),
			[0, wire.query(`SELECT '${large}'`)],
			[1, wire.result([NAME], [[large]], { from: 2 })],
			[0, wire.ping()],
			[1, wire.ok(1)],
		],
		{ cut: (left) => Math.min(left, 65_536), engine: { maxBodyBytes: 64 << 20 } },
	);
	t.deepEqual(h.failures, []);
	const { request, response } = h.exchanges[1]!;
	t.true(request!.body.data === `SELECT '${large}'`);
	t.is(String(request!.attributes["db.query.text"]).length, 65_536);
	t.true(request!.attributes["mysql.query_text_cut"]);
	t.is(response!.body.completeness, "complete");
	const [row] = response!.body.data as { name: string }[];
	t.true(row!.name === large);
	t.is(h.exchanges[2]!.summary.operation, "PING");
});

for (const [name, cut] of [
	["whole", whole],
	["byte by byte", byteByByte],
] as const) {
	test(`compressed from the end of the login on, ${name}`, (t) => {
		const client = wire.USUAL | wire.CAN.compress;
		const rows = wire.result(
			[ID, NAME],
			Array.from({ length: 100 }, (_, i) => [String(i), "abc"]),
		);
		const split = rows.length - 333;
		const h = play(
			[
				...wire.handshake({ client }),
				[0, wire.frame(0, wire.query("SELECT id, name FROM t"))],
				[1, wire.frame(1, rows.subarray(0, split)), wire.frame(2, rows.subarray(split))],
				[0, wire.frame(0, wire.query(`SELECT '${"y".repeat(100)}'`))],
				[1, wire.frame(1, wire.err(1, 1064, "42000", "no"))],
			],
			{ cut },
		);
		t.deepEqual(h.failures, []);
		t.deepEqual(h.lines.slice(1, 2), ["SELECT id, name FROM t→100 rows ok"]);
		t.deepEqual((rowsOf(h.exchanges[1]) as unknown[])[99], { id: 99, name: "abc" });
		t.is(h.exchanges[2]!.summary.result, "ERROR 1064");
		t.is(
			h.exchanges[1]!.response!.bytes,
			wire.frame(1, rows.subarray(0, split)).length + wire.frame(2, rows.subarray(split)).length,
		);
	});
}

test("what is not in a known compression makes it opaque, by name", (t) => {
	const client = wire.USUAL | wire.CAN.compress;
	const bad = wire.bytes(wire.u16(8), 0, 0, wire.u16(50), 0, "notzlib!");
	const h = play([...wire.handshake({ client }), [0, bad]]);
	t.is(h.exchanges.at(-1)!.annotations["polytap.opaque.reason"], "bad-compression");
});

test("SSLRequest leads to TLS", (t) => {
	const request = wire.packet(1, wire.u32(wire.USUAL | wire.CAN.ssl), wire.u32(0), 45, Buffer.alloc(23));
	const h = play([
		[1, wire.greeting()],
		[0, request, Buffer.from("\x16\x03\x01hello", "latin1")],
	]);
	t.is(h.exchanges[0]!.annotations["polytap.opaque.reason"], "handed-over:tls");
});

test("authentication: every step is named, nothing that proves an identity is kept", (t) => {
	const password = "clear-text-password";
	const h = play([
		[1, wire.greeting()],
		[0, wire.login()],
		[1, wire.packet(2, 0xfe, "caching_sha2_password\0", "salt".repeat(5), 0)],
		[0, wire.packet(3, "s".repeat(32))],
		[1, wire.packet(4, 1, 4)],
		[0, wire.packet(5, 2)],
		[1, wire.packet(6, 1, "-----BEGIN PUBLIC KEY-----")],
		[0, wire.packet(7, password)],
		[1, wire.ok(8)],
		[0, wire.ping()],
		[1, wire.ok(1)],
	]);
	const login = h.exchanges.find(({ summary }) => summary.operation === "LOGIN")!;
	t.deepEqual(login.response!.attributes["mysql.auth_steps"], [
		"switch to caching_sha2_password",
		"full",
		"public key",
	]);
	t.is(login.outcome, "ok");
	const others = h.exchanges.filter(({ summary }) => summary.operation === "AUTHENTICATION");
	t.is(others.length, 3);
	t.true(others.every(({ parentId, kind }) => parentId === login.id && kind === "message"));
	t.false(h.exchanges.map(toJson).join().includes(password));
	t.is(h.lines.at(-1), "PING→OK ok");
});

test("a refusal instead of a greeting, and a notice at the end", (t) => {
	const refused = play([[1, wire.packet(0, 0xff, wire.u16(1040), "Too many connections")]]);
	t.deepEqual(refused.lines, ["→ERROR 1040 error"]);
	const idle = play([...wire.handshake(), [1, wire.err(0, 4031, "HY000", "idle")]]);
	t.deepEqual(idle.lines, ["LOGIN→OK ok", "→ERROR 4031 error"]);
});

test("replication is opaque, by name", (t) => {
	const h = play([
		...wire.handshake(),
		[0, wire.packet(0, 0x12, Buffer.alloc(10))],
		[1, wire.packet(1, 0, "event".repeat(10))],
	]);
	t.is(h.exchanges[1]!.summary.operation, "BINLOG_DUMP");
	t.is(h.exchanges[1]!.outcome, "ok");
	t.is(h.exchanges.at(-1)!.annotations["polytap.opaque.reason"], "replication-stream");
});

test("query attributes", (t) => {
	const client = wire.USUAL | wire.CAN.queryAttributes;
	const attributes = wire.bytes(1, 1, 0, 1, 253, 0, wire.lenenc("trace"), wire.lenenc("abc"));
	const h = play([
		...wire.handshake({ client }),
		[0, wire.packet(0, 3, 0, 1, "SELECT 1")],
		[1, wire.result([ID], [["1"]])],
		[0, wire.packet(0, 3, attributes, "SELECT 2")],
		[1, wire.result([ID], [["2"]])],
	]);
	t.deepEqual(h.lines.slice(1), ["SELECT 1→1 row ok", "SELECT 2→1 row ok"]);
	t.is(h.exchanges[2]!.request!.attributes["db.query.parameter.trace"], "abc");
});

test("MariaDB: columns that the client remembers, extended types, bulk execute, progress", (t) => {
	const UUID = { name: "u", type: 254, extended: "uuid" } as const;
	const handshake = { version: "5.5.5-11.4.2-MariaDB", extended: 0x3f };
	const prepared = wire.bytes(0, wire.u32(1), wire.u16(1), wire.u16(1), 0, wire.u16(0));
	const row = wire.bytes(0, 0, wire.lenenc("abc"));
	const h = play([
		...wire.handshake(handshake),
		[0, wire.packet(0, 0x16, "SELECT u FROM t WHERE u > ?")],
		[1, wire.packet(1, prepared), wire.column(2, { name: "?", type: 253 }), wire.column(3, UUID)],
		[0, wire.packet(0, 0x17, wire.u32(1), 0, wire.u32(1), 0, 1, 253, 0, wire.lenenc("a"))],
		[1, wire.packet(1, 1, 0), wire.packet(2, row), wire.ok(3, { first: 0xfe })],
		[0, wire.packet(0, 0xfa, wire.u32(1), wire.u16(0x80), 253, 0, 0, wire.lenenc("a"), 1, 0, wire.lenenc("c"))],
		[
			1,
			wire.packet(1, 0xff, wire.u16(0xffff), 1, 1, 2, 0x10, 0x27, 0, wire.lenenc("copy")),
			wire.ok(2, { affected: 3 }),
		],
	]);
	t.deepEqual(h.failures, []);
	const [, , execute, bulk] = h.exchanges;
	t.deepEqual(rowsOf(execute), [{ u: "abc" }]);
	t.deepEqual(execute!.response!.attributes["mysql.column_types"], ["uuid"]);
	t.deepEqual(bulk!.request!.body.data, [["a"], [null], ["c"]]);
	t.is(bulk!.response!.interim[0]!.attributes["mysql.progress.percent"], 10);
	t.is(bulk!.response!.attributes["mysql.affected_rows"], 3);
});

test("rows beyond the limit are counted, not kept; memory is given back", (t) => {
	const rows = Array.from({ length: 10 }, (_, i) => [String(i)]);
	const h = play([...wire.handshake(), [0, wire.query("SELECT id FROM t")], [1, wire.result([ID], rows)]], {
		engine: { maxBodyBytes: 18 },
	});
	const { body, attributes } = h.exchanges[1]!.response!;
	t.deepEqual(body.data, [{ id: 0 }, { id: 1 }, { id: 2 }]);
	t.is(body.completeness, "truncated");
	t.is(attributes["db.response.returned_rows"], 10);
});
