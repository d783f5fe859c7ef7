import test from "ava";
import type { Direction } from "../../core/index.js";
import { Harness } from "../core/engine/harness.js";
import { block, END_STREAM, frame, grpc, indexed, PREFACE, Type } from "./http2-frames.js";
import { http2 } from "./http2-parser.js";

const get = (path: string): Buffer =>
	block([
		[":method", "GET"],
		[":path", path],
	]);
const OK = Buffer.from([0x88]);
const { data, headers, reset, push, ping } = Type;

/** Frames in the order in which they are captured, in pieces of `size` bytes. */
function play(steps: readonly (readonly [Direction, ...Buffer[]])[], size = Number.POSITIVE_INFINITY): Harness {
	const h = new Harness({}, [http2]).open();
	const at: [number, number] = [0, 0];
	for (const [dir, ...frames] of [[0, PREFACE] as const, ...steps]) {
		const bytes = Buffer.concat(frames);
		for (let from = 0; from < bytes.length; from += size) {
			const piece = bytes.subarray(from, from + size);
			h.bytes(dir, at[dir], piece);
			at[dir] += piece.length;
		}
	}
	return h.close(at).pass(200_000);
}

for (const size of [Number.POSITIVE_INFINITY, 1, 7]) {
	test(`interleaved streams keep their own bodies, trailers and sizes, ${size} bytes at a time`, (t) => {
		const h = play(
			[
				[0, frame(headers, 0, 1, get("/a")), frame(headers, END_STREAM, 3, get("/b")), frame(data, 0, 1, "up")],
				[1, frame(headers, 0, 3, OK), frame(headers, 0, 1, OK), frame(data, 0, 3, "bb"), frame(data, 0, 1, "aa")],
				[0, frame(data, END_STREAM, 1, "load")],
				[
					1,
					frame(data, 0, 3, "BB"),
					frame(data, END_STREAM, 1, "AA"),
					frame(headers, END_STREAM, 3, block([["x", "y"]])),
				],
			],
			size,
		);
		t.deepEqual(h.failures, []);
		t.deepEqual(h.lines, ["GET /a→200 ok", "GET /b→200 ok"]);
		const [a, b] = h.exchanges;
		t.is(a!.request!.body.data, "upload");
		t.is(a!.response!.body.data, "aaAA");
		t.is(b!.response!.body.data, "bbBB");
		t.deepEqual(b!.response!.trailers, [["x", "y"]]);
		t.is(b!.response!.bytes, 10 + 11 + 11 + 9 + 5);
		t.is(a!.id.slice(24), "00000001");
		t.is(b!.id.slice(24), "00000003");
	});

	test(`a gRPC stream has messages with their own times, and a status that only the trailers tell, ${size} at a time`, (t) => {
		const type = ["content-type", "application/grpc"] as const;
		const rpc = block([[":method", "POST"], [":path", "/Shop/Buy"], type]);
		const [one, two] = [grpc("first"), grpc("second")];
		const h = play(
			[
				[0, frame(headers, 0, 1, rpc), frame(data, END_STREAM, 1, grpc("ask"))],
				[
					1,
					frame(headers, 0, 1, Buffer.concat([OK, block([type])])),
					frame(data, 0, 1, Buffer.concat([one, two.subarray(0, 8)])),
				],
				[1, frame(data, 0, 1, two.subarray(8)), frame(headers, END_STREAM, 1, block([["grpc-status", "5"]]))],
			],
			size,
		);
		t.deepEqual(h.lines, ["POST /Shop/Buy→5 error"]);
		const { request, response } = h.exchanges[0]!;
		t.deepEqual(
			request!.messages!.map((m) => m.data),
			["ask"],
		);
		t.deepEqual(
			response!.messages!.map((m) => m.data),
			["first", "second"],
		);
		t.is(response!.attributes["rpc.grpc.status_code"], 5);
		t.is(response!.attributes["http.response.status_code"], 200);
		t.true(response!.messages![0]!.at <= response!.messages![1]!.at);
	});
}

