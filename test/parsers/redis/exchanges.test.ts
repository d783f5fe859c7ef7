import test from "ava";
import { byteByByte, randomCuts, type Step, whole } from "../http1/play.js";
import { ask, bulk, command, lines, talk, tell } from "./talk.js";

interface Case {
	readonly name: string;
	readonly steps: readonly Step[];
	readonly lines: readonly string[];
	/** Request and response bodies of each. */
	readonly bodies?: readonly (readonly [unknown, unknown])[];
}

const cases: readonly Case[] = [
	{
		name: "strings, numbers, nulls, errors of RESP2",
		steps: [
			ask("SET", "k", "v"),
			tell("+OK\r\n"),
			ask("get", "k"),
			tell("$1\r\nv\r\n"),
			ask("GET", "none"),
			tell("$-1\r\n"),
			ask("INCR", "k"),
			tell("-ERR value is not an integer or out of range\r\n"),
			ask("LPUSH", "k", "a"),
			tell("-WRONGTYPE Operation against a key\r\n"),
			ask("INCR", "n"),
			tell(":9223372036854775807\r\n"),
			ask("BLPOP", "l", "1"),
			tell("*-1\r\n"),
			ask("LRANGE", "l", "0", "-1"),
			tell("*3\r\n$1\r\na\r\n$-1\r\n$0\r\n\r\n"),
			ask("KEYS", "*"),
			tell("*0\r\n"),
		],
		lines: [
			"SET k ? → OK ok",
			"GET k → 1 bytes ok",
			"GET none → null ok",
			"INCR k → ERR error",
			"LPUSH k ? → WRONGTYPE error",
			"INCR n → 9223372036854775807 ok",
			"BLPOP l 1 → null ok",
			"LRANGE l 0 -1 → 3 values ok",
			"KEYS * → 0 values ok",
		],
		bodies: [
			[["SET", "k", "v"], "OK"],
			[["get", "k"], "v"],
			[["GET", "none"], [null]],
			[["INCR", "k"], "ERR value is not an integer or out of range"],
			[["LPUSH", "k", "a"], "WRONGTYPE Operation against a key"],
			[["INCR", "n"], [{ $integer: "9223372036854775807" }]],
			[["BLPOP", "l", "1"], [null]],
			[
				["LRANGE", "l", "0", "-1"],
				["a", null, ""],
			],
			[["KEYS", "*"], []],
		],
	},
	{
		name: "every type of RESP3",
		steps: [
			ask("HGETALL", "h"),
			tell("%2\r\n$1\r\na\r\n:1\r\n+b\r\n*2\r\n_\r\n#t\r\n"),
			ask("SMEMBERS", "s"),
			tell("~2\r\n,1.5\r\n,inf\r\n"),
			ask("PING"),
			tell("(3492890328409238509324850943850943825024385\r\n"),
			ask("INFO"),
			tell("=15\r\ntxt:Some string\r\n"),
			ask("PING"),
			tell("!21\r\nSYNTAX invalid syntax\r\n"),
			ask("GET", "x"),
			tell("_\r\n"),
			ask("COMMAND"),
			tell("#f\r\n"),
			ask("LRANGE", "l", "0", "1"),
			tell("|1\r\n+ttl\r\n:3600\r\n*2\r\n%1\r\n+k\r\n+v\r\n|1\r\n+p\r\n,0.5\r\n:7\r\n"),
			ask("KEYS", "x"),
			tell("*?\r\n:1\r\n*?\r\n+in\r\n.\r\n%?\r\n+a\r\n:2\r\n.\r\n.\r\n"),
			ask("GET", "s"),
			tell("$?\r\n;4\r\nHell\r\n;5\r\no wor\r\n;2\r\nld\r\n;0\r\n"),
			ask("SCAN", "0"),
			tell("*1\r\n$?\r\n;3\r\nabc\r\n;0\r\n"),
		],
		lines: [
			"HGETALL h → 2 values ok",
			"SMEMBERS s → 2 values ok",
			"PING → value ok",
			"INFO → 15 bytes ok",
			"PING → SYNTAX error",
			"GET x → null ok",
			"COMMAND → value ok",
			"LRANGE l 0 1 → 2 values ok",
			"KEYS x → streamed ok",
			"GET s → streamed ok",
			"SCAN 0 → 1 values ok",
		],
		bodies: [
			[
				["HGETALL", "h"],
				[
					["a", 1],
					["b", [null, true]],
				],
			],
			[
				["SMEMBERS", "s"],
				[1.5, { $double: "inf" }],
			],
			[["PING"], [{ $integer: "3492890328409238509324850943850943825024385" }]],
			[["INFO"], "Some string"],
			[["PING"], "SYNTAX invalid syntax"],
			[["GET", "x"], [null]],
			[["COMMAND"], [false]],
			[
				["LRANGE", "l", "0", "1"],
				[{ k: "v" }, { $attributes: { p: 0.5 }, value: 7 }],
			],
			[
				["KEYS", "x"],
				[1, ["in"], { a: 2 }],
			],
			[["GET", "s"], "Hello world"],
			[["SCAN", "0"], ["abc"]],
		],
	},
	{
		name: "pipelining",
		steps: [
			[0, command("SET", "a", "1") + command("SET", "b", "2") + command("GET", "a")],
			[1, "+OK\r\n+OK\r\n$1\r\n1\r\n"],
		],
		lines: ["SET a ? → OK ok", "SET b ? → OK ok", "GET a → 1 bytes ok"],
	},
	{
		name: "inline commands, empty ones, empty lines",
		steps: [
			[0, "PING\r\n"],
			[1, "+PONG\r\n"],
			[0, '\r\n*0\r\nSET k "a \\x41\\n"\n'],
			[1, "+OK\r\n"],
		],
		lines: ["PING → PONG ok", "SET k ? → OK ok"],
		bodies: [
			[["PING"], "PONG"],
			[["SET", "k", "a A\n"], "OK"],
		],
	},
	{
		name: "binary keys and values",
		steps: [
			ask("SET", "k\xff\x00", "\xfe"),
			tell("+OK\r\n"),
			ask("MGET", "\xc3\xa9"),
			tell("*1\r\n$2\r\n\xc3\xa9\r\n"),
		],
		lines: ['SET "k\\xff\\x00" ? → OK ok', 'MGET "\\xc3\\xa9" → 1 values ok'],
		bodies: [
			[["SET", { $base64: "a/8A" }, { $base64: "/g==" }], "OK"],
			[["MGET", "é"], ["é"]],
		],
	},
	{
		name: "CLIENT REPLY OFF and SKIP: one-way commands are messages",
		steps: [
			ask("CLIENT", "REPLY", "SKIP"),
			ask("SET", "a", "1"),
			ask("GET", "a"),
			tell("$1\r\n1\r\n"),
			ask("CLIENT", "REPLY", "OFF"),
			ask("SET", "b", "1"),
			ask("CLIENT", "REPLY", "ON"),
			tell("+OK\r\n"),
			ask("GET", "b"),
			tell("$1\r\n1\r\n"),
		],
		lines: [
			"message CLIENT REPLY SKIP →  ok",
			"message SET a ? →  ok",
			"GET a → 1 bytes ok",
			"message CLIENT REPLY OFF →  ok",
			"message SET b ? →  ok",
			"CLIENT REPLY ON → OK ok",
			"GET b → 1 bytes ok",
		],
	},
	{
		name: "pub/sub in RESP2",
		steps: [
			ask("SUBSCRIBE", "a", "b"),
			tell(`*3\r\n${bulk("subscribe")}${bulk("a")}:1\r\n*3\r\n${bulk("subscribe")}${bulk("b")}:2\r\n`),
			tell(`*3\r\n${bulk("message")}${bulk("a")}${bulk("hello")}`),
			ask("PSUBSCRIBE", "p*"),
			tell(`*3\r\n${bulk("psubscribe")}${bulk("p*")}:3\r\n`),
			tell(`*4\r\n${bulk("pmessage")}${bulk("p*")}${bulk("p1")}${bulk("")}`),
			ask("PING"),
			tell(`*3\r\n${bulk("message")}${bulk("b")}${bulk("\xff")}*2\r\n${bulk("pong")}${bulk("")}`),
			ask("UNSUBSCRIBE"),
			tell(`*3\r\n${bulk("unsubscribe")}${bulk("a")}:2\r\n*3\r\n${bulk("unsubscribe")}${bulk("b")}:1\r\n`),
			ask("PUNSUBSCRIBE"),
			tell(`*3\r\n${bulk("punsubscribe")}${bulk("p*")}:0\r\n`),
			ask("LRANGE", "l", "0", "2"),
			tell(`*3\r\n${bulk("message")}${bulk("x")}${bulk("y")}`),
		],
		lines: [
			"SUBSCRIBE a b → subscribe ok",
			"message  → message a ok",
			"PSUBSCRIBE p* → psubscribe ok",
			"message  → pmessage p1 ok",
			"message  → message b ok",
			"PING → 2 values ok",
			"UNSUBSCRIBE → unsubscribe ok",
			"PUNSUBSCRIBE → punsubscribe ok",
			"LRANGE l 0 2 → 3 values ok",
		],
	},
	{
		name: "pub/sub, sharded too, and invalidations in RESP3, beside other replies",
		steps: [
			ask("SUBSCRIBE", "a"),
			tell(`>3\r\n${bulk("subscribe")}${bulk("a")}:1\r\n`),
			ask("SSUBSCRIBE", "s"),
			tell(`>3\r\n${bulk("ssubscribe")}${bulk("s")}:1\r\n`),
			ask("GET", "k"),
			tell(`>3\r\n${bulk("message")}${bulk("a")}${bulk("m")}`),
			tell(`>2\r\n${bulk("invalidate")}*1\r\n${bulk("k")}`),
			tell("$1\r\nv\r\n"),
			tell(`>3\r\n${bulk("smessage")}${bulk("s")}${bulk("m")}>2\r\n${bulk("invalidate")}_\r\n`),
			tell(`>3\r\n${bulk("sunsubscribe")}${bulk("s")}:0\r\n`),
		],
		lines: [
			"SUBSCRIBE a → subscribe ok",
			"SSUBSCRIBE s → ssubscribe ok",
			"message  → message a ok",
			"message  → invalidate ok",
			"GET k → 1 bytes ok",
			"message  → smessage s ok",
			"message  → invalidate ok",
			"message  → sunsubscribe ok",
		],
	},
	{
		name: "MONITOR",
		steps: [
			ask("MONITOR"),
			tell("+OK\r\n"),
			tell('+1339518083.107412 [3 127.0.0.1:60866] "set" "k y" "\\xff\\"q"\r\n'),
			tell('+1339518083.107413 [0 lua] "AUTH" "u" "geheim"\r\n'),
		],
		lines: ["MONITOR → OK ok", 'message  → monitor SET "k y" ? ok', "message  → monitor AUTH ? ? ok"],
	},
	{
		name: "a transaction",
		steps: [
			[0, command("MULTI") + command("INCR", "a") + command("LPUSH", "l", "x")],
			ask("EXEC"),
			tell("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n-WRONGTYPE no\r\n"),
			ask("MULTI"),
			tell("+OK\r\n"),
			ask("EXEC"),
			tell("*-1\r\n"),
		],
		lines: [
			"MULTI → OK ok",
			"INCR a → QUEUED ok",
			"LPUSH l ? → QUEUED ok",
			"EXEC → 2 values ok",
			"MULTI → OK ok",
			"EXEC → null ok",
		],
		bodies: [
			[["MULTI"], "OK"],
			[["INCR", "a"], "QUEUED"],
			[["LPUSH", "l", "x"], "QUEUED"],
			[["EXEC"], [1, { $error: "WRONGTYPE no" }]],
			[["MULTI"], "OK"],
			[["EXEC"], [null]],
		],
	},
];

