import test from "ava";
import type { EngineOptions } from "../../core/engine/engine.js";
import { type Direction, toJson } from "../../core/index.js";
import { Harness } from "../core/engine/harness.js";
import { postgresql } from "./postgresql-parser.js";
import * as wire from "./postgresql-wire.js";

type Step = readonly [Direction, ...Buffer[]];
const LOGIN: readonly Step[] = [
	[0, wire.STARTUP],
	[1, wire.AUTHENTICATED, wire.READY],
];

function play(steps: readonly Step[], size = Number.POSITIVE_INFINITY, options: Partial<EngineOptions> = {}): Harness {
	const h = new Harness(options, [postgresql]).open();
	const at: [number, number] = [0, 0];
	for (const [dir, ...messages] of steps) {
		const bytes = Buffer.concat(messages);
		for (let from = 0; from < bytes.length; from += size) {
			const piece = bytes.subarray(from, from + size);
			h.bytes(dir, at[dir], piece);
			at[dir] += piece.length;
		}
	}
	return h.close(at).pass(200_000);
}

const hello = Buffer.from("\x16\x03\x01\x00\x05hello", "latin1");

for (const size of [Number.POSITIVE_INFINITY, 1, 6]) {
	test(`S leads to TLS, even where the ClientHello is captured before it, ${size} bytes at a time`, (t) => {
		const h = play(
			[
				[0, wire.SSL_REQUEST],
				[0, hello],
				[1, Buffer.from("S"), hello],
			],
			size,
		);
		t.deepEqual(h.failures, []);
		t.is(h.exchanges.length, 1);
		t.is(h.exchanges[0]!.annotations["polytap.opaque.reason"], "handed-over:tls");
		t.is(h.counters.bytes_opaque, 2 * hello.length);
	});

	test(`N goes on in plain, even where the answer or the StartupMessage is captured first, ${size} bytes at a time`, (t) => {
		const query = wire.message("Q", "select 1");
		const answer = [wire.message("T", 1), wire.row("1"), wire.done("SELECT 1"), wire.READY];
		for (const order of [0, 1] as const) {
			const steps: Step[] = [
				[0, wire.SSL_REQUEST, wire.STARTUP],
				[1, Buffer.from("N"), wire.AUTHENTICATED, wire.READY],
			];
			if (order === 1) steps.reverse();
			const h = play([...steps, [0, query], [1, ...answer]], size);
			t.deepEqual(h.failures, []);
			t.deepEqual(h.lines, ["select 1→SELECT 1 ok", "connection tcp connection→ ok"]);
			t.deepEqual(h.exchanges[0]!.response!.messages![0]!.data, [["1"]]);
			t.is(h.exchanges[1]!.annotations["db.user"], "alice");
		}
	});

	test(`each Execute of a pipeline has its own result; what follows an error is aborted, ${size} bytes at a time`, (t) => {
		const ask = (query: string): Buffer => Buffer.concat([wire.parse(query), wire.bind(), wire.EXECUTE]);
		const h = play(
			[
				...LOGIN,
				[0, ask("a"), ask("b"), ask("c"), wire.SYNC, ask("d"), wire.SYNC],
				[1, wire.row("1"), wire.row("2"), wire.done("SELECT 2"), wire.message("E", Buffer.from("bad\0")), wire.READY],
				[1, wire.row("4"), wire.done("SELECT 1"), wire.READY],
			],
			size,
		);
		t.deepEqual(h.failures, []);
		t.deepEqual(h.lines.slice(0, 4), ["a→SELECT 2 ok", "b→error error", "c→ aborted", "d→SELECT 1 ok"]);
		t.deepEqual(h.exchanges[0]!.response!.messages![0]!.data, [["1"], ["2"]]);
		t.is(h.exchanges.at(-1)!.annotations["postgresql.syncs"], 3);
	});
}

test("a simple query has several results, and a notification between them stands alone", (t) => {
	const h = play([
		...LOGIN,
		[0, wire.message("Q", "select 1; select 2")],
		[1, wire.message("T", 1), wire.row("1"), wire.done("SELECT 1"), wire.message("A", Buffer.alloc(4), "news", "hi")],
		[1, wire.message("T", 1), wire.row("2"), wire.row("3"), wire.done("SELECT 2"), wire.READY],
	]);
	t.deepEqual(h.lines.slice(0, 2), ["→notification ok", "select 1; select 2→SELECT 2 ok"]);
	t.is(h.exchanges[0]!.kind, "message");
	const results = h.exchanges[1]!.response!.messages!;
	t.deepEqual(
		results.map(({ data, attributes }) => [data, attributes["postgresql.command_tag"]]),
		[
			[[["1"]], "SELECT 1"],
			[[["2"], ["3"]], "SELECT 2"],
		],
	);
});

test("a password is counted and never recorded", (t) => {
	const h = play([
		[0, wire.STARTUP],
		[1, wire.ASK_PASSWORD],
		[0, wire.message("p", "hunter2")],
		[1, wire.AUTHENTICATED, wire.READY],
	]);
	const { body } = h.exchanges[0]!.request!;
	t.deepEqual(body.gaps, [{ from: 0, to: 8, cause: "redacted" }]);
	t.is(body.captured, 0);
	t.false(h.exchanges.map(toJson).join().includes("hunter2"));
});

test("rows beyond the limit are counted, not kept; memory is given back", (t) => {
	const rows = Array.from({ length: 10 }, (_, i) => wire.row(String(i)));
	const h = play([...LOGIN, [0, wire.message("Q", "all")], [1, ...rows, wire.done("SELECT 10"), wire.READY]], 1000, {
		maxBodyBytes: 3 * rows[0]!.length,
	});
	const [result] = h.exchanges[0]!.response!.messages!;
	const { length } = rows[0]!;
	t.deepEqual(result!.data, [["0"], ["1"], ["2"]]);
	t.is(result!.bytes, 10 * length);
	t.is(result!.completeness, "truncated");
	t.deepEqual(result!.gaps, [{ from: 3 * length, to: 10 * length, cause: "limit" }]);
	t.true(h.counters.bytes_held! > 0);
	(h.exchanges[0] as unknown as { release(): void }).release();
	t.is(h.counters.bytes_held, 0);
});
