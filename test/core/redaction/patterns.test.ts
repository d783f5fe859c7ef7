import test from "ava";
import { Names } from "../../../core/redaction/names.js";
import { Patterns, patternProblem } from "../../../core/redaction/patterns.js";
import { type Range, replaceRanges } from "../../../core/redaction/ranges.js";
import { findParameters, findUserinfo } from "../../../core/redaction/url-text.js";

function shown(text: string, ...sources: string[]): string | null {
	const ranges: Range[] = [];
	return new Patterns(sources).find(text, ranges) ? replaceRanges(text, ranges) : null;
}

test("what overlaps is taken out as one: no rule hides from another", (t) => {
	t.is(shown("xx abcdef yy", "abc", "bcdef"), "xx [redacted] yy");
	t.is(shown("card 4111111111111111.", "\\b4[0-9]{15}\\b"), "card [redacted].");
	t.is(shown("Token: a, token: b", "(?i)token: \\w"), "[redacted], [redacted]");
});

for (const source of ["(a+)+$", "(a|a)*b", "(x{1,30}){1,30}y", "^(([a-z])+.)+[A-Z]([a-z])+$"])
	test(`a pattern that hangs other engines does not hang: ${source}`, (t) => {
		const before = performance.now();
		for (const char of ["a", "x"]) shown(`${char.repeat(100_000)}!`, source);
		t.true(performance.now() - before < 5_000);
	});

test("all matches of a pattern that reads on to the end are not looked for without end", (t) => {
	const before = performance.now();
	t.is(shown("a".repeat(200_000), "a.*b|a"), null);
	t.true(performance.now() - before < 30_000);
});

test("text that is too long is not searched", (t) => {
	t.is(shown("a".repeat((1 << 20) + 1), "b"), null);
	t.is(shown("a".repeat(1 << 20), "b")?.length, 1 << 20);
});

test("what is wrong with a pattern is said", (t) => {
	t.is(patternProblem("a+"), null);
	t.regex(patternProblem("(") ?? "", /RE2/);
	t.regex(patternProblem("(a)\\1") ?? "", /RE2/);
	t.regex(patternProblem("a*") ?? "", /empty text/);
});

const parameters = (text: string, isQuery = false) => {
	const ranges: Range[] = [];
	findParameters(text, new Names(["token", "*_key"]), isQuery, ranges);
	findUserinfo(text, ranges);
	return replaceRanges(text, ranges);
};

for (const [text, expected] of [
	["/a?token=1&b=2", "/a?token=[redacted]&b=2"],
	["/a?b=2&TOKEN=1#token=3", "/a?b=2&TOKEN=[redacted]#token=3"],
	["/a?api_key=1;x=2", "/a?api_key=[redacted];x=2"],
	["/a?%74oken=1", "/a?%74oken=[redacted]"],
	["/a?token=1%262", "/a?token=[redacted]"],
	["token=1", "token=1"],
	["/a?token", "/a?token"],
	["<a?token=1>; rel=next", "<a?token=[redacted]>; rel=next"],
	["http://u:p@h/x?a=b@c", "http://[redacted]@h/x?a=b@c"],
	["http://h/@x", "http://h/@x"],
] as const)
	test(`in a text: ${text}`, (t) => t.is(parameters(text), expected));

for (const [text, expected] of [
	["token=1&x=2", "token=[redacted]&x=2"],
	["x=2&token=a b'c\"d&y=1", "x=2&token=[redacted]&y=1"],
	["=&&token=1", "=&&token=[redacted]"],
] as const)
	test(`as a query: ${text}`, (t) => t.is(parameters(text, true), expected));
