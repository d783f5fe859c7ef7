import test from "ava";
import { Redactor } from "../../../core/redaction/redactor.js";
import { redactSchema } from "../../../core/redaction/schema.js";
import { asked, LOGIN, play } from "./play.js";
import * as wire from "./wire.js";

test("patterns and paths reach the query's text, its parameters and its rows", (t) => {
	const h = play([
		...LOGIN,
		[
			0,
			wire.parse("select 'PLANTED-1', $1"),
			wire.bindWith({ values: ["PLANTED-2"] }),
			wire.describe("P"),
			wire.execute(),
			wire.SYNC,
		],
		[
			1,
			wire.PARSED,
			wire.BOUND,
			wire.columns("a", "password"),
			wire.row("PLANTED-3", "hidden"),
			wire.done("SELECT 1"),
			wire.READY,
		],
	]);
	const redactor = Redactor.of(redactSchema.parse([{ match: ["PLANTED-[0-9]"] }, { json: ["$.password"] }]))!;
	const text = JSON.stringify(redactor.redact(asked(h)[0]!));
	t.false(/PLANTED|hidden/.test(text), text);
	t.true(text.includes("select '[redacted]', $1"));
});
