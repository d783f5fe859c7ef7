/** Joined late, and with holes: what is recorded is right, and goes on as soon as it can. */
import test from "ava";
import { play, rowsOf } from "./play.js";
import * as wire from "./wire.js";

const ID = { name: "id", type: 3 } as const;
const LATE = { open: { fromStart: false }, skipped: [5000, 9000] } as const;
const cycle = (i: number, withEofs = false): wire.Step[] => [
	[0, wire.query(`SELECT id FROM t WHERE id = ${i}`)],
	[1, wire.result([ID], [[String(i)]], { withEofs })],
];

for (const withEofs of [false, true]) {
	test(`joined between two commands, ${withEofs ? "with" : "without"} EOFs: everything is there`, (t) => {
		const h = play([...cycle(1, withEofs), ...cycle(2, withEofs)], LATE);
		t.deepEqual(h.failures, []);
		t.deepEqual(h.lines.slice(0, 2), [
			"SELECT id FROM t WHERE id = 1→1 row ok",
			"SELECT id FROM t WHERE id = 2→1 row ok",
		]);
		t.deepEqual(h.exchanges.slice(0, 2).map(rowsOf), [[{ id: 1 }], [{ id: 2 }]]);
		t.is(h.exchanges[0]!.request!.attributes["db.system.name"], undefined);
	});
}

test("joined in the middle of a result: it is left out, the next one is whole", (t) => {
	const [, [, result]] = cycle(1) as [wire.Step, [1, Buffer]];
	for (let at = 1; at < result.length; at++) {
		const h = play([[1, result.subarray(at)], ...cycle(2), ...cycle(3)], LATE);
		t.deepEqual(h.failures, []);
		t.deepEqual(
			h.exchanges.filter(({ kind, outcome }) => kind === "exchange" && outcome === "ok").map(rowsOf),
			[[{ id: 2 }], [{ id: 3 }]],
			`from ${at}`,
		);
	}
});

test("joined late and compressed", (t) => {
	const steps = [1, 2].flatMap((i): wire.Step[] => {
		const [[, query], [, result]] = cycle(i) as [[0, Buffer], [1, Buffer]];
		return [
			[0, wire.frame(0, query)],
			[1, wire.frame(1, result)],
		];
	});
	const h = play(steps, LATE);
	t.deepEqual(h.exchanges.slice(0, 2).map(rowsOf), [[{ id: 1 }], [{ id: 2 }]]);
});

test("a statement that was prepared before says so; its parameters are bytes, its rows are rows", (t) => {
	const execute = wire.packet(0, 0x17, wire.u32(9), 0, wire.u32(1), 0, 1, 3, 0, wire.u32(7));
	const rows = [wire.packet(1, 1), wire.column(2, ID), wire.packet(3, 0, 0, wire.u32(7)), wire.ok(4, { first: 0xfe })];
	const h = play(
		[
			[0, execute],
			[1, ...rows],
			[0, execute],
			[1, ...rows],
		],
		LATE,
	);
	const [first] = h.exchanges;
	t.is(first!.request!.attributes["mysql.statement_unknown"], true);
	t.is(first!.request!.attributes["db.query.text"], undefined);
	t.deepEqual(first!.flags, ["parameters-unreadable"]);
	t.is(first!.request!.body.bytes, 8);
	t.deepEqual(rowsOf(first), [{ id: 7 }]);
});

test("a late PREPARE: nobody knows whether an EOF follows, and none is lost", (t) => {
	for (const withEof of [false, true]) {
		const prepared = wire.bytes(0, wire.u32(5), wire.u16(0), wire.u16(1), 0, wire.u16(0));
		const answer = [wire.packet(1, prepared), wire.column(2, { name: "?", type: 253 })];
		if (withEof) answer.push(wire.eof(3));
		const h = play([[0, wire.packet(0, 0x16, "DELETE FROM t WHERE id = ?")], [1, ...answer], ...cycle(1)], LATE);
		t.deepEqual(h.failures, []);
		t.deepEqual(h.lines.slice(0, 2), [
			"PREPARE DELETE FROM t WHERE id = ?→OK ok",
			"SELECT id FROM t WHERE id = 1→1 row ok",
		]);
	}
});