for (const { name, steps, lines: expected, bodies } of cases)
	for (const [how, cut] of [
		["whole", whole],
		["byte by byte", byteByByte],
		["in pieces", randomCuts(7)],
	] as const)
		test(`${name}, ${how}`, (t) => {
			const h = talk(steps, cut);
			t.deepEqual(h.failures, []);
			t.deepEqual(lines(h.exchanges), expected);
			if (bodies === undefined) return;
			t.deepEqual(
				h.exchanges.map(({ request, response }) => [request?.body.data, response?.body.data]),
				bodies.map((pair) => [...pair]),
			);
			for (const { request, response } of h.exchanges) {
				t.is(request?.body.completeness, "complete");
				t.is(response?.body.completeness, "complete");
			}
		});

test("what belongs to a transaction refers to its MULTI, and EXEC tells what it ran", (t) => {
	const h = talk(cases.find(({ name }) => name === "a transaction")!.steps, whole);
	const [multi, incr, push, exec, other, aborted] = h.exchanges;
	t.deepEqual(
		[multi, incr, push, exec].map((x) => x!.parentId),
		[null, multi!.id, multi!.id, multi!.id],
	);
	t.is(aborted!.parentId, other!.id);
	t.deepEqual(exec!.request!.attributes["redis.transaction.commands"], ["INCR a", "LPUSH l ?"]);
	t.is(exec!.request!.attributes["db.operation.batch.size"], 2);
	t.true(aborted!.response!.attributes["redis.transaction.aborted"]);
});

