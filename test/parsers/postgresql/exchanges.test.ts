import test from "ava";
import { toJson } from "../../../core/index.js";
import { COPY, data as copied, formats } from "./copy.js";
import { asked, LOGIN, lines, play, SIZES, type Step } from "./play.js";
import * as wire from "./wire.js";

const hello = Buffer.from("\x16\x03\x01\x00\x05hello", "latin1");

for (const size of SIZES) {
	const name = (text: string): string => `${text}, ${size} bytes at a time`;

	test(name("S leads to TLS, even where the ClientHello is captured before it"), (t) => {
		const h = play(
			[
				[0, wire.SSL_REQUEST],
				[0, hello],
				[1, Buffer.from("S"), hello],
			],
			size,
		);
		t.deepEqual(h.failures, []);
		t.is(h.exchanges.length, 1);
		t.is(h.exchanges[0]!.annotations["polytap.opaque.reason"], "handed-over:tls");
		t.is(h.counters.bytes_opaque, 2 * hello.length);
	});

	test(name("N goes on in plain, even where the answer or the StartupMessage is captured first"), (t) => {
		const answer = [wire.columns("a"), wire.row("1"), wire.done("SELECT 1"), wire.READY];
		for (const order of [0, 1] as const) {
			const steps: Step[] = [
				[0, wire.SSL_REQUEST, wire.STARTUP],
				[1, Buffer.from("N"), wire.AUTHENTICATED, wire.READY],
			];
			if (order === 1) steps.reverse();
			const h = play([...steps, [0, wire.query("select 1")], [1, ...answer]], size);
			t.deepEqual(h.failures, []);
			t.deepEqual(lines(h), ["SELECT→SELECT 1 ok"]);
			t.deepEqual(asked(h)[0]!.response!.body.data, [{ a: "1" }]);
			const { annotations } = h.exchanges.at(-1)!;
			t.is(annotations["postgresql.user"], "alice");
			t.is(annotations["postgresql.encryption"], "tls refused");
			t.is(annotations["polytap.opaque.reason"], undefined);
		}
	});

	test(name("an answer that was flushed ends where it does, even where the Flush is captured after it"), (t) => {
		const parse = wire.parse("select 5");
		const execute = [wire.bindWith({}), wire.execute(), wire.SYNC];
		const answer = [wire.notification("news", "hi"), wire.BOUND, wire.row("5"), wire.done("SELECT 1"), wire.READY];
		const said = [
			[...LOGIN, [0, parse, wire.FLUSH], [1, wire.PARSED], [0, ...execute], [1, ...answer]],
			[...LOGIN, [0, parse], [1, wire.PARSED], [0, wire.FLUSH, ...execute], [1, ...answer]],
		] as Step[][];
		for (const steps of said) {
			const h = play(steps, size);
			t.deepEqual(h.failures, []);
			t.deepEqual(lines(h), ["PARSE SELECT→ ok", "SELECT→SELECT 1 ok"]);
			t.is(asked(h)[0]!.response!.bytes, wire.PARSED.length);
		}
	});

	test(name("a simple query: rows by column, tag, attributes"), (t) => {
		const h = play(
			[
				...LOGIN,
				[0, wire.query("SELECT id, name, id FROM shop.people WHERE x > 3")],
				[1, wire.columns("id:23", "name", "id:20"), wire.row("1", "Zoë", "9007199254740993"), wire.row("2", null, "3")],
				[1, wire.done("SELECT 2"), wire.READY],
			],
			size,
		);
		t.deepEqual(h.failures, []);
		const [exchange] = asked(h);
		t.is(exchange!.outcome, "ok");
		t.deepEqual(exchange!.request!.attributes, {
			"db.system.name": "postgresql",
			"db.namespace": "shop",
			"postgresql.request": "query",
			"db.query.text": "SELECT id, name, id FROM shop.people WHERE x > 3",
			"db.operation.name": "SELECT",
			"db.collection.name": "shop.people",
		});
		t.deepEqual(exchange!.response!.attributes, {
			"postgresql.columns": ["id", "name", "id#2"],
			"postgresql.column_types": ["int4", "text", "int8"],
			"postgresql.command_tag": "SELECT 2",
			"db.response.returned_rows": 2,
		});
		t.deepEqual(exchange!.response!.body.data, [
			{ id: 1, name: "Zoë", "id#2": "9007199254740993" },
			{ id: 2, name: null, "id#2": 3 },
		]);
		t.is(exchange!.response!.body.completeness, "complete");
		t.true(exchange!.id.endsWith("00000000"));
	});

	test(name("several statements in one query are parts of one response, an error ends them"), (t) => {
		const h = play(
			[
				...LOGIN,
				[0, wire.query("select 1; insert into t values (';'); select 2")],
				[1, wire.columns("a"), wire.row("1"), wire.done("SELECT 1"), wire.done("INSERT 0 1")],
				[1, wire.notification("news", "hi"), wire.notice("careful"), wire.error("42703"), wire.READY],
			],
			size,
		);
		t.deepEqual(lines(h), ["BATCH→ERROR 42703 error"]);
		const { response } = asked(h)[0]!;
		t.deepEqual(
			response!.messages!.map(({ data, attributes }) => [data, attributes["postgresql.command_tag"]]),
			[
				[[{ a: "1" }], "SELECT 1"],
				["", "INSERT 0 1"],
			].map(([data, tag]) => [data, tag]),
		);
		t.is(response!.attributes["db.response.status_code"], "42703");
		t.is(response!.interim[0]!.attributes["postgresql.message"], "careful");
		const message = h.exchanges.find(({ kind }) => kind === "message")!;
		t.is(message.response!.attributes["messaging.destination.name"], "news");
		t.is(message.response!.body.data, "hi");
	});

	test(name("each Execute of a pipeline is an exchange; what follows an error is aborted up to the Sync"), (t) => {
		const ask = (sql: string): Buffer =>
			Buffer.concat([wire.parseNamed("", sql), wire.bindWith({}), wire.describe("P"), wire.execute()]);
		const h = play(
			[
				...LOGIN,
				[0, ask("select 1"), ask("delete from a"), ask("update b set x = 1"), wire.SYNC, ask("select 4"), wire.SYNC],
				[1, wire.PARSED, wire.BOUND, wire.columns("x:23"), wire.row("1"), wire.row("2"), wire.done("SELECT 2")],
				[1, wire.PARSED, wire.error("23503", "still referenced"), wire.READY],
				[1, wire.PARSED, wire.BOUND, wire.columns("x:23"), wire.row("4"), wire.done("SELECT 1"), wire.READY],
			],
			size,
		);
		t.deepEqual(h.failures, []);
		t.deepEqual(lines(h), [
			"SELECT→SELECT 2 ok",
			"UPDATE b→ aborted",
			"DELETE a→ERROR 23503 error",
			"SELECT→SELECT 1 ok",
		]);
		t.deepEqual(asked(h)[0]!.response!.body.data, [{ x: 1 }, { x: 2 }]);
		t.is(asked(h)[1]!.response, null);
	});

	test(name("a statement is prepared once, described once, bound with values and executed in portions"), (t) => {
		const h = play(
			[
				...LOGIN,
				[0, wire.parseNamed("s1", "select $1, $2::text", 23), wire.describe("S", "s1"), wire.SYNC],
				[1, wire.PARSED, wire.parameterTypes(23, 25), wire.columns("n:23", "s:25"), wire.READY],
				[
					0,
					wire.bindWith({
						statement: "s1",
						formats: [1, 0],
						values: [wire.int32(-7), null],
						results: [1],
						portal: "p",
					}),
					wire.execute("p", 1),
					wire.SYNC,
				],
				[1, wire.BOUND, wire.row(wire.int32(5), "five"), wire.SUSPENDED, wire.READY],
				[0, wire.execute("p", 9), wire.SYNC],
				[1, wire.row(wire.int32(6), "six"), wire.done("SELECT 1"), wire.READY],
			],
			size,
		);
		t.deepEqual(h.failures, []);
		t.deepEqual(lines(h), ["PARSE SELECT→ ok", "SELECT→PORTAL SUSPENDED ok", "SELECT→SELECT 1 ok"]);
		const [prepared, first, second] = asked(h);
		t.is(prepared!.request!.attributes["postgresql.request"], "parse");
		t.deepEqual(prepared!.response!.attributes["postgresql.columns"], ["n", "s"]);
		t.deepEqual(first!.request!.body.data, [-7, null]);
		t.is(first!.request!.attributes["db.query.text"], "select $1, $2::text");
		t.is(first!.request!.attributes["postgresql.max_rows"], 1);
		t.deepEqual(first!.response!.body.data, [{ n: 5, s: "five" }]);
		t.true(first!.response!.attributes["postgresql.portal_suspended"]);
		t.deepEqual(second!.response!.body.data, [{ n: 6, s: "six" }]);
	});

	test(name("COPY goes both ways, and the next query is answered by its own answer"), (t) => {
		const h = play([...LOGIN, ...COPY], size);
		t.deepEqual(h.failures, []);
		t.deepEqual(lines(h), ["COPY t→COPY 2 ok", "COPY t→COPY 2 ok", "COPY t→ERROR 57014 error", "SELECT→SELECT 1 ok"]);
		const [into, outOf, failed] = asked(h);
		t.is(into!.request!.body.data, "1\tone\n2\ttwo\n");
		t.is(outOf!.response!.body.data, "1\tone\n2\ttwo\n");
		t.is(outOf!.response!.attributes["postgresql.copy_format"], "text");
		t.is(failed!.request!.body.data, "3\tthree\n");
		t.true(failed!.flags.includes("copy-fail"));
	});

	test(name("passwords, challenges and keys are counted and never recorded"), (t) => {
		const h = play(
			[
				[0, wire.STARTUP],
				[1, wire.message("R", wire.int32(10), "SCRAM-SHA-256", "")],
				[0, wire.message("p", "SCRAM-SHA-256", "hunter2")],
				[1, wire.message("R", wire.int32(11), Buffer.from("hunter3"))],
				[0, wire.message("p", Buffer.from("hunter4"))],
				[1, wire.message("R", wire.int32(12), Buffer.from("hunter5")), wire.AUTHENTICATED],
				[1, wire.status("TimeZone", "UTC"), wire.message("K", wire.int32(77), Buffer.from("hunt")), wire.READY],
			],
			size,
		);
		t.deepEqual(h.failures, []);
		const login = h.exchanges[0]!;
		t.is(`${login.summary.operation}→${login.summary.result} ${login.outcome}`, "STARTUP→READY ok");
		t.is(login.response!.attributes["postgresql.authentication"], "scram-sha-256");
		t.deepEqual(login.request!.headers, [
			["user", "alice"],
			["database", "shop"],
		]);
		t.is(login.request!.body.captured, 0);
		t.is(login.request!.body.bytes, 29);
		t.true(login.request!.body.gaps.every(({ cause }) => cause === "redacted"));
		const { annotations } = h.exchanges.at(-1)!;
		t.is(annotations["postgresql.backend_pid"], 77);
		t.is(annotations["postgresql.parameter.TimeZone"], "UTC");
		t.false(h.exchanges.map(toJson).join().includes("hunt"));
	});

	test(name("a refused login, an error at commit, an error that answers nothing"), (t) => {
		const refused = play(
			[
				[0, wire.STARTUP],
				[1, wire.error("28P01", "password authentication failed")],
			],
			size,
		);
		t.is(refused.exchanges[0]!.outcome, "error");
		t.is(refused.exchanges[0]!.response!.attributes["db.response.status_code"], "28P01");
		const h = play(
			[
				...LOGIN,
				[0, wire.parse("insert into t values (1)"), wire.bindWith({}), wire.execute(), wire.SYNC],
				[1, wire.PARSED, wire.BOUND, wire.done("INSERT 0 1"), wire.error("23505"), wire.READY],
				[1, wire.error("57P01")],
			],
			size,
		);
		t.deepEqual(lines(h), ["INSERT t→ERROR 23505 error"]);
		const gone = h.exchanges.find(({ kind }) => kind === "message")!;
		t.is(gone.response!.attributes["db.response.status_code"], "57P01");
	});
}