test("a packet behind the end of an answer is no answer, whether the next command was read before it or not", (t) => {
	const ask = (id: number) => wire.query(`UPDATE t SET id = ${id}`);
	const expected = ["UPDATE t SET id = 1→OK ok", "UPDATE t SET id = 2→OK ok"];
	const orders: wire.Step[][] = [
		[
			[0, ask(1)],
			[1, wire.ok(1), wire.ok(2, { affected: 7 })],
			[0, ask(2)],
			[1, wire.ok(1)],
		],
		[
			[0, ask(1), ask(2)],
			[1, wire.ok(1), wire.ok(2, { affected: 7 }), wire.ok(1)],
		],
	];
	for (const steps of orders) {
		const h = play([...wire.handshake(), ...steps]);
		t.deepEqual(h.failures, []);
		t.deepEqual(h.lines, ["LOGIN→OK ok", ...expected, "connection tcp connection→ ok"]);
		t.is(h.exchanges.at(3)!.annotations["mysql.unattributed_bytes"], 11);
		t.is(h.exchanges.at(2)!.response!.attributes["mysql.affected_rows"], 0);
	}
});

test("the answer to a command of several packets goes on counting where the one before had ended", (t) => {
	const long = wire.query(`INSERT INTO t VALUES ('${"x".repeat(0xffffff)}')`);
	const h = play([...wire.handshake(), [0, wire.query("DO 1")], [1, wire.ok(1)], [0, long], [1, wire.ok(2)]]);
	t.deepEqual(h.failures, []);
	t.deepEqual(
		h.exchanges.map(({ outcome }) => outcome),
		["ok", "ok", "ok"],
	);
	t.is(h.exchanges[2]!.summary.result, "OK");
});

test("any one packet lost: nothing wrong is recorded, and the last exchange is whole", (t) => {
	const steps: wire.Step[] = [...wire.handshake(), ...cycle(1), ...cycle(2), ...cycle(3), ...cycle(4)];
	for (let lost = 3; lost < steps.length - 2; lost++) {
		const left = steps.map(([dir, bytes], i) => ({ dir, bytes: bytes!, isLost: i === lost }));
		const h = play([]);
		h.open(2);
		const at: [number, number] = [0, 0];
		for (const { dir, bytes, isLost } of left) {
			if (isLost) h.gap(dir, at[dir], bytes.length, "ring-full", 2);
			else h.bytes(dir, at[dir], bytes, 2);
			h.pass(100_000);
			at[dir] += bytes.length;
		}
		h.close(at, "fin", 2).pass(200_000);
		t.deepEqual(h.failures, []);
		for (const exchange of h.exchanges) {
			const asked = /= (\d)$/.exec(exchange.summary.operation)?.[1];
			const rows = rowsOf(exchange);
			if (asked !== undefined && Array.isArray(rows) && rows.length > 0)
				t.deepEqual(rows, [{ id: Number(asked) }], `lost ${lost}`);
		}
		const last = h.exchanges.filter(({ summary }) => summary.operation.endsWith("= 4"));
		t.deepEqual(last.map(rowsOf), [[{ id: 4 }]], `lost ${lost}`);
	}
});

test("a hole inside a row: that row is left out, the others are there", (t) => {
	const NAME = { name: "name", type: 253 } as const;
	const rows = ["a", "b", "c"].map((letter) => [letter.repeat(1000)]);
	const result = wire.result([NAME], rows);
	const steps: wire.Step[] = [...wire.handshake(), [0, wire.query("SELECT name FROM t")]];
	const h = play([]);
	h.open(2);
	const at: [number, number] = [0, 0];
	for (const [dir, ...packets] of steps)
		for (const bytes of packets) {
			h.bytes(dir, at[dir], bytes, 2);
			at[dir] += bytes.length;
		}
	const hole = result.indexOf("bbbb") + 100;
	h.bytes(1, at[1], result.subarray(0, hole), 2);
	h.gap(1, at[1] + hole, 50, "ring-full", 2);
	h.bytes(1, at[1] + hole + 50, result.subarray(hole + 50), 2);
	h.pass(200_000);
	const found = h.exchanges.find(({ summary }) => summary.operation.startsWith("SELECT"))!;
	t.deepEqual(rowsOf(found), [{ name: "a".repeat(1000) }, { name: "c".repeat(1000) }]);
	t.is(found.response!.body.completeness, "gap");
	t.is(found.response!.attributes["db.response.returned_rows"], 3);
});