test("a reset ends both halves, whoever sends it and whether or not a response began", (t) => {
	const h = play([
		[
			0,
			frame(headers, END_STREAM, 1, get("/a")),
			frame(headers, END_STREAM, 3, get("/b")),
			frame(headers, 0, 5, get("/c")),
		],
		[1, frame(headers, 0, 1, OK), frame(data, 0, 1, "half")],
		[0, frame(reset, 0, 1, "\0\0\0\x08")],
		[1, frame(reset, 0, 3, "\0\0\0\x02"), frame(reset, 0, 5, "\0\0\0\x02")],
	]);
	t.deepEqual(h.failures, []);
	t.deepEqual(h.lines, ["GET /a→200 aborted", "GET /b→ aborted", "GET /c→ aborted"]);
	t.is(h.exchanges[0]!.response!.body.data, "half");
	t.is(h.exchanges[0]!.response!.bytes, 10 + 13);
});

test("a pushed response is a message whose parent is the request that it came with; pings are counted", (t) => {
	const promise = Buffer.concat([Buffer.from([0, 0, 0, 2]), get("/style.css")]);
	const h = play([
		[0, frame(headers, END_STREAM, 1, get("/"))],
		[1, frame(push, 4, 1, promise), frame(ping, 0, 0, "12345678"), frame(ping, 0, 0, "12345678")],
		[1, frame(headers, 0, 2, OK), frame(headers, END_STREAM, 1, OK), frame(data, END_STREAM, 2, "css")],
	]);
	const [page, style, connection] = h.exchanges;
	t.deepEqual(h.lines, ["GET /→200 ok", "→200 ok", "connection tcp connection→ ok"]);
	t.is(style!.kind, "message");
	t.is(style!.parentId, page!.id);
	t.is(style!.response!.attributes["url.path"], "/style.css");
	t.is(style!.response!.body.data, "css");
	t.is(connection!.annotations["http2.pings"], 2);
});

test("a response that is captured before its request waits for it", (t) => {
	const h = play([
		[1, frame(headers, END_STREAM, 1, OK)],
		[0, frame(headers, END_STREAM, 1, get("/late"))],
	]);
	t.deepEqual(h.lines, ["GET /late→200 ok"]);
});

test("a hole in one stream's data leaves the others alone; one that hides a header empties the table", (t) => {
	const h = new Harness({}, [http2]).open();
	const first = Buffer.concat([
		PREFACE,
		frame(headers, END_STREAM, 1, get("/a")),
		frame(headers, END_STREAM, 3, get("/b")),
	]);
	h.bytes(0, 0, first);
	const kept = block([["+server", "one"]]);
	const begun = Buffer.concat([
		frame(headers, 0, 1, OK),
		frame(headers, 0, 3, Buffer.concat([OK, kept])),
		frame(data, END_STREAM, 1, "0123456789").subarray(0, 12),
	]);
	h.bytes(1, 0, begun);
	let at = begun.length + 4;
	const rest = Buffer.concat([Buffer.from("789"), frame(data, END_STREAM, 3, "whole")]);
	h.bytes(1, at, rest).pass(60_000);
	at += rest.length;
	t.deepEqual(h.lines, ["GET /a→200 ok", "GET /b→200 ok"]);
	t.deepEqual(h.exchanges[0]!.response!.body.gaps, [{ from: 3, to: 7, cause: "missed" }]);
	t.is(h.exchanges[1]!.response!.body.completeness, "complete");
	h.bytes(0, first.length, frame(headers, END_STREAM, 5, get("/c")));
	h.bytes(1, at + 40, frame(headers, END_STREAM, 5, Buffer.concat([OK, indexed(0)]))).pass(60_000);
	t.is(h.lines[2], "GET /c→200 ok");
	t.deepEqual(h.exchanges[2]!.response!.headers, [["<unknown>", "<unknown>"]]);
});