test("whether data of a COPY was asked for does not depend on which direction was captured first", (t) => {
	const question = [wire.parse("COPY t FROM STDIN"), wire.bindWith({}), wire.execute()];
	const ask: Step = [0, ...question, wire.SYNC];
	const data: Step = [0, copied("3\tthree\n"), wire.message("c"), wire.SYNC, wire.query("select 1")];
	const one = [wire.columns("a"), wire.row("1"), wire.done("SELECT 1"), wire.READY];
	const answers: readonly (readonly [Step, number, string])[] = [
		[[1, wire.PARSED, wire.BOUND, formats("G"), wire.done("COPY 1"), wire.READY], 8, "COPY 1"],
		[[1, wire.PARSED, wire.BOUND, wire.done("COPY 0"), wire.READY], 0, "COPY 0"],
		[[1, wire.PARSED, wire.error("42501"), wire.READY], 0, "ERROR 42501"],
	];
	for (const [answer, bytes, result] of answers) {
		// who waits for no data reads the Sync behind it as one of its own
		const next: Step = bytes === 0 ? [1, wire.READY, ...one] : [1, ...one];
		const orders = [
			[ask, answer, data, next],
			[ask, data, answer, next],
			[answer, ask, data, next],
			[answer, next, ask, data],
		];
		const told = orders.map((order) =>
			asked(play([...LOGIN, ...order])).map(({ summary, request }) => [
				summary.operation,
				summary.result,
				request?.body.bytes,
				request?.bytes,
			]),
		);
		const whole = Buffer.concat(question).length;
		const [first] = told;
		t.deepEqual(first?.[0]?.slice(0, 3), ["COPY t", result, bytes]);
		if (bytes === 0) t.is(first?.[0]?.[3], whole);
		t.is(first?.length, 2);
		for (const other of told) t.deepEqual(other, first);
	}
});

