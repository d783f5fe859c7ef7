/** Secrets at the place where a text was cut: their beginning alone is no match of any pattern. */
import test from "ava";
import { type Exchange, toJson } from "../../../core/index.js";
import { withoutCutWords, withoutSecrets } from "../../../core/redaction/cuts.js";
import { Redactor } from "../../../core/redaction/redactor.js";
import type { RedactRule } from "../../../core/redaction/schema.js";
import { whole } from "../../parsers/http1/play.js";
import { play } from "../../parsers/mysql/play.js";
import * as wire from "../../parsers/mysql/wire.js";
import { command, talk } from "../../parsers/redis/talk.js";

const SECRET = "PLANTED-secret-GEHEIM";
const MATCH: RedactRule = { match: ["PLANTED-[a-z]+-GEHEIM"] };

/** The exchange of one statement of MySQL. */
function statement(text: string): Exchange {
	return play([...wire.handshake(), [0, wire.query(text)], [1, wire.ok(1)]]).exchanges[1]!;
}

const shown = (exchange: Exchange, rule: RedactRule): string => toJson(Redactor.of([rule])!.redact(exchange));

test("a secret at any place of a statement leaves nothing in the summary, which is cut after a hundred characters", (t) => {
	for (let before = 0; before < 130; before++) {
		const text = `SELECT '${"x".repeat(before)}', '${SECRET}' FROM t`;
		t.true(toJson(statement(text)).includes("PLANTED"));
		const record = shown(statement(text), MATCH);
		t.notRegex(record, /PLANTED|PLANTE|PLAN|GEHEIM/, `${before}: ${record}`);
	}
});

test("a statement that is hidden by the name of its attribute is not in the summary either, on one line or cut", (t) => {
	for (const text of [
		`SELECT\n  '${SECRET}'`,
		`SELECT  '${SECRET}', ${"x, ".repeat(60)} 1`,
		`${"/* a */ ".repeat(30)}'${SECRET}'`,
	]) {
		const record = Redactor.of([{ attributes: ["db.query.text"] }])!.redact(statement(text));
		t.notRegex(toJson(record), /PLANTED|SELECT[^"]*x,|\/\* a/, text);
		t.is(record.request!.attributes["db.query.text"], "[redacted]");
	}
});

test("an argument of Redis that is cut is hidden, wherever the secret in it begins", (t) => {
	for (let before = 100; before < 130; before++) {
		const key = `${"x".repeat(before)}${SECRET}`;
		const { exchanges } = talk(
			[
				[0, command("GET", key)],
				[1, "$-1\r\n"],
			],
			whole,
		);
		const record = shown(exchanges.find(({ kind }) => kind !== "connection")!, MATCH);
		t.notRegex(record, /PLANTED|PLANTE|PLAN|GEHEIM/, `${before}: ${record}`);
	}
});

test("what stays, and what does not", (t) => {
	t.is(withoutCutWords("GET abc"), "GET abc");
	t.is(withoutCutWords("GET abc… x"), "GET [redacted]… x");
	t.is(withoutCutWords('GET "a b\\" c"… y'), "GET [redacted]… y");
	t.is(withoutCutWords(`SELECT ${"x ".repeat(40_000)}end`), `SELECT ${"x ".repeat(40_000)}[redacted]`);
	t.is(withoutSecrets("SELECT a, b…", ["b c d"]), "SELECT a, [redacted]…");
	t.is(withoutSecrets("SELECT a, b…", ["c d"]), "SELECT a, b…");
	t.is(withoutSecrets("x a b y", ["a\n  b"]), "x [redacted] y");
});
