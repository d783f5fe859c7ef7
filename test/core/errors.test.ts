import { readFileSync } from "node:fs";
import test from "ava";
import { ERRORS } from "../../core/index.js";

const page = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");

/** Rows of the table: code, exit code, meaning, what to do. */
const rows = new Map(
	[...page.matchAll(/^\| `([A-Z_]+)` \| (\d) \| (.+?) \| (.+?) \|$/gm)].map(([, code = "", exit, meaning, todo]) => [
		code,
		{ exit: Number(exit), meaning, todo },
	]),
);

test("the page lists every code, once, and no other", (t) => {
	t.deepEqual([...rows.keys()].sort(), Object.keys(ERRORS).sort());
	t.is(page.match(/^\| `/gm)?.length, rows.size);
});

for (const [code, { exit, meaning }] of Object.entries(ERRORS)) {
	test(`${code}: the page says what the registry says, and what to do`, (t) => {
		t.is(rows.get(code)?.exit, exit);
		t.is(rows.get(code)?.meaning, meaning);
		t.true((rows.get(code)?.todo ?? "").length > 20);
	});
}
