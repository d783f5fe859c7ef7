import test from "ava";
import type { DetectHint } from "../../../core/index.js";
import http1 from "../../../parsers/http1/index.js";

const HINT: DetectHint = { transport: "tcp", serverPort: 80, alpn: null, late: false };
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
const ask = (client: string, server = "", late = false): string =>
	http1.detect(bytes(client), bytes(server), { ...HINT, late });

const CASES: readonly (readonly [client: string, server: string, answer: "yes" | "no" | "more"])[] = [
	["GET / HTTP/1.1\r\n", "", "yes"],
	["GET /a/long/path", "", "yes"],
	["OPTIONS * HTTP/1.1\r\n", "", "yes"],
	["GET http://h/ HTTP/1.1\r\n", "", "yes"],
	["CONNECT h:443 HTTP/1.1\r\n", "", "yes"],
	["PURGE /x HTTP/1.1\r\n", "", "yes"],
	["", "HTTP/1.1 200 OK\r\n", "yes"],
	["G", "", "more"],
	["GET ", "", "more"],
	["POST", "", "more"],
	["OPTI", "", "more"],
	["", "HTTP", "more"],
	["", "", "more"],
	["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", "no"],
	["\x16\x03\x01\x02\x00\x01\x00\x01", "", "no"],
	["\x00\x00\x00\x52", "", "no"],
	["\x00\x01\x02\x03\x04\x05\x06\x07", "", "no"],
	["", "\x4a\x00\x00\x00\x0a8.0.36", "no"],
	["", "SSH-2.0-OpenSSH\r\n", "no"],
	["", "220 mail ESMTP\r\n", "no"],
	["EHLO there.example\r\n", "", "no"],
	["GET key\r\n", "", "no"],
	["*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n", "", "no"],
	["get key\r\n", "", "no"],
	['{"a":1}', "", "no"],
];

for (const [client, server, answer] of CASES) {
	test(`detect: ${JSON.stringify(client.slice(0, 24))} and ${JSON.stringify(server.slice(0, 24))}`, (t) => {
		t.is(ask(client, server), answer);
	});
}

test("no answer is taken back while a request trickles in", (t) => {
	for (const line of [
		"GET /a HTTP/1.1\r\n",
		"CONNECT h:443 HTTP/1.1\r\n",
		"PROPFIND /x HTTP/1.1\r\n",
		"GET http://h/x HTTP/1.0\r\n",
	]) {
		const answers = Array.from(line, (_, i) => ask(line.slice(0, i + 1)));
		t.is(answers.at(-1), "yes", line);
		t.false(answers.includes("no"), line);
		t.is(answers.lastIndexOf("more") + 1, answers.indexOf("yes"), line);
	}
});

test("late: a start line anywhere, and nothing less", (t) => {
	t.is(ask("rest of a body\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n", "", true), "yes");
	t.is(ask("", "rest of a body\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n", true), "yes");
	t.is(ask("", "rest of a body, no more", true), "no");
	t.is(ask("\x00\x01 binary \xff\n", "", true), "no");
});
