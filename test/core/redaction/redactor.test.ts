import { gzipSync } from "node:zlib";
import test from "ava";
import { type Exchange, MessageHead, type ParserPlugin, toJson, writeJson } from "../../../core/index.js";
import { Redactor } from "../../../core/redaction/redactor.js";
import type { RedactRule } from "../../../core/redaction/schema.js";
import http1 from "../../../parsers/http1/index.js";
import { Harness } from "../engine/harness.js";
import { sampleBody, sampleExchange, sampleMessage } from "../sample-exchange.js";

const S = "hunter2-geheim";
const line = Buffer.alloc(1 << 22);

function written(exchange: Exchange): string {
	const text = line.toString("utf8", 0, writeJson(exchange, line, 0));
	if (text !== `${toJson(exchange)}\n`) throw new Error("both ways of writing it must agree");
	return text;
}

const crlf = (...lines: string[]) => `${lines.join("\r\n")}\r\n\r\n`;

/** One exchange of HTTP/1.1 through the engine. */
function http(request: string, response: string | Uint8Array, options = {}): Exchange {
	const h = new Harness(options, [http1]).open().bytes(0, 0, request).bytes(1, 0, response);
	if (h.exchanges.length !== 1) throw new Error(`${h.exchanges.length} exchanges`);
	return h.exchanges[0]!;
}

function withBody(body: string | Uint8Array, ...headers: string[]): Uint8Array {
	const bytes = Buffer.from(body as string);
	return Buffer.concat([Buffer.from(crlf("HTTP/1.1 200 OK", `Content-Length: ${bytes.length}`, ...headers)), bytes]);
}

const GET = crlf("GET / HTTP/1.1", "Host: a");
const redact = (exchange: Exchange, ...rules: RedactRule[]) => Redactor.of(rules)!.redact(exchange);
/** The response's body after redaction. */
const body = (response: Uint8Array, ...rules: RedactRule[]) => redact(http(GET, response), ...rules).response!.body;

test("without any rule: credentials in headers and in URLs, in both directions, in any case; the rest stays", (t) => {
	const request = crlf(
		`GET http://u:${S}@a/x HTTP/1.1`,
		"Host: a",
		`aUTHORIZATION: Bearer ${S}`,
		`Cookie: a=${S}`,
		"X: y",
	);
	const shown = redact(http(request, crlf("HTTP/1.1 200 OK", `Set-Cookie: ${S}`, "Content-Length: 0")));
	t.false(written(shown).includes(S));
	t.deepEqual(shown.request!.headers, [
		["Host", "a"],
		["aUTHORIZATION", "[redacted]"],
		["Cookie", "[redacted]"],
		["X", "y"],
	]);
	t.is(shown.request!.attributes["url.full"], "http://[redacted]@a/x");
});

test("what is switched off and not said otherwise: nothing is redacted", (t) => {
	t.is(Redactor.of([{ defaults: false }]), null);
	const shown = redact(http(crlf("GET / HTTP/1.1", "Host: a", "Cookie: c", "X-My: m"), withBody("")), {
		defaults: false,
		headers: ["x-*"],
	});
	t.deepEqual(shown.request!.headers, [
		["Host", "a"],
		["Cookie", "c"],
		["X-My", "[redacted]"],
	]);
});

test("the engine's own record stays the same object, and a head that comes again is the same shown head", (t) => {
	const redactor = Redactor.of([])!;
	const h = new Harness({}, [http1]).open();
	const request = crlf("GET / HTTP/1.1", "Host: a", `Cookie: ${S}`);
	const response = Buffer.from(withBody("hello", `Set-Cookie: ${S}`)).toString("latin1");
	for (let i = 0; i < 5; i++) h.bytes(0, i * request.length, request).bytes(1, i * response.length, response);
	const lines = h.exchanges.map((exchange) => {
		t.is(redactor.redact(exchange), exchange);
		return written(exchange);
	});
	t.is(lines.length, 5);
	// the later ones are written from a template
	for (const text of lines) {
		t.false(text.includes(S));
		t.true(text.includes("hello"));
	}
	t.is(h.exchanges[3]!.request!.headers, h.exchanges[4]!.request!.headers);
});