test("a cancel request is one message without its key; replication, GSSAPI and other versions are opaque by name", (t) => {
	const cancel = Buffer.concat([wire.int32(16), wire.int32(80877102), wire.int32(77), Buffer.from("hunt")]);
	const h = play([[0, cancel]]);
	t.is(h.exchanges[0]!.kind, "message");
	t.is(h.exchanges[0]!.request!.attributes["postgresql.backend_pid"], 77);
	t.false(h.exchanges.map(toJson).join().includes("hunt"));
	const reasons = [
		play([...LOGIN, [0, wire.query("START_REPLICATION 0/0")], [1, wire.message("W", Buffer.from([0]), 0)]]),
		play([
			[0, Buffer.concat([wire.int32(8), wire.int32(80877104)])],
			[1, Buffer.from("G")],
		]),
		play([...LOGIN, [0, Buffer.from("GET / HTTP/1.1\r\n\r\n")]]),
	].map((each) => each.exchanges.at(-1)!.annotations["polytap.opaque.reason"]);
	t.deepEqual(reasons, ["replication", "gssapi-encryption", "bad-message"]);
});

test("rows beyond the limit are counted, not kept; memory is given back", (t) => {
	const rows = Array.from({ length: 10 }, (_, i) => wire.row(String(i)));
	const { length } = rows[0]!;
	const h = play(
		[...LOGIN, [0, wire.query("select i from t")], [1, wire.columns("i"), ...rows, wire.done("SELECT 10"), wire.READY]],
		1000,
		{ maxBodyBytes: 3 * length + 2 },
	);
	const { body, attributes } = asked(h)[0]!.response!;
	t.deepEqual(body.data, [{ i: "0" }, { i: "1" }, { i: "2" }]);
	t.is(attributes["db.response.returned_rows"], 10);
	t.is(body.bytes, 10 * length);
	t.is(body.completeness, "truncated");
	t.deepEqual(body.gaps, [{ from: 3 * length, to: 10 * length, cause: "limit" }]);
	t.true(h.counters.bytes_held! > 0);
	(asked(h)[0] as unknown as { release(): void }).release();
	t.is(h.counters.bytes_held, 0);
});

