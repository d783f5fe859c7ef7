/** Redaction rules reach statements, parameters and rows; passwords in statements about accounts are never there. */
import test from "ava";
import { toJson } from "../../../core/index.js";
import { Redactor } from "../../../core/redaction/redactor.js";
import { play, rowsOf } from "./play.js";
import * as wire from "./wire.js";

const CARD = "4000-1234";
const COLUMNS = [
	{ name: "card", type: 253 },
	{ name: "pin", type: 3 },
] as const;
const steps: wire.Step[] = [
	...wire.handshake(),
	[0, wire.query(`SELECT card, pin FROM t WHERE card = '${CARD}'`)],
	[1, wire.result(COLUMNS, [[CARD, "77"]])],
	[0, wire.packet(0, 0x16, "SELECT ?")],
	[1, wire.packet(1, 0, wire.u32(1), wire.u16(0), wire.u16(1), 0, wire.u16(0)), wire.column(2, COLUMNS[0])],
	[0, wire.packet(0, 0x17, wire.u32(1), 0, wire.u32(1), 0, 1, 253, 0, wire.lenenc(CARD))],
	[1, wire.err(1, 1062, "23000", `Duplicate entry '${CARD}'`)],
];

test("a pattern is removed from statements, rows, parameters and error messages", (t) => {
	const redactor = Redactor.of([{ match: ["4000-[0-9]+"] }])!;
	const { exchanges } = play(steps);
	t.true(exchanges.map(toJson).join().includes(CARD));
	const shown = play(steps).exchanges.map((exchange) => redactor.redact(exchange));
	t.false(shown.map(toJson).join().includes(CARD));
	t.is(shown[1]!.response!.attributes["db.response.returned_rows"], 1);
});

test("a path removes a column by its name", (t) => {
	const redactor = Redactor.of([{ json: ["$.pin"] }])!;
	const shown = play(steps).exchanges.map((exchange) => redactor.redact(exchange));
	t.deepEqual(rowsOf(shown[1]), [{ card: CARD, pin: "[redacted]" }]);
});

const ACCOUNTS: readonly (readonly [text: string, shown: string])[] = [
	["CREATE USER a@b IDENTIFIED BY 'hunter2'", "CREATE USER a@b IDENTIFIED BY '<redacted>'"],
	["ALTER USER a IDENTIFIED WITH ed25519 BY 'hunter2'", "ALTER USER a IDENTIFIED WITH ed25519 BY '<redacted>'"],
	[
		"ALTER USER a IDENTIFIED VIA ed25519 USING PASSWORD('hunter2')",
		"ALTER USER a IDENTIFIED VIA ed25519 USING PASSWORD('<redacted>')",
	],
	["SET PASSWORD FOR a@b = PASSWORD('hunter2')", "SET PASSWORD FOR a@b = PASSWORD('<redacted>')"],
	["set password = 'hunter2'", "set password = '<redacted>'"],
	[
		"CHANGE MASTER TO MASTER_USER='u', MASTER_PASSWORD='hunter2'",
		"CHANGE MASTER TO MASTER_USER='u', MASTER_PASSWORD='<redacted>'",
	],
	["SELECT password FROM t WHERE name = 'x'", "SELECT password FROM t WHERE name = 'x'"],
];
for (const [text, shown] of ACCOUNTS)
	test(`passwords in statements: ${shown}`, (t) => {
		const h = play([...wire.handshake(), [0, wire.query(text)], [1, wire.ok(1)]]);
		t.is(h.exchanges[1]!.request!.attributes["db.query.text"], shown);
		t.false(h.exchanges.map(toJson).join().includes("'hunter2'"));
	});