test("a parser still gets its own head of a request that was shown already", (t) => {
	const h = new Harness({ requestTimeoutUs: 1000 }, [http1])
		.open()
		.bytes(0, 0, crlf("HEAD / HTTP/1.1", "Host: a", "Cookie: c"));
	h.pass(5_000_000);
	t.is(h.exchanges[0]?.outcome, "unanswered");
	redact(h.exchanges[0]!);
	// the response to HEAD has no body whatever its length says: the parser must know the method
	h.bytes(1, 0, crlf("HTTP/1.1 200 OK", "Content-Length: 9"));
	t.is(h.exchanges[1]?.response?.body.bytes, 0);
	t.deepEqual(h.failures, []);
});

test("query parameters: query, path in the summary, location, referer, submitted forms", (t) => {
	const form = `user=a&token=${S}`;
	const request = `${crlf(`POST /x?token=${S}&a=1 HTTP/1.1`, "Host: a", `Referer: http://a/?token=${S}`, "Content-Type: application/x-www-form-urlencoded", `Content-Length: ${form.length}`)}${form}`;
	const shown = redact(http(request, crlf("HTTP/1.1 302 F", `Location: /y?TOKEN=${S}#z`, "Content-Length: 0")), {
		query: ["token"],
	});
	t.false(written(shown).includes(S));
	t.is(shown.request!.attributes["url.query"], "token=[redacted]&a=1");
	t.is(shown.request!.body.data, "user=a&token=[redacted]");
	t.deepEqual(shown.response!.headers[0], ["Location", "/y?TOKEN=[redacted]#z"]);
	t.deepEqual(shown.flags, ["redacted-body"]);
});

test("JSON bodies: by path, all else byte for byte; plain and compressed; said to be JSON or not", (t) => {
	const text = `{ "n" : 1.50, "user":{"password":"${S}"} }`;
	const expected = '{ "n" : 1.50, "user":{"password":"[redacted]"} }';
	const rule: RedactRule = { json: ["$..password"] };
	t.is(body(withBody(text, "Content-Type: application/json"), rule).data, expected);
	t.is(body(withBody(text), rule).data, expected);
	const zipped = body(withBody(gzipSync(text), "Content-Encoding: gzip"), rule);
	t.is(zipped.data, expected);
	t.is(zipped.decodedFrom, "gzip");
	const page = withBody("<html>password</html>", "Content-Type: text/html");
	const before = http(GET, page);
	t.is(redact(before, rule), before);
});

test("patterns: text, JSON escapes, numbers, percent escapes, binary, two-byte text", (t) => {
	const rule: RedactRule = { match: ["hunter2-[a-z]+", "4[0-9]{15}"] };
	t.is(body(withBody(`a ${S} b`), rule).data, "a [redacted] b");
	t.is(body(withBody('{"a":"\\u0068unter2-x","b":"\\n"}'), rule).data, '{"a":"[redacted]","b":"\\n"}');
	t.is(body(withBody('{"card":4111111111111111}'), rule).data, '{"card":"[redacted]"}');
	for (const hidden of [
		Buffer.concat([Buffer.from([0xff, 0xfe, 0]), Buffer.from(S)]),
		Buffer.from(S, "utf16le"),
		Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(S, "utf16le")]),
	])
		t.deepEqual(body(withBody(hidden), rule).gaps, [{ from: 0, to: hidden.length, cause: "redacted" }]);
	const path = redact(http(crlf("GET /a/hunter2%2Dgeheim?q=hunter2-x HTTP/1.1", "Host: a"), withBody("")), rule);
	t.false(/hunter2|geheim/.test(written(path)));
});

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

test("a secret in two packets and two chunks is one secret", (t) => {
	const head = crlf("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Trailer: X-T");
	const response = `${head}${chunk("a hunter2-")}${chunk("geheim b")}0\r\nX-T: ${S}\r\n\r\n`;
	for (let cut = head.length; cut < response.length; cut++) {
		const h = new Harness({}, [http1]).open().bytes(0, 0, GET);
		h.bytes(1, 0, response.slice(0, cut)).bytes(1, cut, response.slice(cut));
		const shown = redact(h.exchanges[0]!, { match: ["hunter2-[a-z]+"] });
		t.is(shown.response!.body.data, "a [redacted] b");
		t.deepEqual(shown.response!.trailers, [["X-T", "[redacted]"]]);
	}
});

