/** Joined late, and with holes: what is recorded is right, and goes on as soon as it can. */
import test from "ava";
import type { Exchange } from "../../../core/index.js";
import { data, formats } from "./copy.js";
import { asked, join, LOGIN, lines, play, type Step } from "./play.js";
import * as wire from "./wire.js";

/** A question whose answer shows which one it was. */
const question = (i: number, verb: number): Step => {
	const sql = [`select ${i} as n`, `update t set x = ${i}`, `insert into t values (${i})`][verb % 3]!;
	return [0, wire.parse(sql), wire.bindWith({}), wire.describe("P"), wire.execute(), wire.SYNC];
};
const answer = (i: number, verb: number): Step => {
	const result = [
		[wire.columns("n:23"), wire.row(String(i)), wire.done("SELECT 1")],
		[wire.NO_DATA, wire.done(`UPDATE ${i}`)],
		[wire.NO_DATA, wire.done(`INSERT 0 ${i}`)],
	][verb % 3]!;
	return [1, wire.PARSED, wire.BOUND, ...result, wire.READY];
};

/** A client that keeps `window` questions open: one more for each answer. */
function rolling(count: number, window: number, verbOf: (i: number) => number): Step[] {
	const steps: Step[] = [];
	for (let i = 0; i < count + window; i++) {
		if (i >= window) steps.push(answer(i - window, verbOf(i - window)));
		if (i < count) steps.push(question(i, verbOf(i)));
	}
	return steps;
}

/** A client that asks `burst` questions at once, and waits for all of their answers. */
function bursts(count: number, burst: number, verbOf: (i: number) => number): Step[] {
	const numbers = Array.from({ length: count }, (_, i) => i);
	const steps: Step[] = [];
	while (numbers.length > 0) {
		const some = numbers.splice(0, burst);
		steps.push(...some.map((i) => question(i, verbOf(i))), ...some.map((i) => answer(i, verbOf(i))));
	}
	return steps;
}

/** Numbers of those that were answered, which must be their own answers. */
function answered(exchanges: readonly Exchange[]): number[] {
	return exchanges.flatMap(({ request, response, outcome }) => {
		const text = request?.attributes["db.query.text"];
		if (outcome !== "ok" || response === null || !/^(?:select \d|update|insert)/.test(String(text))) return [];
		const rows = response.body.data as { n: number }[];
		const tag = String(response.attributes["postgresql.command_tag"]);
		const said = tag.startsWith("SELECT") ? rows[0]!.n : Number(tag.split(" ").at(-1));
		const own = Number(/\d+/.exec(String(text))![0]);
		if (said !== own) throw new Error(`question ${own} got the answer to question ${said}`);
		return [own];
	});
}

/** Verbs in an order that does not repeat soon. */
const varied = (i: number): number => [0, 1, 0, 2, 2, 1, 0, 0, 2, 1, 1, 0, 2][(i * i + (i >> 2)) % 13]!;

test("a client that waits for its answers: from the first question on, where nothing was under way", (t) => {
	for (const verb of [0, 1, 2]) {
		const h = join(
			rolling(6, 1, () => verb),
			0,
		);
		t.deepEqual(h.failures, []);
		t.deepEqual(answered(h.exchanges), [0, 1, 2, 3, 4, 5]);
	}
});

test("joined before the answer to a question that nobody saw: all others are there", (t) => {
	const h = join(
		rolling(6, 1, () => 0),
		1,
	);
	t.deepEqual(h.failures, []);
	t.deepEqual(answered(h.exchanges), [1, 2, 3, 4, 5]);
});

test("the server was watched before the client: nothing is lost of what was asked since", (t) => {
	const unseen = [answer(90, 0), answer(91, 1), answer(92, 2)];
	const h = join([...unseen, ...rolling(6, 1, () => 1)], 0);
	t.deepEqual(h.failures, []);
	t.deepEqual(answered(h.exchanges), [0, 1, 2, 3, 4, 5]);
});

