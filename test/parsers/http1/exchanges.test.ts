/** What exchanges come out of which bytes; every script whole, byte by byte, and cut at random. */
import test from "ava";
import { byteByByte, type PlayOptions, play, randomCuts, type Step, shape, whole } from "./play.js";

interface Script extends PlayOptions {
	readonly name: string;
	readonly steps: readonly Step[];
	/** `operation→result outcome`. */
	readonly lines: readonly string[];
	/** Request and response payloads of each exchange, as recorded. */
	readonly bodies?: readonly (readonly [string, string])[];
	/** Of each exchange. */
	readonly flags?: readonly (readonly string[])[];
}

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const post = (fields: string, body: string): string => `POST /p HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`;
const response = (fields: string, body = "", status = "200 OK"): string => `HTTP/1.1 ${status}\r\n${fields}\r\n${body}`;
const SMUGGLING = "request-smuggling-shape";

const SCRIPTS: readonly Script[] = [
	{
		name: "one exchange",
		steps: [
			[0, get("/a?b=c")],
			[1, OK],
		],
		lines: ["GET /a→200 ok"],
		bodies: [["", "ok"]],
	},
	{
		name: "three in a row",
		steps: [
			[0, get("/1")],
			[1, OK],
			[0, get("/2")],
			[1, OK],
			[0, get("/3")],
			[1, OK],
		],
		lines: ["GET /1→200 ok", "GET /2→200 ok", "GET /3→200 ok"],
	},
	{
		name: "pipelined",
		steps: [
			[0, get("/1") + get("/2") + post("Content-Length: 3\r\n", "abc") + get("/3")],
			[1, OK + OK + OK + OK],
		],
		lines: ["GET /1→200 ok", "GET /2→200 ok", "POST /p→200 ok", "GET /3→200 ok"],
		bodies: [
			["", "ok"],
			["", "ok"],
			["abc", "ok"],
			["", "ok"],
		],
	},
	{
		name: "status 400 and above is an error",
		steps: [
			[0, get("/x")],
			[1, response("Content-Length: 0\r\n", "", "404 Not Found")],
		],
		lines: ["GET /x→404 error"],
	},
	{
		name: "an answer to HEAD has no body",
		steps: [
			[0, "HEAD /h HTTP/1.1\r\n\r\n"],
			[1, response("Content-Length: 500\r\n")],
			[0, get("/2")],
			[1, OK],
		],
		lines: ["HEAD /h→200 ok", "GET /2→200 ok"],
	},
	{
		name: "HEAD pipelined before GET",
		steps: [
			[0, `HEAD /h HTTP/1.1\r\n\r\n${get("/2")}`],
			[1, response("Transfer-Encoding: chunked\r\n") + OK],
		],
		lines: ["HEAD /h→200 ok", "GET /2→200 ok"],
	},
	{
		name: "204 and 304 have no body whatever they announce",
		steps: [
			[0, get("/1")],
			[1, response("Content-Length: 5\r\n", "", "304 Not Modified")],
			[0, get("/2")],
			[1, response("Transfer-Encoding: chunked\r\n", "", "204 No Content")],
			[0, get("/3")],
			[1, OK],
		],
		lines: ["GET /1→304 ok", "GET /2→204 ok", "GET /3→200 ok"],
	},
	{
		name: "chunks with extensions, leading zeros, upper and lower case",
		steps: [
			[0, post("Transfer-Encoding: Chunked\r\n", '3;a=b;c="d"\r\nabc\r\n00A \r\n0123456789\r\n000\r\n\r\n')],
			[1, response("transfer-encoding: chunked\r\n", "b\r\nhello world\r\n1\r\n!\r\n0;last\r\n\r\n")],
			[0, get("/2")],
			[1, OK],
		],
		lines: ["POST /p→200 ok", "GET /2→200 ok"],
		bodies: [
			["abc0123456789", "hello world!"],
			["", "ok"],
		],
	},
	{
		name: "a body that looks like messages",
		steps: [
			[0, post(`Content-Length: ${get("/x").length}\r\n`, get("/x"))],
			[1, response(`Content-Length: ${OK.length}\r\n`, OK)],
		],
		lines: ["POST /p→200 ok"],
		bodies: [[get("/x"), OK]],
	},
	{
		name: "100 Continue and 103 Early Hints",
		steps: [
			[0, post("Expect: 100-continue\r\nContent-Length: 2\r\n", "")],
			[1, "HTTP/1.1 100 Continue\r\n\r\n"],
			[0, "hi"],
			[1, `HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\n${OK}`],
		],
		lines: ["POST /p→200 ok"],
		bodies: [["hi", "ok"]],
	},
	{
		name: "a body that ends with the connection",
		steps: [
			[0, get("/c")],
			[1, response("", "all\r\n\r\nthe HTTP/1.1 200 OK\r\n\r\nrest")],
		],
		lines: ["GET /c→200 ok"],
		bodies: [["", "all\r\n\r\nthe HTTP/1.1 200 OK\r\n\r\nrest"]],
	},
	{
		name: "a body that ends with a reset",
		steps: [
			[0, get("/c")],
			[1, response("", "part")],
		],
		how: "reset",
		lines: ["GET /c→200 aborted"],
		bodies: [["", "part"]],
	},
	{
		name: "a body of known length cut short",
		steps: [
			[0, get("/c")],
			[1, response("Content-Length: 10\r\n", "part")],
		],
		lines: ["GET /c→200 aborted"],
		bodies: [["", "part"]],
	},
	{
		name: "an answer before the request is whole",
		steps: [
			[0, post("Content-Length: 6\r\n", "abc")],
			[1, response("Content-Length: 0\r\n", "", "413 Too Large")],
			[0, "def"],
			[0, get("/2")],
			[1, OK],
		],
		lines: ["POST /p→413 error", "GET /2→200 ok"],
		bodies: [
			["abcdef", ""],
			["", "ok"],
		],
	},
	{
		name: "HTTP/1.0 without and with keep-alive",
		steps: [
			[0, "GET /k HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"],
			[1, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx"],
			[0, "GET /c HTTP/1.0\r\n\r\n"],
			[1, "HTTP/1.0 200 OK\r\n\r\nto the end"],
		],
		lines: ["GET /k→200 ok", "GET /c→200 ok"],
		bodies: [
			["", "x"],
			["", "to the end"],
		],
	},
	{
		name: "forms of the target",
		steps: [
			[0, "GET http://h.example:81/p/q?x=1 HTTP/1.1\r\n\r\nOPTIONS * HTTP/1.1\r\n\r\n"],
			[1, OK + OK],
		],
		lines: ["GET /p/q→200 ok", "OPTIONS *→200 ok"],
	},
	{
		name: "a failed CONNECT",
		steps: [
			[0, "CONNECT h:443 HTTP/1.1\r\n\r\n"],
			[1, response("Content-Length: 2\r\n", "no", "407 X")],
			[0, get("/2")],
			[1, OK],
		],
		lines: ["CONNECT h:443→407 error", "GET /2→200 ok"],
	},
	{
		name: "an ignored Upgrade",
		steps: [
			[0, "GET /u HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"],
			[1, OK],
			[0, get("/2")],
			[1, OK],
		],
		lines: ["GET /u→200 ok", "GET /2→200 ok"],
	},
	{
		name: "empty lines before a request",
		steps: [
			[0, `\r\n\n${get("/1")}\r\n\r\n${get("/2")}`],
			[1, OK + OK],
		],
		lines: ["GET /1→200 ok", "GET /2→200 ok"],
	},
	{
		name: "lines that end with LF only",
		steps: [
			[0, "GET /1 HTTP/1.1\nHost: a\n\n"],
			[1, "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"],
			[0, get("/2")],
			[1, OK],
		],
		lines: ["GET /1→200 ok", "GET /2→200 ok"],
		bodies: [
			["", "ok"],
			["", "ok"],
		],
		flags: [["bare-lf"], []],
	},
	{
		name: "both lengths: the chunks count",
		steps: [
			[0, post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n")],
			[1, OK],
			[0, get("/2")],
			[1, OK],
		],
		lines: ["POST /p→200 ok", "GET /2→200 ok"],
		bodies: [
			["a", "ok"],
			["", "ok"],
		],
		flags: [[SMUGGLING], []],
	},
	{
		name: "the same length twice",
		steps: [
			[0, post("Content-Length: 2\r\nContent-Length: 2\r\n", "ab")],
			[1, OK],
		],
		lines: ["POST /p→200 ok"],
		bodies: [["ab", "ok"]],
		flags: [[SMUGGLING]],
	},
	{
		name: "white space before a colon",
		steps: [
			[0, post("Content-Length : 2\r\n", "ab")],
			[1, OK],
		],
		lines: ["POST /p→200 ok"],
		bodies: [["ab", "ok"]],
		flags: [[SMUGGLING]],
	},
	{
		name: "trailers, then another message",
		steps: [
			[0, get("/t")],
			[1, response("Transfer-Encoding: chunked\r\n", "2\r\nok\r\n0\r\nX-Sum: 1\r\nX-B:2\r\n\r\n")],
			[0, get("/2")],
			[1, OK],
		],
		lines: ["GET /t→200 ok", "GET /2→200 ok"],
		bodies: [
			["", "ok"],
			["", "ok"],
		],
	},
	{
		name: "a status line without a reason",
		steps: [
			[0, get("/r")],
			[1, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"],
		],
		lines: ["GET /r→200 ok"],
	},
	{ name: "a request that nobody answers", steps: [[0, get("/n")]], lines: ["GET /n→ unanswered"] },
	{
		name: "a method that few know",
		steps: [
			[0, "PURGE /x HTTP/1.1\r\nHost: a\r\n\r\n"],
			[1, OK],
		],
		lines: ["PURGE /x→200 ok"],
	},
];

for (const script of SCRIPTS) {
	test(script.name, (t) => {
		const expected = play(script.steps, whole, script);
		t.deepEqual(expected.failures, []);
		t.deepEqual(expected.lines, [...script.lines]);
		if (script.bodies !== undefined)
			t.deepEqual(
				expected.exchanges.map((x) => [x.request?.body.data ?? "", x.response?.body.data ?? ""]),
				script.bodies.map((pair) => [...pair]),
			);
		if (script.flags !== undefined)
			t.deepEqual(
				expected.exchanges.map((x) => [...x.flags]),
				script.flags.map((f) => [...f]),
			);
		const cuts = [byteByByte, ...Array.from({ length: 20 }, (_, seed) => randomCuts(seed + 1))];
		for (const [i, cut] of cuts.entries()) {
			const played = play(script.steps, cut, script);
			t.deepEqual(played.exchanges.map(shape), expected.exchanges.map(shape), `cut ${i}`);
		}
	});
}