for (const [name, response, options] of [
	["cut by the limit", withBody(`${"x".repeat(50)}${S}`), { maxBodyBytes: 57 }],
	["with a coding that nobody knows", withBody(S, "Content-Encoding: rot13"), {}],
	["with a coding that it has not", withBody(S, "Content-Encoding: gzip"), {}],
	["in a charset that hides it", withBody(S, "Content-Type: text/plain; charset=UTF-7"), {}],
	["too long to search", withBody("x".repeat((1 << 20) + 1)), { maxBodyBytes: 1 << 22 }],
	[
		"compressed, and too long when it is not",
		withBody(gzipSync("x".repeat((1 << 20) + 1)), "Content-Encoding: gzip"),
		{},
	],
] as const)
	test(`a body that cannot be looked through is removed, its size kept: ${name}`, (t) => {
		const exchange = http(GET, response, options);
		const { bytes } = exchange.response!.body;
		const shown = redact(exchange, { match: ["hunter2-[a-z]+"] });
		t.deepEqual(shown.response!.body, {
			bytes,
			captured: 0,
			completeness: "gap",
			gaps: [{ from: 0, to: bytes, cause: "redacted" }],
			encoding: "utf8",
			data: "",
		});
		t.true(bytes > 0);
		t.is(JSON.parse(written(shown)).response.body.data, "");
	});

for (const [name, response] of [
	["damaged JSON", withBody('{"password":"x"', "Content-Type: application/json")],
	["what looks like JSON and is not", withBody('{"password":"x"')],
	["a coding that nobody knows", withBody("xx", "Content-Encoding: rot13")],
	["binary that says it is JSON", withBody(Buffer.from([0xff, 0xfe, 0x7b]), "Content-Type: application/json")],
] as const)
	test(`a JSON path applies and cannot be followed: ${name}`, (t) => {
		const shown = body(response, { json: ["$.password"] });
		t.is(shown.captured, 0);
		t.is(shown.gaps[0]?.cause, "redacted");
	});

test("a hole in a body: removed, and what is known of its size stays", (t) => {
	const h = new Harness({}, [http1]).open().bytes(0, 0, GET);
	const head = crlf("HTTP/1.1 200 OK", "Content-Length: 30");
	h.bytes(1, 0, `${head}{"password":"hunt`)
		.gap(1, head.length + 17, 13, "splice")
		.pass(200_000);
	const shown = redact(h.exchanges[0]!, { json: ["$.password"] });
	t.deepEqual(shown.response!.body.gaps, [{ from: 0, to: 30, cause: "redacted" }]);
	t.false(written(shown).includes("hunt"));
	// without a rule that looks into bodies it stays, with its hole
	t.is(redact(http(GET, withBody("abc"), { maxBodyBytes: 1 })).response!.body.data, "a");
});

/** Says all that a parser can say, each with the secret in it. */
const talkative: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "talk",
	summary: "everything",
	readsOnly: true,
	detect: () => "yes",
	create: () => ({
		data(dir, bytes, out) {
			const message = out.begin(0);
			const attributes = { "db.query.text": `select '${S}'`, list: [S, "b"], "x.request.header.x-api-key": [S] };
			message.head(new MessageHead(`select '${S}'`, attributes, [[`h-${S}`, S]]));
			message.interim(new MessageHead("", { a: S }, [["b", S]]), 0);
			message.trailers([["t", S]]);
			if (dir === 0) message.item({ user: { password: S, [S]: [S, 1, null] } }, 30);
			else message.body(bytes, 0, bytes.length);
			const whole = message.message(0, { p: S });
			whole.body(Buffer.from(`{"password":"${S}"}`), 0, S.length + 15);
			for (const half of ["hunter2-ge", "heim"]) message.message(0, {}).body(Buffer.from(half), 0, half.length);
			message.message(0, {}).item([S], 10);
			message.message(0, {}).body(Buffer.from("7 innocent"), 0, 10);
			message.flag(`flag-${S}`);
			out.note("login", S);
			message.finish(bytes.length, "ok");
			return bytes.length;
		},
		gap: () => false,
		resync: () => ({ skip: 0 }),
		end: () => {},
	}),
};

