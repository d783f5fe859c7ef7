import test from "ava";
import { byteByByte, randomCuts, whole } from "../http1/play.js";
import { cases } from "./cases.js";
import { ask, bulk, command, lines, talk, tell } from "./talk.js";

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
