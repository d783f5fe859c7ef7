import test from "ava";
import fc from "fast-check";
import { LineFormat } from "../../../sinks/console/line-format.js";
import { paintFor } from "../../../sinks/console/paint.js";
import { plainBlock, plainLine, shortened } from "../../../sinks/console/plain-text.js";
import { prettyText } from "../../../sinks/console/pretty-format.js";
import { duration, size } from "../../../sinks/console/units.js";
import { sampleBody, sampleExchange, sampleMessage } from "../../core/sample-exchange.js";

const plain = paintFor("never", {}, false);

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
const DANGEROUS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

test("one line with everything that the contract names", (t) => {
	const line = new LineFormat(plain).format(sampleExchange({ flags: ["bare-lf"] }));
	t.regex(
		line,
		/^03:04:05\.123456 {2}http\/1\.1 {2}10\.0\.0\.5:51234 → 10\.0\.0\.9:8080 \(nginx\) +GET \/orders\/7 +200 +1\.23ms +100B\/2\.00KiB {2}bare-lf\n$/,
	);
});

test("lines are aligned, and stay so when something longer has come by", (t) => {
	const lines = new LineFormat(plain);
	const short = sampleExchange({ summary: { operation: "GET /", result: "200" } });
	const long = sampleExchange({ summary: { operation: "GET /a/rather/long/path", result: "200" } });
	const at = (text: string) => text.indexOf("200");
	const longLine = lines.format(long);
	t.is(at(lines.format(short)), at(longLine));
});

test("marks: gaps with their cause, limits, outcomes", (t) => {
	const gap = sampleExchange({
		response: sampleMessage({
			body: sampleBody("x", { completeness: "gap", gaps: [{ from: 1, to: 9, cause: "ring-full" }], bytes: 9 }),
		}),
	});
	t.regex(new LineFormat(plain).format(gap), /GAP\(ring-full\)\n$/);
	const cut = sampleExchange({
		request: sampleMessage({
			body: sampleBody("x", { completeness: "truncated", gaps: [{ from: 1, to: 9, cause: "limit" }], bytes: 9 }),
		}),
	});
	t.regex(new LineFormat(plain).format(cut), /TRUNCATED\n$/);
	const unanswered = sampleExchange({
		outcome: "unanswered",
		response: null,
		summary: { operation: "GET /", result: "" },
	});
	t.regex(new LineFormat(plain).format(unanswered), /UNANSWERED\n$/);
});

test("IPv6 addresses are in brackets", (t) => {
	const { connection } = sampleExchange();
	const exchange = sampleExchange({
		connection: { ...connection, client: { address: "::1", port: 4, process: null } },
	});
	t.regex(new LineFormat(plain).format(exchange), /\[::1\]:4 → /);
});

test("pretty shows headers, body, and what is missing of it", (t) => {
	const text = prettyText(
		sampleExchange({
			request: sampleMessage({ body: sampleBody('{"a":1}\n') }),
			response: sampleMessage({
				headers: [["Content-Type", "text/plain"]],
				trailers: [["X-Sum", "9"]],
				body: sampleBody("hello", {
					bytes: 15,
					completeness: "gap",
					gaps: [{ from: 5, to: 15, cause: "ring-full" }],
					decodedFrom: "gzip",
				}),
			}),
		}),
		plain,
		100,
	);
	t.is(
		text,
		`GET /orders/7 → 200  1.23ms  GAP(ring-full)
03:04:05.123456  http/1.1  10.0.0.5:51234 → 10.0.0.9:8080 (nginx)
id 0123456789abcdef0000000100000000
> GET /orders/7
> Host: example.test
>
> [8B]
> {"a":1}
< 200
< Content-Type: text/plain
<
< [15B, decoded from gzip, gap, 5B captured, missing 5–15 (ring-full)]
< hello
< trailers
< X-Sum: 9

`,
	);
});

test("a long body is cut, and says so", (t) => {
	const text = prettyText(
		sampleExchange({ response: sampleMessage({ body: sampleBody("x".repeat(500)) }) }),
		plain,
		100,
	);
	t.regex(text, /< x{100}\n< … 400 more characters\n/);
});

test("traffic cannot command the terminal", (t) => {
	const evil = "a\u001b[2J\u009b31mb\r\u0007\u202ec\u2066\u0000";
	t.is(plainLine(evil), "a\\x1b[2J\\x9b31mb\\x0d\\x07\\u{202e}c\\u{2066}\\x00");
	t.is(plainLine("two\nlines\t"), "two\\x0alines\\x09");
	t.is(plainBlock("two\nlines\t\r"), "two\nlines\t\\x0d");
	t.is(plainLine("naïve 日本 🙂"), "naïve 日本 🙂");
	t.is(plainLine("\ud83d"), "\\u{d83d}");
});

test("whatever is in an exchange, no control character gets out", (t) => {
	const text = fc.string({ unit: "binary", maxLength: 40 });
	fc.assert(
		fc.property(text, text, text, text, text, (operation, result, name, value, data) => {
			const exchange = sampleExchange({
				protocol: name,
				summary: { operation, result },
				flags: [value],
				request: sampleMessage({ headers: [[name, value]], body: sampleBody(data) }),
				response: sampleMessage({ body: { ...sampleBody(""), bytes: 1, encoding: "json", data: { [name]: value } } }),
			});
			const line = new LineFormat(plain).format(exchange);
			if (DANGEROUS.test(line) || line.indexOf("\n") !== line.length - 1 || line.includes("\t")) return false;
			return !DANGEROUS.test(prettyText(exchange, plain, 1000));
		}),
		{ seed: 20260103, numRuns: 500 },
	);
	t.pass();
});

test("colours on a terminal only, never against NO_COLOR", (t) => {
	t.true(paintFor("auto", {}, true).isColorSupported);
	t.false(paintFor("auto", {}, false).isColorSupported);
	t.false(paintFor("auto", { NO_COLOR: "1" }, true).isColorSupported);
	t.false(paintFor("auto", { TERM: "dumb" }, true).isColorSupported);
	t.true(paintFor("always", { NO_COLOR: "1" }, false).isColorSupported);
	t.false(paintFor("never", {}, true).isColorSupported);
	t.true(new LineFormat(paintFor("always", {}, false)).format(sampleExchange()).includes("\u001b["));
	t.false(new LineFormat(plain).format(sampleExchange()).includes("\u001b["));
});

test("units", (t) => {
	t.deepEqual([0, 999, 1000, 12_345, 1_500_000, 123_000_000].map(duration), [
		"0µs",
		"999µs",
		"1.00ms",
		"12.3ms",
		"1.50s",
		"2m03s",
	]);
	t.deepEqual([0, 1023, 1024, 1_048_576, 5 * 2 ** 30].map(size), ["0B", "1023B", "1.00KiB", "1.00MiB", "5.00GiB"]);
	t.is(shortened("abcdef", 4), "abc…");
});
