import test from "ava";
import type { Direction } from "../../../core/index.js";
import http1 from "../../../parsers/http1/index.js";
import { Harness } from "./harness.js";
import { wordParser } from "./mux-parser.js";

const REQUEST = "GET /words HTTP/1.1\r\n\r\n";
const answer = (words: string, more = ""): string =>
	`HTTP/1.1 200 OK\r\nContent-Type: text/words; charset=x\r\nContent-Length: ${words.length}\r\n${more}\r\n${words}`;

function play(response: string, size: number, plugin = wordParser): Harness {
	const h = new Harness({}, [http1, plugin]).open();
	const at: [number, number] = [0, 0];
	for (const [dir, text] of [[0, REQUEST] as const, [1, response] as const, [0, REQUEST] as const])
		for (let from = 0; from < text.length; from += size) {
			const piece = text.slice(from, from + size);
			h.bytes(dir as Direction, at[dir], piece);
			at[dir] += piece.length;
		}
	return h.close(at).pass(200_000);
}

for (const size of [Number.POSITIVE_INFINITY, 1, 7])
	for (const plugin of [wordParser, { ...wordParser, readsOnly: true as const }]) {
		const how = `${size} bytes at a time, ${plugin.readsOnly ? "views" : "copies"}`;

		test(`a payload becomes parts and records of its own, ${how}`, (t) => {
			const response = answer("one Rtwo!three Jour ");
			const h = play(response, size, plugin);
			t.deepEqual(h.failures, []);
			const [record, exchange, last] = h.exchanges;
			t.is(exchange!.protocol, "words");
			t.is(last!.protocol, "http/1.1");
			t.is(exchange!.response!.body.bytes, 0);
			t.deepEqual(
				exchange!.response!.messages!.map(({ data, attributes }) => [data, attributes]),
				[
					["one ", { letters: 4 }],
					["three ", { letters: 6 }],
					[{ length: 5 }, { letters: 5 }],
				],
			);
			t.is(exchange!.response!.messages![2]!.encoding, "json");
			t.is(record!.kind, "message");
			t.is(record!.parentId, exchange!.id);
			t.is(record!.response!.body.data, "Rtwo!");
			t.is(Number.parseInt(record!.id.slice(16, 24), 16), 2000 + response.indexOf("Rtwo"));
			t.is(record!.response!.bytes, 5);
		});

		test(`a payload that is not what it should be is a body from there on, ${how}`, (t) => {
			const h = play(answer("one stop.the rest"), size, plugin);
			const { response, flags } = h.exchanges[0]!;
			t.deepEqual(flags, ["words-stopped"]);
			t.is(response!.body.data, "the rest");
			t.is(response!.messages!.length, 2);
		});

		test(`a payload parser that throws costs its payload nothing, ${how}`, (t) => {
			const h = play(answer("throw.the rest"), size, plugin);
			t.is(h.failures.length, 1);
			const { response, flags, outcome } = h.exchanges[0]!;
			t.is(outcome, "ok");
			t.deepEqual(flags, ["content-parser-failed"]);
			t.true(String(response!.body.data).endsWith(".the rest"));
			t.is(h.lines.length, 2);
		});

		test(`the payload may tell how it ended, ${how}`, (t) => {
			t.deepEqual(play(answer("bad. "), size, plugin).lines[0], "GET /words→200 error");
		});
	}

test("a hole of the payload is told to who reads it", (t) => {
	const h = new Harness({}, [http1, wordParser]).open();
	const response = answer("one three ");
	h.bytes(0, 0, REQUEST)
		.bytes(1, 0, response.slice(0, -4))
		.bytes(1, response.length - 2, response.slice(-2))
		.pass(60_000);
	const [one, three] = h.exchanges[0]!.response!.messages!;
	t.is(one!.data, "one ");
	t.deepEqual(three!.gaps, [{ from: 2, to: 4, cause: "missed" }]);
	t.is(three!.bytes, 6);
});

test("a record that is open when its payload ends is ended by the engine", (t) => {
	const h = new Harness({}, [http1, wordParser]).open();
	h.bytes(0, 0, REQUEST)
		.bytes(1, 0, answer("Rtwo ").slice(0, -2))
		.close([REQUEST.length, answer("Rtwo ").length - 2]);
	t.deepEqual(
		h.exchanges.map(({ kind, outcome }) => `${kind} ${outcome}`),
		["exchange aborted", "message aborted"],
	);
});
