/** Missing bytes, late joins, and directions that are not seen in the order in which they were spoken. */
import test from "ava";
import http1 from "../../../parsers/http1/index.js";
import { Harness } from "../../core/engine/harness.js";

const GET = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";
const GET2 = "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const WINDOW_US = 50_000;
const fresh = (): Harness => new Harness({}, [http1]).open();

/** Plays `before`, a hole of `missing` bytes, and `after` in the server's direction, answering `requests`. */
function holed(requests: string, before: string, missing: number, after: string): Harness {
	const h = fresh().bytes(0, 0, requests).bytes(1, 0, before);
	h.gap(1, before.length, missing, "missed");
	if (after !== "") h.bytes(1, before.length + missing, after);
	h.pass(WINDOW_US + 1);
	return h.close([requests.length, before.length + missing + after.length]).pass(WINDOW_US + 1);
}

const LONG = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const HOLES: readonly (readonly [
	name: string,
	before: string,
	missing: number,
	after: string,
	gaps: readonly (readonly [number, number | null])[],
	next: string,
])[] = [
	["inside a body", `${LONG}${"a".repeat(10)}`, 80, `${"b".repeat(10)}${OK}`, [[10, 90]], "200 ok"],
	["at the end of a body", `${LONG}${"a".repeat(10)}`, 90, OK, [[10, 100]], "200 ok"],
	["a whole body", LONG, 100, OK, [[0, 100]], "200 ok"],
	["inside a chunk", `${CHUNKED}64\r\naaaa`, 90, `bbbbbb\r\n0\r\n\r\n${OK}`, [[4, 94]], "200 ok"],
	["at the end of a chunk", `${CHUNKED}64\r\naaaa`, 96, `\r\n1\r\nc\r\n0\r\n\r\n${OK}`, [[4, 100]], "200 ok"],
];
for (const [name, before, missing, after, gaps, next] of HOLES) {
	test(`a hole ${name} leaves the rest as it is`, (t) => {
		const h = holed(GET + GET2, before, missing, after);
		t.deepEqual(h.failures, []);
		t.is(h.exchanges.length, 2);
		t.is(h.exchanges[0]?.response?.body.completeness, "gap");
		t.deepEqual(
			h.exchanges[0]?.response?.body.gaps.map(({ from, to }) => [from, to]),
			gaps.map((gap) => [...gap]),
		);
		t.is(h.lines[1], `GET /2→${next}`);
		t.is(h.exchanges[1]?.response?.body.data, "ok");
	});
}

test("a hole beyond the end of a body: the next message is found again", (t) => {
	const h = holed(GET + GET2, `${LONG}aaaa`, 120, `gth: 2\r\n\r\nok\r\n${OK}`);
	t.deepEqual(h.failures, []);
	t.is(h.exchanges[0]?.outcome, "partial");
	t.is(h.exchanges[0]?.response?.body.gaps.at(-1)?.to ?? null, null);
	const last = h.exchanges.at(-1);
	t.is(last?.response?.body.data, "ok");
	t.is(last?.summary.result, "200");
});

test("a hole in a chunk size is no known hole", (t) => {
	const h = holed(GET, `${CHUNKED}6`, 2, "aaaa\r\n0\r\n\r\n");
	t.is(h.exchanges[0]?.outcome, "partial");
});

test("a hole in a body that ends with the connection", (t) => {
	const h = holed(GET, "HTTP/1.1 200 OK\r\n\r\nabc", 1000, "def");
	t.is(h.lines[0], "GET /1→200 ok");
	t.is(h.exchanges[0]?.response?.body.bytes, 1006);
	t.deepEqual(
		h.exchanges[0]?.response?.body.gaps.map(({ from, to }) => [from, to]),
		[[3, 1003]],
	);
});

test("joined in the middle of a body, found at a start line", (t) => {
	const h = new Harness({}, [http1]).open(1, "server", { fromStart: false, bases: null });
	const tail = "…rest of something\r\nGET is no start line\r\nHTTP/1.1 is none either\r\n";
	h.bytes(1, 500, tail);
	h.bytes(0, 300, GET);
	h.bytes(1, 500 + Buffer.from(tail, "latin1").length, OK);
	h.pass(WINDOW_US + 1)
		.close(null)
		.pass(WINDOW_US + 1);
	t.deepEqual(h.failures, []);
	t.deepEqual(h.lines, ["GET /1→200 ok"]);
});

test("a response that is seen before its request waits for it", (t) => {
	const h = fresh().bytes(0, 0, GET).bytes(1, 0, OK);
	h.bytes(1, OK.length, OK);
	t.is(h.exchanges.length, 1);
	h.bytes(0, GET.length, GET2);
	t.deepEqual(h.lines, ["GET /1→200 ok", "GET /2→200 ok"]);
});

test("two responses in one piece before the second request", (t) => {
	const h = fresh()
		.bytes(0, 0, GET)
		.bytes(1, 0, OK + OK);
	t.deepEqual(h.lines, ["GET /1→200 ok"]);
	h.bytes(0, GET.length, GET2);
	h.pass(WINDOW_US + 1);
	h.close([GET.length + GET2.length, OK.length * 2]).pass(WINDOW_US + 1);
	t.deepEqual(h.lines, ["GET /1→200 ok", "GET /2→200 ok"]);
});

test("a response whose request never comes stands alone", (t) => {
	const h = fresh()
		.bytes(1, 0, OK)
		.pass(WINDOW_US + 1);
	h.bytes(1, OK.length, OK + OK).pass(WINDOW_US + 1);
	h.close([0, OK.length * 3]).pass(WINDOW_US + 1);
	t.deepEqual(h.lines, ["→200 partial", "→200 partial", "→200 partial"]);
});
