import test from "ava";
import fc from "fast-check";
import { JsonPaths, jsonPathProblem, parseJsonPath } from "../../../core/redaction/json-path.js";
import { findInJson } from "../../../core/redaction/json-text.js";
import { Patterns } from "../../../core/redaction/patterns.js";
import { type Range, replaceRanges } from "../../../core/redaction/ranges.js";

const NO_PATTERNS = new Patterns([]);

/** Null: not JSON. */
function redacted(text: string, ...paths: string[]): string | null {
	const ranges: Range[] = [];
	if (!findInJson(text, new JsonPaths(paths.map(parseJsonPath)), NO_PATTERNS, ranges)) return null;
	return replaceRanges(text, ranges);
}

const X = '"[redacted]"';
for (const [path, text, expected] of [
	["$", '{"a":1}', X],
	["$.a", '{"a":1,"b":{"a":2}}', `{"a":${X},"b":{"a":2}}`],
	["$..a", '{"a":1,"b":{"a":[2]}}', `{"a":${X},"b":{"a":${X}}}`],
	["$.a.b", '{"a":{"b":{"c":[1,{"d":"}"}]}}, "b":1}', `{"a":{"b":${X}}, "b":1}`],
	["$['a b'].c", '{"a b":{"c":null}}', `{"a b":{"c":${X}}}`],
	['$["a"][1]', '{"a":[1,2,3]}', `{"a":[1,${X},3]}`],
	["$.a[*].n", '{"a":[{"n":1},{"n":2,"m":3}]}', `{"a":[{"n":${X}},{"n":${X},"m":3}]}`],
	["$.*.n", '{"a":{"n":true},"b":{"n":false}}', `{"a":{"n":${X}},"b":{"n":${X}}}`],
	["$..cards[0]", '{"x":{"cards":["1","2"]}}', `{"x":{"cards":[${X},"2"]}}`],
	["$..[*]", "[1]", `[${X}]`],
	["$.a", '{"\\u0061":"s"}', `{"\\u0061":${X}}`],
	["$.a", '{"a":1,"a":2}', `{"a":${X},"a":${X}}`],
	["$.a", '{"a":1}\n{"a":2}\n', `{"a":${X}}\n{"a":${X}}\n`],
	["$.a", '\uFEFF{"a":1}', `\uFEFF{"a":${X}}`],
	["$.a", '{ "big" : 12345678901234567890.10 , "a":1 }', `{ "big" : 12345678901234567890.10 , "a":${X} }`],
	["$.missing", '{"a":1}', '{"a":1}'],
] as const)
	test(`${path} in ${text}`, (t) => t.is(redacted(text, path), expected));

for (const text of ["", "{", '{"a":1', '{"a":tru}', "{a:1}", '["\n"]', '"\\x"', "[1,]", "01x", "[".repeat(1000)])
	test(`not JSON: ${JSON.stringify(text).slice(0, 30)}`, (t) => t.is(redacted(text, "$.a"), null));

for (const path of ["", "a", "$a", "$.", "$..", "$.a[", "$.a[-1]", "$.a[?(@.b)]", "$.[0]", "$.a b", "$[1:2]"])
	test(`not a path: "${path}"`, (t) => t.truthy(jsonPathProblem(path)));

test("whatever JSON.stringify says is read, and only what is meant is replaced", (t) => {
	fc.assert(
		fc.property(fc.jsonValue(), fc.jsonValue(), (secret, other) => {
			const text = JSON.stringify({ k: secret, o: other });
			const shown = redacted(text, "$.k");
			t.is(shown, `{"k":${X},"o":${JSON.stringify(other)}}`);
			t.deepEqual(JSON.parse(shown!).k, "[redacted]");
		}),
		{ seed: 11, numRuns: 500 },
	);
});

test("what JSON.parse refuses is refused", (t) => {
	const unit = fc.constantFrom("{", "}", "[", "]", '"', ",", ":", "1", "a", "\\", "-", ".", "e", "true", "null");
	fc.assert(
		fc.property(fc.string({ unit, maxLength: 10 }), (text) => {
			let isJson = true;
			try {
				JSON.parse(text);
			} catch {
				isJson = false;
			}
			// several documents in a row are fine here
			if (isJson) t.not(redacted(text, "$..a"), null, text);
			else if (redacted(text, "$..a") !== null) t.regex(text, /^(?:"|[{[]|true|null|-?\d)/);
		}),
		{ seed: 12, numRuns: 3000 },
	);
});