test("attributes; the database follows SELECT and is not guessed while its reply is out", (t) => {
	const h = talk(
		[
			ask("GET", "a"),
			tell("$-1\r\n"),
			[0, command("SELECT", "5") + command("GET", "b")],
			tell("+OK\r\n$-1\r\n"),
			ask("GET", "c"),
			tell("-NOPERM no\r\n"),
		],
		whole,
	);
	t.deepEqual(
		h.exchanges.map(({ request }) => request!.attributes["db.namespace"]),
		["0", undefined, undefined, "5"],
	);
	t.like(h.exchanges[0]!.request!.attributes, {
		"db.system.name": "redis",
		"db.operation.name": "GET",
		"db.query.text": "GET a",
	});
	t.deepEqual(h.exchanges[3]!.response!.attributes, {
		"redis.reply.type": "simple_error",
		"db.response.status_code": "NOPERM",
	});
});

test("messages: channel, pattern, payload", (t) => {
	const h = talk(cases.find(({ name }) => name === "pub/sub in RESP2")!.steps, byteByByte);
	const messages = h.exchanges.filter(({ kind }) => kind === "message").map(({ response }) => response!);
	t.deepEqual(
		messages.map(({ attributes, body }) => [attributes["messaging.destination.name"], body.data, body.encoding]),
		[
			["a", "hello", "utf8"],
			["p1", "", "utf8"],
			["b", "/w==", "base64"],
		],
	);
	t.is(messages[1]!.attributes["redis.pubsub.pattern"], "p*");
	t.deepEqual(h.exchanges[0]!.response!.body.data, [
		["subscribe", "a", 1],
		["subscribe", "b", 2],
	]);
});

