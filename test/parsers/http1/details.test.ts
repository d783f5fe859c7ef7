/** What an exchange says about its messages. */
import test from "ava";
import type { Exchange } from "../../../core/index.js";
import { byteByByte, play, type Step, whole } from "./play.js";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

function theOnly(steps: readonly Step[]): Exchange {
	const [first] = play(steps, whole).exchanges;
	if (first === undefined) throw new Error("no exchange");
	return first;
}

const request = (head: string): Record<string, unknown> => ({
	...theOnly([
		[0, `${head}\r\n\r\n`],
		[1, OK],
	]).request?.attributes,
});

test("attributes of each form of the target", (t) => {
	const rest = { "network.protocol.version": "1.1" };
	t.deepEqual(request("GET /a HTTP/1.1"), { "http.request.method": "GET", "url.path": "/a", ...rest });
	t.like(request("GET /a?b=c&d HTTP/1.0"), {
		"url.path": "/a",
		"url.query": "b=c&d",
		"network.protocol.version": "1.0",
	});
	t.like(request("GET http://h/p?q HTTP/1.1"), { "url.full": "http://h/p?q", "url.path": "/p", "url.query": "q" });
	t.like(request("GET http://h HTTP/1.1"), { "url.full": "http://h", "url.path": "/" });
	t.like(request("OPTIONS * HTTP/1.1"), { "http.request.method": "OPTIONS", "url.path": "*" });
});

test("attributes of a response", (t) => {
	const { response } = theOnly([
		[0, "GET / HTTP/1.1\r\n\r\n"],
		[1, "HTTP/1.0 404 No\r\nContent-Length: 0\r\n\r\n"],
	]);
	t.deepEqual({ ...response?.attributes }, { "http.response.status_code": 404, "network.protocol.version": "1.0" });
});

test("headers: as they came, latin-1, folded lines joined, blanks around values gone", (t) => {
	const { headers } = theOnly([
		[
			0,
			"GET / HTTP/1.1\r\nHOST:a\r\nx-Two: \t b  c \t\r\nX-Two:\r\nX-Fold: one\r\n \t two\r\nX-Latin: \xe9\xff\r\n\r\n",
		],
		[1, OK],
	]).request!;
	t.deepEqual(
		headers.map((pair) => [...pair]),
		[
			["HOST", "a"],
			["x-Two", "b  c"],
			["X-Two", ""],
			["X-Fold", "one two"],
			["X-Latin", "\xe9\xff"],
		],
	);
});

test("interim responses and trailers", (t) => {
	const { response } = theOnly([
		[0, "GET / HTTP/1.1\r\n\r\n"],
		[
			1,
			"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-T: 1\r\n\r\n",
		],
	]);
	t.is(response?.interim.length, 1);
	t.is(response?.interim[0]?.attributes["http.response.status_code"], 103);
	t.deepEqual(
		response?.interim[0]?.headers.map((pair) => [...pair]),
		[["Link", "x"]],
	);
	t.deepEqual(
		response?.trailers.map((pair) => [...pair]),
		[["X-T", "1"]],
	);
	t.is(response?.attributes["http.response.status_code"], 200);
});

test("content codings, transfer codings after them", async (t) => {
	const { gzipSync } = await import("node:zlib");
	const zipped = gzipSync("plain text").toString("latin1");
	const chunk = `${zipped.length.toString(16)}\r\n${zipped}\r\n0\r\n\r\n`;
	for (const fields of [
		`Content-Encoding: gzip\r\nContent-Length: ${zipped.length}\r\n\r\n${zipped}`,
		`Content-Encoding: identity\r\nTransfer-Encoding: gzip, chunked\r\n\r\n${chunk}`,
	]) {
		const { response } = theOnly([
			[0, "GET / HTTP/1.1\r\n\r\n"],
			[1, `HTTP/1.1 200 OK\r\n${fields}`],
		]);
		t.is(response?.body.data, "plain text");
		t.is(response?.body.decodedFrom, "gzip");
	}
});

test("bytes of a message count its framing", (t) => {
	const head = "GET / HTTP/1.1\r\n\r\n";
	const answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
	const { request: asked, response } = theOnly([
		[0, head],
		[1, answer],
	]);
	t.is(asked?.bytes, head.length);
	t.is(response?.bytes, answer.length);
});

const SHAPES: readonly (readonly [name: string, fields: string, flagged: boolean])[] = [
	["nothing odd", "Content-Length: 0\r\n", false],
	["both lengths", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", true],
	["differing lengths", "Content-Length: 0\r\nContent-Length: 1\r\n", true],
	["differing lengths in one line", "Content-Length: 0, 1\r\n", true],
	["a length that is no number", "Content-Length: +5\r\n", true],
	["chunked is not last", "Transfer-Encoding: chunked, gzip\r\n", true],
	["an unknown coding", "Transfer-Encoding: xchunked\r\n", true],
	["chunked alone", "Transfer-Encoding: chunked\r\n", false],
	["white space before a colon", "X-A : b\r\n", true],
	["white space elsewhere", "X-A:  b \r\n", false],
];

for (const [name, fields, flagged] of SHAPES) {
	test(`request-smuggling-shape: ${name}`, (t) => {
		const { exchanges } = play(
			[
				[0, `POST / HTTP/1.1\r\n${fields}\r\n0\r\n\r\n`],
				[1, OK],
			],
			whole,
		);
		t.is(exchanges[0]?.flags.includes("request-smuggling-shape"), flagged);
	});
}

// a head that comes in one piece is not measured yet
test("a head over 64 KiB makes the connection opaque", (t) => {
	const long = `GET / HTTP/1.1\r\nX: ${"x".repeat(66_000)}\r\n\r\n`;
	const { lines, counters } = play(
		[
			[0, "GET / HTTP/1.1\r\n\r\n"],
			[1, OK],
			[0, long],
		],
		whole,
	);
	t.is(lines[0], "GET /→200 ok");
	t.is(counters.connections_opaque, 1);
	const fits = `GET /fits HTTP/1.1\r\nX: ${"x".repeat(65_000)}\r\n\r\n`;
	t.deepEqual(
		play(
			[
				[0, fits],
				[1, OK],
			],
			(left) => Math.min(left, 700),
		).lines,
		["GET /fits→200 ok"],
	);
});

test("more than 1000 headers make the connection opaque, 1000 do not", (t) => {
	const of = (count: number): string => `GET / HTTP/1.1\r\n${"A: b\r\n".repeat(count)}\r\n`;
	t.deepEqual(
		play(
			[
				[0, of(1000)],
				[1, OK],
			],
			whole,
		).lines,
		["GET /→200 ok"],
	);
	t.notDeepEqual(
		play(
			[
				[0, of(1001)],
				[1, OK],
			],
			whole,
		).lines,
		["GET /→200 ok"],
	);
});

test("a trickled head costs time in proportion to its length", (t) => {
	const trickled = (bytes: number): number => {
		const before = process.cpuUsage().user;
		play(
			[
				[0, `GET / HTTP/1.1\r\nX: ${"x".repeat(bytes)}\r\n\r\n`],
				[1, OK],
			],
			byteByByte,
		);
		return process.cpuUsage().user - before;
	};
	trickled(10_000);
	const short = Math.min(trickled(5_000), trickled(5_000));
	const long = Math.min(trickled(60_000), trickled(60_000));
	t.true(long < short * 60 + 200_000, `${short} µs, then ${long} µs for twelve times as much`);
});
