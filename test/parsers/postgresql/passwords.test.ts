import test from "ava";
import { toJson } from "../../../core/index.js";
import { withoutPasswords } from "../../../parsers/postgresql/passwords.js";
import { LOGIN, play } from "./play.js";
import * as wire from "./wire.js";

const cases: readonly (readonly [said: string, shown: string])[] = [
	["create role r login password 'hunter2'", "create role r login password '<redacted>'"],
	[
		"ALTER USER r WITH ENCRYPTED PASSWORD E'hunt\\'er2' VALID UNTIL '2030-01-01'",
		"ALTER USER r WITH ENCRYPTED PASSWORD '<redacted>' VALID UNTIL '2030-01-01'",
	],
	[
		"alter role r password $x$hunter2$x$; select 'PASSWORD', 1",
		"alter role r password '<redacted>'; select 'PASSWORD', 1",
	],
	[
		"create user mapping for r server s options (user 'u', password 'hunter''2')",
		"create user mapping for r server s options (user 'u', password '<redacted>')",
	],
	[
		"alter user mapping for r server s options (set \"password\" 'hunter2')",
		"alter user mapping for r server s options (set \"password\" '<redacted>')",
	],
	[
		"create subscription s connection 'host=h password=hunter2 user=u' publication p",
		"create subscription s connection 'host=h password=<redacted> user=u' publication p",
	],
	["alter role r password /* no */ 'hunter2'", "alter role r password /* no */ '<redacted>'"],
	["alter role r password 'hunter2", "alter role r password '<redacted>'"],
	[
		"select password from t where password = 'x' -- password 'y'",
		"select password from t where password = 'x' -- password 'y'",
	],
	["alter role r password null", "alter role r password null"],
];

for (const [said, shown] of cases)
	test(`${said}`, (t) => {
		t.is(withoutPasswords(said), shown);
	});

test("no password of a statement reaches a record, prepared or not, cut or not", (t) => {
	const sql = "alter role r password 'hunter2'";
	const h = play([
		...LOGIN,
		[0, wire.query(sql)],
		[1, wire.done("ALTER ROLE"), wire.READY],
		[0, wire.parseNamed("s", sql), wire.bindWith({ statement: "s" }), wire.execute(), wire.SYNC],
		[1, wire.PARSED, wire.BOUND, wire.done("ALTER ROLE"), wire.READY],
	]);
	t.is(h.exchanges.length, 4);
	t.false(h.exchanges.map(toJson).join().includes("hunter2"));
});