test("joined at every byte of an answer: it is left out, the next ones are whole", (t) => {
	const [, first] = rolling(1, 1, () => 0) as [Step, Step];
	const bytes = Buffer.concat(first.slice(1) as Buffer[]);
	for (let at = 1; at < bytes.length; at++) {
		const h = join([[1, bytes.subarray(at)], ...rolling(4, 1, varied)], 0);
		t.deepEqual(h.failures, []);
		t.deepEqual(answered(h.exchanges).slice(-2), [2, 3], `from ${at}`);
	}
});

for (const window of [2, 3, 5])
	test(`${window} questions always open, joined anywhere: no answer is given to another question, and none is missed for ever`, (t) => {
		const steps = rolling(120, window, varied);
		for (let from = 0; from < 40; from++) {
			const h = join(steps, from);
			t.deepEqual(h.failures, []);
			const found = answered(h.exchanges);
			t.true(found.length > 60, `from ${from}: ${found.length}`);
			t.deepEqual(
				found,
				Array.from({ length: found.length }, (_, i) => 120 - found.length + i),
			);
			t.true(
				asked(h).every(
					({ outcome, flags }) => outcome === "ok" || flags.some((flag) => /^response-(lost|doubtful)$/.test(flag)),
				),
			);
		}
	});

test("questions that look alike, many at once: understood after the third time that all were answered", (t) => {
	for (let from = 0; from < 30; from++) {
		const h = join(
			bursts(60, 5, () => 0),
			from,
		);
		t.deepEqual(h.failures, []);
		const found = answered(h.exchanges);
		t.true(found.length >= 25, `from ${from}: ${found.length}`);
		t.is(found.at(-1), 59);
	}
});

test("an answer that comes while nothing is open shows that more is under way", (t) => {
	const alike = (i: number): Step[] => [question(i, 0), answer(i, 0)];
	const steps: Step[] = [
		...alike(0),
		...alike(1),
		// two more were asked before anybody watched
		answer(50, 0),
		answer(51, 0),
		...alike(2),
	];
	const h = join(steps, 0);
	t.deepEqual(h.failures, []);
	t.deepEqual(answered(h.exchanges), []);
});

test("a hole at any message: nothing wrong is recorded, and the last exchanges are whole", (t) => {
	const messages = [...LOGIN, ...rolling(8, 1, varied)].flatMap(([dir, ...all]) =>
		all.map((bytes): Step => [dir, bytes]),
	);
	for (let lost = 3; lost < messages.length - 40; lost++) {
		const h = play(messages, Number.POSITIVE_INFINITY, {}, lost);
		t.deepEqual(h.failures, []);
		const found = answered(h.exchanges);
		t.deepEqual(found.slice(-2), [6, 7], `lost ${lost}`);
		t.true(found.length >= 2, `lost ${lost}: ${found}`);
	}
});

test("a hole at any message of a pipeline", (t) => {
	const messages = [...LOGIN, ...rolling(60, 3, varied)].flatMap(([dir, ...all]) =>
		all.map((bytes): Step => [dir, bytes]),
	);
	for (let lost = 3; lost < 160; lost++) {
		const h = play(messages, Number.POSITIVE_INFINITY, {}, lost);
		t.deepEqual(h.failures, []);
		const found = answered(h.exchanges);
		t.is(found.at(-1), 59, `lost ${lost}`);
		t.true(found.length >= 20, `lost ${lost}: ${found.length}`);
	}
});