test("replication is opaque, and what was before it is not", (t) => {
	const h = talk(
		[
			ask("PING"),
			tell("+PONG\r\n"),
			ask("PSYNC", "?", "-1"),
			tell("\n+FULLRESYNC 0123 0\r\n"),
			tell("$5\r\nREDIS*1\r\n"),
		],
		byteByByte,
	);
	t.deepEqual(lines(h.exchanges), ["PING → PONG ok", "PSYNC ? -1 → FULLRESYNC 0123 0 ok"]);
	t.is(h.exchanges.at(-1)!.annotations["polytap.opaque.reason"], "replication");
});

test("a value of several MiB passes without being held, both ways", (t) => {
	const value = "0123456789abcdef".repeat(1 << 18);
	const h = talk(
		[ask("SET", "big", value), tell("+OK\r\n"), ask("MGET", "big"), tell(`*1\r\n${bulk(value)}`)],
		(left) => Math.min(left, 16_384),
	);
	t.deepEqual(lines(h.exchanges), ["SET big ? → OK ok", "MGET big → 1 values ok"]);
	const [set, get] = h.exchanges;
	t.is(set!.request!.body.bytes, value.length + command("SET", "big", value).length - value.length - 4);
	t.is(set!.request!.body.completeness, "truncated");
	t.deepEqual(set!.request!.body.data, ["SET", "big"]);
	t.is(get!.response!.body.completeness, "truncated");
});
