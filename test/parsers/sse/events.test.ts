import { brotliCompressSync, constants, createGzip, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import test from "ava";
import type { Exchange } from "../../../core/index.js";
import http1 from "../../../parsers/http1/index.js";
import http2 from "../../../parsers/http2/index.js";
import sse from "../../../parsers/sse/index.js";
import { Harness } from "../../core/engine/harness.js";
import { byteByByte, type Cut, randomCuts, whole } from "../http1/play.js";
import { ask, type Chunk, talk } from "../http2/talk.js";

const parsers = [http1, http2, sse];
const CUTS: readonly (readonly [string, Cut])[] = [
	["whole", whole],
	["byte by byte", byteByByte],
	["at random", randomCuts(5)],
];

function play(chunks: readonly Chunk[], cut: Cut): Exchange[] {
	const h = new Harness({}, parsers).open();
	const at: [number, number] = [0, 0];
	for (const { dir, bytes } of chunks)
		for (let from = 0; from < bytes.length; ) {
			const piece = bytes.subarray(from, from + cut(bytes.length - from));
			h.bytes(dir, at[dir], piece);
			at[dir] += piece.length;
			from += piece.length;
		}
	h.close(at).pass(200_000);
	if (h.failures.length > 0) throw h.failures[0];
	return h.exchanges;
}

const ASK = "GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n";

/** A response with a body, `coding` its content coding, in chunks of so many bytes or up to the close. */
function response(body: string | Buffer, { coding = "", chunk = 0 } = {}): Chunk[] {
	const bytes = typeof body === "string" ? Buffer.from(body) : body;
	const more = coding === "" ? "" : `Content-Encoding: ${coding}\r\n`;
	const framing = chunk === 0 ? "Connection: close\r\n" : "Transfer-Encoding: chunked\r\n";
	const pieces: Buffer[] = [];
	if (chunk === 0) pieces.push(bytes);
	else {
		for (let at = 0; at < bytes.length; at += chunk) {
			const part = bytes.subarray(at, at + chunk);
			pieces.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n"));
		}
		pieces.push(Buffer.from("0\r\n\r\n"));
	}
	const head = `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n${more}${framing}\r\n`;
	return [
		{ dir: 0, bytes: Buffer.from(ASK) },
		{ dir: 1, bytes: Buffer.concat([Buffer.from(head), ...pieces]) },
	];
}

const eventsOf = (exchanges: readonly Exchange[]): Exchange[] => exchanges.filter(({ protocol }) => protocol === "sse");

/** `type id retry "data" outcome flags`. */
function lines(exchanges: readonly Exchange[]): string[] {
	return eventsOf(exchanges).map(({ summary, response: event, outcome, flags }) => {
		const { attributes, body } = event!;
		const id = attributes["sse.event.id"] === undefined ? "" : ` id ${JSON.stringify(attributes["sse.event.id"])}`;
		const retry = attributes["sse.retry_ms"] === undefined ? "" : ` retry ${attributes["sse.retry_ms"]}`;
		return `${summary.result}${id}${retry} ${JSON.stringify(body.data)} ${outcome}${flags.map((flag) => ` ${flag}`).join("")}`;
	});
}

const STREAM = [
	": a comment\n\n",
	"data: plain\n\n",
	'event: price\nid: 7\ndata: {"a":1}\n\n',
	"data:no space\ndata:  two spaces\ndata\ndata: \n\n",
	"retry: 1500\n\n",
	"retry: soon\nid\ndata: x\n\n",
	": only a comment\n\n",
	"id: nul\0\ndata: thr\u00e9e\u20ac\n\n",
	"dataset: not data\neventful\n: c\ndata: y\nunknown: z\n\n\n\n",
	"event: cut\ndata: not whole",
].join("");

const EXPECTED = [
	'message "plain" ok',
	'price id "7" "{\\"a\\":1}" ok',
	'message "no space\\n two spaces\\n\\n" ok',
	'message retry 1500 "" ok no-data',
	'message id "" "x" ok',
	'message "thr\u00e9e\u20ac" ok',
	'message "y" ok',
	'cut "not whole" aborted incomplete',
];

for (const [name, cut] of CUTS) {
	for (const [ends, eol] of [
		["LF", "\n"],
		["CR LF", "\r\n"],
		["CR", "\r"],
	] as const)
		test(`fields, comments and ends of lines as ${ends}, ${name}`, (t) => {
			const body = `\ufeff${STREAM.replaceAll("\n", eol)}`;
			for (const chunk of [0, 1, 13, 100_000]) {
				const exchanges = play(response(body, { chunk }), cut);
				t.deepEqual(lines(exchanges), EXPECTED);
				const exchange = exchanges.find(({ protocol }) => protocol === "http/1.1")!;
				t.is(exchange.outcome, "ok");
				t.is(exchange.response!.body.bytes, 0);
				const events = eventsOf(exchanges);
				t.true(events.every(({ parentId, kind }) => parentId === exchange.id && kind === "message"));
				t.is(new Set(events.map(({ id }) => id)).size, events.length);
				t.is(events[0]!.response!.bytes, "data: plain".length + 2 * eol.length - (eol === "\r\n" ? 1 : 0));
			}
		});

	test(`compressed streams, ${name}`, (t) => {
		const before = [gzipSync, deflateSync, deflateRawSync].map((code, i) => ({
			code,
			coding: i === 0 ? "gzip" : "deflate",
		}));
		for (const { code, coding } of before) {
			const exchanges = play(response(code(STREAM), { coding, chunk: 50 }), cut);
			t.deepEqual(lines(exchanges), EXPECTED, coding);
			t.is(new Set(exchanges.map(({ id }) => id)).size, exchanges.length);
		}
		const named = Buffer.concat([
			Buffer.from([0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3, 2, 0, 9, 9]),
			Buffer.from("name\0comment\0"),
			Buffer.from([1, 2]),
			deflateRawSync(STREAM),
			Buffer.alloc(8),
		]);
		t.deepEqual(lines(play(response(named, { coding: "gzip" }), cut)), EXPECTED);
		const [lost, ...more] = play(response(Buffer.from("data: not compressed\n\n"), { coding: "gzip" }), cut);
		t.deepEqual(more, []);
		t.deepEqual(lost!.flags, ["event-coding-lost"]);
		t.is(lost!.response!.body.data, "data: not compressed\n\n");
		const kept = play(response(brotliCompressSync(STREAM), { coding: "br" }), cut)[0]!;
		t.is(kept.response!.body.data, STREAM);
	});
}

test("events come out as they pass, compressed ones too", async (t) => {
	const gzip = createGzip();
	const h = new Harness({}, parsers).open().bytes(0, 0, ASK);
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n";
	h.bytes(1, 0, head);
	let at = head.length;
	for (let n = 0; n < 5; n++) {
		gzip.write(`data: ${n}\n\ndata: ${n}.5\n\n`);
		await new Promise<void>((resolve) => gzip.flush(constants.Z_SYNC_FLUSH, resolve));
		const bytes = Buffer.from(gzip.read() as Buffer);
		h.bytes(1, at, bytes);
		at += bytes.length;
		t.is(eventsOf(h.exchanges).length, 2 * n + 2);
	}
	h.close([ASK.length, at]).pass(200_000);
	t.deepEqual(
		eventsOf(h.exchanges).map(({ response: event }) => event!.body.data),
		[0, 1, 2, 3, 4].flatMap((n) => [`${n}`, `${n}.5`]),
	);
	t.is(new Set(h.exchanges.map(({ id }) => id)).size, h.exchanges.length);
});

test("a hole costs the events that it touches, and no event is made of two", (t) => {
	const known = new Set(Array.from({ length: 20 }, (_, n) => `event ${n}\nof several lines`));
	const body = [...known].map((data, n) => `id: ${n}\ndata: ${data.replace("\n", "\ndata: ")}\n\n`).join("");
	const [question, answer] = response(body);
	const front = answer!.bytes.length - body.length;
	for (const size of [1, 2, 30, 200])
		for (let from = front; from + size < answer!.bytes.length - 100; from += 3) {
			const h = new Harness({}, parsers).open().bytes(0, 0, question!.bytes);
			h.bytes(1, 0, answer!.bytes.subarray(0, from)).gap(1, from, size, "ring-full").pass(60_000);
			h.bytes(1, from + size, answer!.bytes.subarray(from + size));
			h.close([question!.bytes.length, answer!.bytes.length]).pass(200_000);
			const events = eventsOf(h.exchanges);
			for (const { response: event, flags } of events)
				if (flags.length === 0) t.true(known.has(String(event!.body.data)), `${from}: ${event!.body.data}`);
				else t.is(event!.body.completeness, "gap", `${size} at ${from - front}: ${flags} ${event!.body.data}`);
			t.is(events.at(-1)!.response!.body.data, "event 19\nof several lines");
			const exchange = h.exchanges.find(({ protocol }) => protocol === "http/1.1")!;
			t.deepEqual(exchange.flags, ["events-lost"]);
		}
});

test("an event of many megabytes is not held, and long fields are cut", (t) => {
	const h = new Harness({}, parsers).open().bytes(0, 0, ASK);
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
	h.bytes(1, 0, `${head}id: ${"i".repeat(10_000)}\ndata: `);
	let at = head.length + 10_011;
	const piece = Buffer.alloc(1 << 20, "x");
	for (let n = 0; n < 64; n++, at += piece.length) h.bytes(1, at, piece);
	h.bytes(1, at, "\n\n");
	const [event] = eventsOf(h.exchanges);
	t.is(event!.response!.body.bytes, 64 << 20);
	t.is(event!.response!.body.captured, 1 << 20);
	t.is(event!.response!.body.completeness, "truncated");
	t.deepEqual(event!.flags, ["fields-cut"]);
	t.is(String(event!.response!.attributes["sse.event.id"]).length, 4096);
});

test("requests of that type, and other types, are left alone", (t) => {
	const body = "data: x\n\n";
	const post = `POST / HTTP/1.1\r\nContent-Type: text/event-stream\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
	const answer = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
	const [exchange, ...more] = play(
		[
			{ dir: 0, bytes: Buffer.from(post) },
			{ dir: 1, bytes: Buffer.from(answer) },
		],
		whole,
	);
	t.deepEqual(more, []);
	t.is(exchange!.request!.body.data, body);
	t.is(exchange!.response!.body.data, body);
});

for (const [name, cut] of CUTS)
	test(`over HTTP/2, two streams at once, ${name}`, async (t) => {
		const chunks = await talk(
			(stream, headers) => {
				const path = String(headers[":path"]);
				stream.respond({ ":status": 200, "content-type": "text/event-stream" });
				let n = 0;
				const more = (): void => {
					stream.write(`event: ${path.slice(1)}\ndata: ${n}\n\n`);
					if (++n === 10) stream.end();
					else setImmediate(more);
				};
				more();
			},
			async (client) => {
				await Promise.all(["/a", "/b"].map((path) => ask(client, { ":path": path })));
			},
		);
		const exchanges = play(chunks, cut);
		for (const path of ["a", "b"]) {
			const parent = exchanges.find(({ request }) => request?.attributes["url.path"] === `/${path}`)!;
			t.is(parent.protocol, "http/2");
			const events = eventsOf(exchanges).filter(({ parentId }) => parentId === parent.id);
			t.deepEqual(
				events.map(({ summary, response: event }) => `${summary.result} ${event!.body.data}`),
				Array.from({ length: 10 }, (_, n) => `${path} ${n}`),
			);
		}
		t.is(new Set(exchanges.map(({ id }) => id)).size, exchanges.length);
	});