test("a hole inside a row: that row is left out, the others are there", (t) => {
	const rows = ["a", "b", "c"].map((letter) => wire.row(letter.repeat(1000)));
	const at = rows[0]!.length + 100;
	const all = Buffer.concat(rows);
	const h = play(
		[
			...LOGIN,
			[0, wire.query("select name from t")],
			[1, wire.columns("name")],
			[1, all.subarray(0, at)],
			[1, all.subarray(at, at + 50)],
			[1, all.subarray(at + 50), wire.done("SELECT 3"), wire.READY],
		],
		Number.POSITIVE_INFINITY,
		{},
		5,
	);
	t.deepEqual(lines(h), ["SELECT t→SELECT 3 ok"]);
	const { body, attributes } = asked(h)[0]!.response!;
	t.deepEqual(body.data, [{ name: "a".repeat(1000) }, { name: "c".repeat(1000) }]);
	t.is(body.completeness, "gap");
	t.is(attributes["db.response.returned_rows"], 3);
});

test("a hole over the end of a row: the result is partial, what follows is whole", (t) => {
	const rows = Buffer.concat([wire.row("a".repeat(100)), wire.row("b".repeat(100)), wire.row("c".repeat(100))]);
	const h = play(
		[
			...LOGIN,
			[0, wire.query("select name from t")],
			[1, wire.columns("name")],
			[1, rows.subarray(0, 50)],
			[1, rows.subarray(50, 130)],
			[1, rows.subarray(130), wire.done("SELECT 3"), wire.READY],
			...rolling(2, 1, () => 0),
		],
		Number.POSITIVE_INFINITY,
		{},
		5,
	);
	t.deepEqual(lines(h), ["SELECT t→ partial", "SELECT→SELECT 1 ok", "SELECT→SELECT 1 ok"]);
	t.deepEqual(answered(asked(h).slice(1)), [0, 1]);
});

test("a hole during COPY, either way", (t) => {
	const into: Step[] = [
		[0, wire.query("COPY t FROM STDIN")],
		[1, formats("G")],
		[0, data("1\tone\n").subarray(0, 7)],
		[0, data("1\tone\n").subarray(7, 9)],
		[0, data("1\tone\n").subarray(9), data("2\ttwo\n")],
		[0, data("3\tthree\n")],
		[0, wire.message("c")],
		[1, wire.done("COPY 3"), wire.READY],
	];
	const outOf: Step[] = [
		[0, wire.query("COPY t TO STDOUT")],
		[1, formats("H"), data("1\tone\n").subarray(0, 7)],
		[1, data("1\tone\n").subarray(7, 9)],
		[1, data("1\tone\n").subarray(9)],
		[1, data("2\ttwo\n"), wire.message("c"), wire.done("COPY 2"), wire.READY],
	];
	const inside = play([...LOGIN, ...into, ...rolling(3, 1, () => 0)], Number.POSITIVE_INFINITY, {}, 5);
	t.deepEqual(lines(inside).slice(0, 1), ["COPY t→COPY 3 ok"]);
	const { body } = asked(inside)[0]!.request!;
	t.is(body.completeness, "gap");
	t.is(body.bytes, "1\tone\n2\ttwo\n3\tthree\n".length);
	t.deepEqual(answered(asked(inside).slice(1)), [0, 1, 2]);
	for (let lost = 2; lost < 2 + into.length; lost++) {
		const h = play([...LOGIN, ...into, ...rolling(5, 1, () => 0)], Number.POSITIVE_INFINITY, {}, lost);
		t.deepEqual(h.failures, []);
		t.deepEqual(answered(h.exchanges).slice(-2), [3, 4], `lost ${lost} on the way in`);
		for (const { request, response } of asked(h)) {
			if (request?.attributes["db.operation.name"] !== "COPY" || response === null || lost === 6) continue;
			t.not(request.body.completeness, lost >= 4 && lost <= 7 ? "complete" : "truncated", `lost ${lost}`);
		}
	}
	for (let lost = 2; lost < 2 + outOf.length; lost++) {
		const h = play([...LOGIN, ...outOf, ...rolling(5, 1, () => 0)], Number.POSITIVE_INFINITY, {}, lost);
		t.deepEqual(h.failures, []);
		t.deepEqual(answered(h.exchanges).slice(-2), [3, 4], `lost ${lost} on the way out`);
	}
});