function everything(): Exchange[] {
	const h = new Harness({}, [talkative]).open().bytes(0, 0, "q").bytes(1, 0, `answer ${S}`);
	h.feed({ kind: "annotate", conn: 1, dir: 0, fromOffset: 0, toOffset: 9, attributes: { "java.sql": S } });
	return h.close([1, 7 + S.length]).pass(500_000).exchanges;
}

test("every place that a parser can put a secret into", (t) => {
	const redactor = Redactor.of([{ match: ["hunter2-[a-z]+"] }])!;
	const all = everything();
	t.deepEqual(
		all.map((exchange) => [exchange.kind, toJson(exchange).includes(S)]),
		[
			["exchange", true],
			["connection", true],
		],
	);
	const plain = all.map((exchange): Exchange => JSON.parse(toJson(exchange)));
	for (const exchange of [...all, ...plain]) {
		const shown = redactor.redact(exchange);
		t.false(written(shown).includes("hunter2"), written(shown));
		t.false(/"heim/.test(written(shown)));
		if (shown.kind === "exchange") t.true(written(shown).includes("innocent"));
	}
});

test("by name: attributes take the summary with them, headers in attributes, JSON paths into items and parts", (t) => {
	const rules: RedactRule[] = [{ attributes: ["db.*", "java.sql", "p"], json: ["$..password"] }];
	for (const exchange of [everything()[0]!, JSON.parse(toJson(everything()[0]!))]) {
		const shown = redact(exchange, ...rules);
		const { request } = shown;
		t.is(shown.summary.operation, "[redacted]");
		t.is(request!.attributes["db.query.text"], "[redacted]");
		t.is(request!.attributes["x.request.header.x-api-key"], "[redacted]");
		t.deepEqual(request!.body.data, [{ user: { password: "[redacted]", [S]: [S, 1, null] } }]);
		t.is(request!.messages![0]!.data, '{"password":"[redacted]"}');
		t.is(request!.messages![0]!.attributes.p, "[redacted]");
	}
});

test("a part with a hole is removed alone", (t) => {
	const part = { at: "2026-01-02T03:04:05.123456Z", bytes: 9, attributes: {}, encoding: "utf8" as const };
	const response = sampleMessage({
		messages: [
			{ ...part, data: "abc", captured: 3, completeness: "gap", gaps: [{ from: 3, to: 9, cause: "missed" }] },
			{ ...part, data: "innocent!" },
		],
	});
	const shown = redact(sampleExchange({ response }), { match: ["secret"] }).response!.messages!;
	t.deepEqual(shown[0]!.gaps, [{ from: 0, to: 9, cause: "redacted" }]);
	t.is(shown[0]!.data, "");
	t.is(shown[1]!.data, "innocent!");
});

test("a body of which nothing was captured hides nothing and keeps its own gap", (t) => {
	const gaps = [{ from: 0, to: 5, cause: "splice" as const }];
	const kept = sampleBody("", { bytes: 5, captured: 0, completeness: "gap", gaps });
	const shown = redact(sampleExchange({ response: sampleMessage({ body: kept }) }), { match: ["x"] });
	t.deepEqual(shown.response!.body, kept);
});

test("a part that is compressed and was not decoded is removed; the same bytes without that word are searched", (t) => {
	const data = gzipSync(S).toString("base64");
	const part = { at: "2026-01-02T03:04:05.123456Z", bytes: 40, attributes: {}, encoding: "base64" as const, data };
	const of = (headers: [string, string][]) =>
		redact(sampleExchange({ response: sampleMessage({ headers, messages: [part] }) }), { match: ["x{9}"] }).response!
			.messages!;
	t.is(of([["grpc-encoding", "gzip"]])[0]!.data, "");
	t.is(of([["grpc-encoding", "identity"]])[0]!.data, data);
});
