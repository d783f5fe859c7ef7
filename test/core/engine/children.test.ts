import test from "ava";
import type { Direction } from "../../../core/index.js";
import { Harness } from "./harness.js";
import { lineParser } from "./line-parser.js";
import { frame, muxParser } from "./mux-parser.js";

const parsers = [muxParser, lineParser];

function play(steps: readonly (readonly [Direction, string])[], size = Number.POSITIVE_INFINITY): Harness {
	const h = new Harness({}, parsers).open();
	const at: [number, number] = [0, 0];
	for (const [dir, text] of steps)
		for (let from = 0; from < text.length; from += size) {
			const piece = text.slice(from, from + size);
			h.bytes(dir, at[dir], piece);
			at[dir] += piece.length;
		}
	return h.close(at).pass(200_000);
}

const TALK: readonly (readonly [Direction, string])[] = [
	[0, frame(1, "o", "line") + frame(2, "o", "line") + frame(1, "d", "get\npu") + frame(2, "d", "other\n")],
	[0, frame(1, "d", "t\n")],
	[1, frame(1, "d", "=get 4\nab") + frame(2, "d", "=other 2\nxy") + frame(1, "d", "cd=p") + frame(1, "d", "ut 0\n")],
	[0, frame(1, "e", "fin")],
	[1, frame(1, "e", "fin")],
];

for (const size of [Number.POSITIVE_INFINITY, 1, 5]) {
	test(`streams are parsed like connections, ids and sizes do not depend on the cut: ${size}`, (t) => {
		const h = play(TALK, size);
		t.deepEqual(h.failures, []);
		const inner = h.exchanges.filter(({ protocol }) => protocol === "line");
		t.deepEqual(
			inner.map((x) => `${x.summary.operation}→${x.summary.result} ${x.outcome} ${x.response!.body.data}`).sort(),
			["get→get ok abcd", "other→other ok xy", "put→put ok "],
		);
		const [get, put] = ["get", "put"].map((name) => inner.find(({ summary }) => summary.operation === name)!);
		const opens = h.exchanges.filter(({ protocol }) => protocol === "mux");
		t.is(get!.parentId, opens.find(({ id }) => id.endsWith("00000001"))!.id);
		t.is(get!.id.slice(24), "00000001");
		// 1000 is the first byte of the client's stream; two opening frames of 7 bytes and a frame's head are before it
		t.is(Number.parseInt(get!.id.slice(16, 24), 16), 1000 + 14 + 3);
		t.is(get!.request!.bytes, 4);
		t.is(get!.response!.bytes, 11);
		// its bytes lie in two frames
		t.is(put!.request!.bytes, 4);
		t.is(put!.response!.bytes, 7);
		t.is(new Set(h.exchanges.map(({ id }) => id)).size, h.exchanges.length);
		t.deepEqual(inner.map(({ id }) => id).sort(), reference);
	});
}

const reference = play(TALK)
	.exchanges.filter(({ protocol }) => protocol === "line")
	.map(({ id }) => id)
	.sort();

test("an answer that is captured before its question waits inside its stream; the others go on", (t) => {
	const h = new Harness({}, parsers).open();
	const open = frame(1, "o", "line") + frame(2, "o", "line");
	h.bytes(0, 0, open);
	const answers = frame(1, "d", "=late 0\n") + frame(2, "d", "=lost 0\n");
	h.bytes(1, 0, answers);
	h.bytes(0, open.length, frame(1, "d", "late\n"));
	t.true(h.lines.includes("late→late ok"));
	t.false(h.lines.some((line) => line.includes("lost")));
	h.pass(60_000);
	t.true(h.lines.includes("→lost partial"));
});

test("a hole inside one stream stays there; one that nobody can place is one of all", (t) => {
	const h = new Harness({}, parsers).open();
	const open = frame(1, "o", "line") + frame(2, "o", "line") + frame(1, "d", "a\nb\n") + frame(2, "d", "c\nd\n");
	h.bytes(0, 0, open);
	const begun = frame(1, "d", "=a 9\n123456789").slice(0, 10);
	h.bytes(1, 0, begun);
	const rest = `${"6789"}${frame(2, "d", "=c 1\nx")}`;
	h.bytes(1, begun.length + 3, rest).pass(60_000);
	t.deepEqual(h.lines.slice(-2), ["a→a ok", "c→c ok"]);
	t.deepEqual(h.exchanges.at(-2)!.response!.body.gaps, [{ from: 2, to: 5, cause: "missed" }]);
	const at = begun.length + 3 + rest.length;
	h.bytes(1, at + 20, `~${frame(1, "d", "Tail 9-\n=b 0\n")}${frame(2, "d", "=d 0\n")}`).pass(60_000);
	t.deepEqual(h.failures, []);
	t.deepEqual(h.lines.slice(-2), ["b→b ok", "d→d ok"]);
});

test("what is spoken may have to be found out; what nobody knows is counted, and the rest goes on", (t) => {
	const h = play([
		[0, frame(1, "o", "?") + frame(2, "o", "?") + frame(3, "o", "none") + frame(4, "o", "line")],
		[0, frame(1, "d", "found\n") + frame(2, "d", "#!#!") + frame(3, "d", "12345") + frame(4, "d", "loop\n")],
		[0, frame(1, "d", "again\n") + frame(3, "d", "678") + frame(5, "d", "never started")],
	]);
	t.is(h.failures.length, 1);
	t.true(h.lines.includes("found→ unanswered"));
	t.true(h.lines.includes("again→ unanswered"));
	const { annotations } = h.exchanges.at(-1)!;
	t.is(annotations["polytap.streams_opaque.unknown-protocol"], 2);
	t.is(annotations["polytap.streams_opaque.handed-over:none"], 1);
	t.is(annotations["polytap.streams_opaque.parser-failed"], 1);
	t.is(annotations["polytap.streams_opaque.bytes"], 4 + 8 + 13);
	t.is(h.counters.streams_opaque, 4);
	t.is(h.counters.connections_opaque, 0);
});

test("what is open in a stream that is reset is aborted, in one that ends with its connection unanswered", (t) => {
	const h = play([
		[0, frame(1, "o", "line") + frame(2, "o", "line") + frame(1, "d", "a 5\nab") + frame(2, "d", "b 5\nab")],
		[0, frame(1, "e", "reset")],
		[1, frame(1, "e", "reset")],
	]);
	t.true(h.lines.includes("a→ aborted"));
	t.true(h.lines.includes("b→ unanswered"));
	t.is(h.counters.bytes_held, 256 * 1024);
	for (const exchange of h.exchanges) (exchange as (typeof h.exchanges)[0] & { release(): void }).release();
	t.is(h.counters.bytes_held, 0);
});

test("streams beyond the caps are opaque and counted", (t) => {
	let many = "";
	for (let i = 0; i < 40; i++) many += frame(1 + (i % 30), "o", "line");
	const nested = frame(1, "o", "mux") + frame(1, "d", frame(1, "o", "mux"));
	let deep = frame(9, "d", "x");
	for (let i = 0; i < 5; i++) deep = frame(1, "o", "mux") + frame(1, "d", deep);
	t.is(play([[0, many]]).counters.streams_opaque, 0);
	t.is(play([[0, nested]]).counters.streams_opaque, 0);
	const h = play([[0, deep]]);
	t.deepEqual(h.failures, []);
	t.is(h.exchanges.at(-1)!.annotations["polytap.streams_opaque.child-depth"], 1);
});