test("texts, parameters and rows longer than any buffer stream through", (t) => {
	const long = `insert into t values ('${"x".repeat(3 << 20)}')`;
	const value = Buffer.alloc(2 << 20, 0x79);
	const h = play(
		[
			...LOGIN,
			[0, wire.query(long)],
			[1, wire.done("INSERT 0 1"), wire.READY],
			[
				0,
				wire.parse("select $1"),
				wire.bindWith({ values: ["a", value, null], results: [0] }),
				wire.execute(),
				wire.SYNC,
			],
			[1, wire.PARSED, wire.BOUND, wire.row(value, "end"), wire.done("SELECT 1"), wire.READY],
			[0, wire.parse(`select '${"z".repeat(1 << 20)}'`), wire.bindWith({}), wire.execute(), wire.SYNC],
			[1, wire.PARSED, wire.BOUND, wire.row("z"), wire.done("SELECT 1"), wire.READY],
		],
		65_536,
		{ maxBodyBytes: 8 << 20 },
	);
	t.deepEqual(h.failures, []);
	t.deepEqual(
		asked(h).map(({ outcome }) => outcome),
		["ok", "ok", "ok"],
	);
	const [first, second, third] = asked(h);
	t.true(first!.flags.includes("query-text-cut"));
	t.is(first!.request!.messages![0]!.data, long);
	t.is(String(first!.request!.attributes["db.query.text"]), long.slice(0, 65_536));
	t.deepEqual(second!.request!.body.data, ["a", value.toString(), null]);
	t.deepEqual(second!.response!.body.data, [[value.toString(), "end"]]);
	t.is(String(third!.request!.messages![0]!.data).length, (1 << 20) + 9);
	t.is(h.exchanges.at(-1)!.annotations["polytap.opaque.reason"], undefined);
});
