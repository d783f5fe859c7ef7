import test from "ava";
import fc from "fast-check";
import { globMatches, pathMatches } from "../../../core/routing/glob.js";

for (const [pattern, text, expected] of [
	["", "", true],
	["", "a", false],
	["*", "", true],
	["a", "a", true],
	["a*", "abc", true],
	["*c", "abc", true],
	["*b", "abc", false],
	["a*b*c", "aXbXbXc", true],
	["a?c", "abc", true],
	["a?c", "ac", false],
	["*.example.com", "a.b.example.com", true],
	["*.example.com", "example.com", false],
] as const)
	test(`"${pattern}" and "${text}": ${expected}`, (t) => t.is(globMatches(pattern, text), expected));

for (const [pattern, path, expected] of [
	["/orders/*", "/orders/7", true],
	["/orders/*", "/orders/7/items", false],
	["/orders/**", "/orders/7/items", true],
	["/orders/**", "/orders", true],
	["/**/items", "/a/b/items", true],
	["/**/items", "/items", true],
	["/v*/orders", "/v2/orders", true],
	["/v*/orders", "/v2/x/orders", false],
] as const)
	test(`path "${pattern}" and "${path}": ${expected}`, (t) => t.is(pathMatches(pattern.split("/"), path), expected));

test("globs mean what the regular expression of them means", (t) => {
	const words = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 8 });
	const texts = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 10 });
	fc.assert(
		fc.property(words, texts, (pattern, text) => {
			const regex = new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`);
			t.is(globMatches(pattern, text), regex.test(text));
		}),
		{ seed: 7, numRuns: 2000 },
	);
});

test("hostile text does not make a glob slow", (t) => {
	const before = performance.now();
	t.false(globMatches("*a*a*a*a*a*a*a*a*b", "a".repeat(20_000)));
	t.true(performance.now() - before < 2_000);
});
