/** Frames that real clients and servers seldom send, and limits that they never reach. */
import test from "ava";
import type { Direction, Exchange, ParserPlugin } from "../../../core/index.js";
import http1 from "../../../parsers/http1/index.js";
import { MAX_FIELDS, MAX_LIST_BYTES } from "../../../parsers/http2/block-decoder.js";
import { MAX_BLOCK_BYTES, MAX_BLOCK_FRAMES } from "../../../parsers/http2/header-frames.js";
import parser from "../../../parsers/http2/index.js";
import { Harness } from "../../core/engine/harness.js";
import { block, END_STREAM, frame, indexed, PREFACE, Type } from "./encode.js";
import {
	ACK,
	CONTINUATION,
	data,
	END_HEADERS,
	type Fields,
	get,
	PADDED,
	PRIORITY,
	post,
	reset,
	SETTINGS,
	status,
	Wire,
	word,
} from "./frames.js";

const WHOLE = Number.POSITIVE_INFINITY;
const ASK: Fields = [
	[":method", "GET"],
	[":path", "/x"],
];

for (const size of [WHOLE, 1, 7])
	test(`padding is no payload, ${size} bytes at a time`, (t) => {
		const wire = new Wire({}, size);
		const padded = Buffer.concat([Buffer.from([6]), block(ASK), Buffer.alloc(6)]);
		wire.say(0, frame(Type.headers, END_HEADERS | PADDED, 1, padded));
		wire.say(
			0,
			frame(Type.data, PADDED, 1, Buffer.concat([Buffer.from([3]), Buffer.from("ab"), Buffer.alloc(3)])),
			frame(Type.data, PADDED, 1, Buffer.from([0])),
			frame(Type.data, PADDED | END_STREAM, 1, Buffer.concat([Buffer.from([9]), Buffer.alloc(9)])),
		);
		const both = Buffer.concat([
			Buffer.from([4]),
			word(0),
			Buffer.from([15]),
			block([[":status", "200"]]),
			Buffer.alloc(4),
		]);
		wire.say(1, frame(Type.headers, END_HEADERS | PADDED | PRIORITY | END_STREAM, 1, both));
		const [x] = wire.end();
		t.is(x!.request!.body.data, "ab");
		t.is(x!.request!.bytes, 9 + padded.length + 9 + 6 + 9 + 1 + 9 + 10);
		t.is(x!.response!.attributes["http.response.status_code"], 200);
		t.deepEqual(x!.flags, []);
	});

test("padding that is longer than its frame is no HTTP/2", (t) => {
	const wire = new Wire().say(0, post(1, "/x"), frame(Type.data, PADDED, 1, Buffer.from([5, 1, 2])));
	wire.end();
	t.is(wire.notes["polytap.opaque.reason"], "bad-frame");
});

for (const size of [WHOLE, 1, 10])
	test(`a block in a HEADERS and many CONTINUATION frames, ${size} bytes at a time`, (t) => {
		const fields = block([...ASK, ["+x-kept", "v".repeat(100)], ["x-last", "yes"]]);
		const cuts = [0, 1, 5, 40, 41, 90, fields.length];
		const pieces = cuts.slice(1).map((to, i) => fields.subarray(cuts[i]!, to));
		const frames = pieces.map((piece, i) =>
			frame(
				i === 0 ? Type.headers : CONTINUATION,
				(i === 0 ? END_STREAM : 0) | (i === pieces.length - 1 ? END_HEADERS : 0),
				1,
				piece,
			),
		);
		const wire = new Wire({}, size).say(0, ...frames, frame(CONTINUATION, END_HEADERS, 3).subarray(0, 0));
		wire.say(0, frame(Type.headers, END_HEADERS | END_STREAM, 3, Buffer.concat([block(ASK), indexed(0)])));
		wire.say(1, status(1, 200, [], END_STREAM), status(3, 200, [], END_STREAM));
		const [a, b] = wire.end();
		t.deepEqual(a!.request!.headers, [
			["x-kept", "v".repeat(100)],
			["x-last", "yes"],
		]);
		t.deepEqual(b!.request!.headers, [["x-kept", "v".repeat(100)]]);
		t.is(a!.request!.bytes, Buffer.concat(frames).length);
	});

test("another frame between HEADERS and CONTINUATION is no HTTP/2", (t) => {
	const wire = new Wire().say(0, frame(Type.headers, END_STREAM, 1, block(ASK)), frame(Type.ping, 0, 0, word(1, 2)));
	wire.end();
	t.is(wire.notes["polytap.opaque.reason"], "bad-frame");
});

test("a block that is too large is not kept, and nothing that it inserted is guessed", (t) => {
	const wire = new Wire({ maxCarryBytes: 1 << 22 });
	wire.say(0, frame(Type.headers, END_HEADERS | END_STREAM, 1, block([...ASK, ["+x-a", "1"]])));
	const piece = Buffer.alloc(16_000, 0);
	const count = Math.ceil(MAX_BLOCK_BYTES / piece.length) + 2;
	const bomb = [frame(Type.headers, END_STREAM, 3, block(ASK))];
	for (let i = 0; i < count; i++) bomb.push(frame(CONTINUATION, i === count - 1 ? END_HEADERS : 0, 3, piece));
	wire.say(0, ...bomb);
	wire.say(0, frame(Type.headers, END_HEADERS | END_STREAM, 5, Buffer.concat([block(ASK), indexed(0)])));
	for (const id of [1, 3, 5]) wire.say(1, status(id, 200, [], END_STREAM));
	const [, large, after] = wire.end();
	t.deepEqual(large!.flags, ["header-block-lost"]);
	t.is(large!.summary.operation, "<unknown>");
	t.deepEqual(after!.request!.headers, [["<unknown>", "<unknown>"]]);
	t.is(wire.notes["http2.blocks_too_large"], 1);
});

test("a flood of CONTINUATION frames ends soon", (t) => {
	const wire = new Wire();
	const flood = [frame(Type.headers, END_STREAM, 1, block(ASK))];
	for (let i = 0; i < MAX_BLOCK_FRAMES + 500; i++) flood.push(frame(CONTINUATION, 0, 1));
	wire.say(0, ...flood, frame(CONTINUATION, END_HEADERS, 1), get(3, "/after"));
	wire.say(1, status(1, 431, [], END_STREAM), status(3, 200, [], END_STREAM));
	const [flooded, after] = wire.end();
	t.deepEqual(flooded!.flags, ["header-block-lost"]);
	t.is(after!.summary.operation, "GET /after");
});

test("fields beyond what anybody takes are left out, and the table stays exact", (t) => {
	const bomb = Buffer.concat([
		block([...ASK, ["+x-large", "v".repeat(120)]]),
		// one byte each, 152 bytes decoded
		Buffer.alloc(60_000, indexed(0)),
	]);
	const frames: Buffer[] = [];
	for (let from = 0; from < bomb.length; from += 16_000)
		frames.push(
			frame(
				from === 0 ? Type.headers : CONTINUATION,
				(from === 0 ? END_STREAM : 0) | (from + 16_000 >= bomb.length ? END_HEADERS : 0),
				1,
				bomb.subarray(from, from + 16_000),
			),
		);
	const wire = new Wire().say(0, ...frames);
	wire.say(0, frame(Type.headers, END_HEADERS | END_STREAM, 3, Buffer.concat([block(ASK), indexed(0)])));
	wire.say(1, status(1, 200, [], END_STREAM), status(3, 200, [], END_STREAM));
	const [cut, after] = wire.end();
	t.deepEqual(cut!.flags, ["headers-cut"]);
	t.true(cut!.request!.headers.length <= MAX_FIELDS);
	t.true(cut!.request!.headers.reduce((sum, [a, b]) => sum + a.length + b.length, 0) <= MAX_LIST_BYTES);
	t.deepEqual(after!.request!.headers, [["x-large", "v".repeat(120)]]);
});

test("a block that cannot be decoded: its stream says so, the next one has no wrong value", (t) => {
	const wire = new Wire().say(0, frame(Type.headers, END_HEADERS | END_STREAM, 1, block([...ASK, ["+x-a", "1"]])));
	wire.say(0, frame(Type.headers, END_HEADERS | END_STREAM, 3, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff])));
	wire.say(0, frame(Type.headers, END_HEADERS | END_STREAM, 5, Buffer.concat([block(ASK), indexed(0)])));
	const [, broken, after] = wire.end();
	t.deepEqual(broken!.flags, ["header-block-lost"]);
	t.deepEqual(after!.request!.headers, [["<unknown>", "<unknown>"]]);
	t.is(wire.notes["http2.blocks_undecodable"], 1);
});

test("more streams than anybody allows: the oldest is given up, and every one comes out", (t) => {
	const wire = new Wire({ maxPending: 100_000 });
	const count = 9000;
	for (let i = 0; i < count; i++) wire.say(0, post(2 * i + 1, `/${i}`));
	const all = wire.end();
	t.is(all.length, count);
	const evicted = all.filter(({ flags }) => flags.includes("stream-cap"));
	t.is(evicted.length, count - 8192);
	t.is(evicted[0]!.summary.operation, "POST /0");
	t.is(wire.notes["http2.streams_evicted"], count - 8192);
});

test("GOAWAY: what was not looked at, why, and in whose words", (t) => {
	const wire = new Wire().say(0, get(1, "/done"), post(3, "/open"), post(5, "/unseen"));
	wire.say(1, status(1, 200, [], END_STREAM));
	wire.say(1, frame(Type.goaway, 0, 0, Buffer.concat([word(3, 11), Buffer.from("too many pings")])));
	wire.say(0, data(3, "x")).say(1, status(3, 200, [], END_STREAM));
	wire.say(0, frame(Type.goaway, 0, 0, word(0, 0)));
	wire.end();
	t.deepEqual(wire.lines, ["GET /done→200 ok", "POST /unseen→ aborted", "POST /open→200 ok"]);
	const [, unseen, open] = wire.h.exchanges;
	t.like(unseen!.annotations, { "http2.goaway.error_code": "ENHANCE_YOUR_CALM", "http2.goaway.by": "server" });
	t.like(open!.annotations, { "http2.goaway.error_code": "ENHANCE_YOUR_CALM", "http2.goaway.by": "server" });
	t.like(wire.notes, {
		"http2.goaways": 2,
		"http2.goaway.server.error_code": "ENHANCE_YOUR_CALM",
		"http2.goaway.server.last_stream": 3,
		"http2.goaway.server.debug": "too many pings",
		"http2.goaway.client.error_code": "NO_ERROR",
	});
});

test("RST_STREAM at each stage of a stream", (t) => {
	const wire = new Wire();
	wire.say(0, get(1, "/before")).say(1, reset(1, 7));
	wire.say(0, get(3, "/after")).say(1, status(3, 200), data(3, "half", 0), reset(3, 2));
	wire.say(0, post(5, "/client"), data(5, "par", 0), reset(5, 8));
	// a server that has answered in full wants no more of the request (RFC 9113, section 8.1)
	wire.say(0, post(7, "/enough"), data(7, "some", 0)).say(1, status(7, 200, [], END_STREAM), reset(7, 0));
	wire.say(0, get(9, "/odd")).say(1, reset(9, 0xabcd));
	const all = wire.end();
	t.deepEqual(wire.lines, [
		"GET /before→ aborted",
		"GET /after→200 aborted",
		"POST /client→ aborted",
		"POST /enough→200 ok",
		"GET /odd→ aborted",
	]);
	t.deepEqual(
		all.map(({ annotations }) => [annotations["http2.reset.error_code"], annotations["http2.reset.by"]]),
		[
			["REFUSED_STREAM", "server"],
			["INTERNAL_ERROR", "server"],
			["CANCEL", "client"],
			["NO_ERROR", "server"],
			["0xabcd", "server"],
		],
	);
	t.is(all[1]!.response!.body.data, "half");
	t.is(all[2]!.request!.body.data, "par");
	t.is(wire.notes["http2.resets"], 5);
});

test("PING: round trips of both ends, also where the answer is captured first", (t) => {
	const ping = (flags: number, a: number): Buffer => frame(Type.ping, flags, 0, word(0, a));
	const wire = new Wire().say(0, get(1, "/x")).say(0, ping(0, 1)).pass(3000).say(1, ping(ACK, 1));
	wire.say(0, ping(ACK, 9)).pass(100).say(1, ping(0, 9));
	wire.say(1, ping(0, 5));
	wire.say(1, status(1, 200, [], END_STREAM));
	const [x] = wire.end();
	t.is(x!.annotations["http2.ping.round_trip_us"], 0);
	t.like(wire.notes, { "http2.pings": 3, "http2.ping.answered": 2, "http2.ping.min_us": 0, "http2.ping.max_us": 3010 });
});

test("SETTINGS of both ends; unknown ones are skipped", (t) => {
	const setting = (id: number, value: number): Buffer => Buffer.concat([word(id).subarray(2), word(value)]);
	const wire = new Wire().say(
		0,
		frame(Type.settings, 0, 0, Buffer.concat([setting(3, 7), setting(4, 100), setting(99, 1)])),
	);
	wire.say(1, frame(Type.settings, 0, 0, Buffer.concat([setting(1, 0), setting(5, 20_000), setting(8, 1)])));
	wire.say(0, frame(Type.settings, ACK, 0)).say(1, frame(Type.settings, ACK, 0));
	wire.say(0, get(1, "/x")).say(1, status(1, 200, [], END_STREAM));
	wire.end();
	t.like(wire.notes, {
		"http2.settings.client.max_concurrent_streams": 7,
		"http2.settings.client.initial_window_size": 100,
		"http2.settings.server.header_table_size": 0,
		"http2.settings.server.max_frame_size": 20_000,
		"http2.settings.server.enable_connect_protocol": 1,
	});
});

test("flow control: which stream waited, for which window, how long", (t) => {
	const window = (stream: number, bytes: number): Buffer => frame(Type.window, 0, stream, word(bytes));
	const wire = new Wire().say(0, frame(Type.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), word(100)])));
	wire.say(0, get(1, "/stream"), get(3, "/free"));
	wire.say(1, status(1, 200), data(1, "x".repeat(100), 0)).pass(5000);
	wire.say(1, status(3, 200), data(3, "y".repeat(50)));
	wire
		.say(0, window(1, 100))
		.say(1, data(1, "x".repeat(100), 0))
		.pass(2000)
		.say(0, window(1, 50));
	wire.say(1, data(1, "x".repeat(20)));
	const all = wire.end();
	const waited = all.find(({ summary }) => summary.operation === "GET /stream")!.annotations;
	t.is(waited["http2.flow_control.response.stalls"], 2);
	t.is(waited["http2.flow_control.response.limited_by"], "stream");
	t.true(Math.abs(Number(waited["http2.flow_control.response.stalled_us"]) - 7000) < 200);
	t.deepEqual(all.find(({ summary }) => summary.operation === "GET /free")!.annotations, {});
});

test("flow control: the window of the connection holds every stream", (t) => {
	const wire = new Wire().say(0, get(1, "/first"), get(3, "/second"));
	const grow = frame(Type.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), word(1 << 20)]));
	wire.say(0, grow);
	wire.say(1, status(1, 200), status(3, 200));
	for (let left = 65_535; left > 0; left -= 16_000) wire.say(1, data(1, "x".repeat(Math.min(left, 16_000)), 0));
	wire.pass(4000).say(0, frame(Type.window, 0, 0, word(100_000)));
	wire.say(1, data(3, "second"), data(1, "end"));
	for (const { annotations } of wire.end()) {
		t.is(annotations["http2.flow_control.response.limited_by"], "connection");
		t.true(Math.abs(Number(annotations["http2.flow_control.response.stalled_us"]) - 4000) < 100);
	}
});

test("frames of types beyond RFC 9113, and priorities, are skipped", (t) => {
	const wire = new Wire({}, 5).say(0, frame(0x10, 0, 0, "u=1, i"), frame(2, 0, 1, Buffer.alloc(5)), get(1, "/x"));
	wire.say(1, frame(0xbe, 0xff, 1, "anything at all"), status(1, 200, [], END_STREAM));
	wire.end();
	t.deepEqual(wire.lines, ["GET /x→200 ok"]);
});

/** What HTTP/1.1 and a parser of tunnels make of it together. */
function play(parsers: readonly ParserPlugin[], steps: readonly (readonly [Direction, Uint8Array])[], size = WHOLE) {
	const h = new Harness({}, parsers).open();
	const at: [number, number] = [0, 0];
	for (const [dir, bytes] of steps)
		for (let from = 0; from < bytes.length; from += size) {
			const piece = bytes.subarray(from, from + size);
			h.bytes(dir, at[dir], piece);
			at[dir] += piece.length;
		}
	h.close(at).pass(200_000);
	if (h.failures.length > 0) throw h.failures[0];
	return h.exchanges;
}

for (const size of [WHOLE, 1, 30])
	test(`h2c: from HTTP/1.1's upgrade on, ${size} bytes at a time`, (t) => {
		const settings = Buffer.concat([Buffer.from([0, 4]), word(100)]).toString("base64url");
		const ask = `GET /first HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: ${settings}\r\n\r\n`;
		const all = play(
			[http1, parser],
			[
				[0, Buffer.from(ask)],
				[1, Buffer.from("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")],
				[1, Buffer.concat([SETTINGS, status(1, 200, [["x-a", "b"]]), data(1, "first answer")])],
				[0, Buffer.concat([PREFACE, SETTINGS, get(3, "/second")])],
				[1, Buffer.concat([status(3, 404, [], END_STREAM)])],
			],
			size,
		);
		const upgrade = all.find(({ protocol }) => protocol === "http/1.1")!;
		const first = all.find(({ kind, protocol }) => kind === "message" && protocol === "http/2")!;
		const second = all.find(({ kind, protocol }) => kind === "exchange" && protocol === "http/2")!;
		t.is(upgrade.summary.result, "101");
		t.is(first.parentId, upgrade.id);
		t.is(first.response!.body.data, "first answer");
		t.is(first.response!.attributes["url.path"], "/first");
		t.deepEqual(second.summary, { operation: "GET /second", result: "404" });
		const notes = all.find(({ kind }) => kind === "connection")!.annotations;
		t.is(notes["http2.settings.client.initial_window_size"], 100);
	});

/** Says each direction's bytes as one message. */
const tunnelled: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "websocket",
	summary: "for tests",
	detect: () => "no",
	create: ({ handover, parent }) => {
		let text = "";
		return {
			data: (dir, bytes) => {
				text += `${dir}${Buffer.from(bytes).toString("latin1")}`;
				return bytes.length;
			},
			gap: () => false,
			resync: (_dir, bytes) => ({ skip: bytes.length }),
			end: (_dir, _how, out) => {
				out.note("tunnel.heard", text);
				out.note("tunnel.path", String(handover?.["url.path"]));
				out.note("tunnel.accept", String(handover?.["http.response.header.sec-websocket-protocol"]));
				out.note("tunnel.parent", parent ?? "");
			},
		};
	},
};

for (const size of [WHOLE, 1])
	test(`an extended CONNECT (RFC 8441) is read by the parser that it names, ${size} bytes at a time`, (t) => {
		const wire = new Wire({}, size, [parser, tunnelled]);
		const connect = frame(
			Type.headers,
			END_HEADERS,
			1,
			block([
				[":method", "CONNECT"],
				[":protocol", "websocket"],
				[":scheme", "https"],
				[":path", "/chat"],
				[":authority", "x"],
			]),
		);
		wire.say(0, connect, data(1, "early", 0)).say(1, status(1, 200, [["sec-websocket-protocol", "talk"]]));
		wire
			.say(1, data(1, "hello", 0))
			.say(0, data(1, "bye"))
			.say(1, data(1, ""));
		wire.say(0, get(3, "/beside")).say(1, status(3, 200, [], END_STREAM));
		const all = wire.end();
		const handshake = all.find(({ request }) => request?.attributes["url.path"] === "/chat")!;
		t.is(handshake.outcome, "ok");
		t.is(handshake.request!.attributes["http2.protocol"], "websocket");
		t.is(wire.notes["tunnel.path"], "/chat");
		t.is(wire.notes["tunnel.accept"], "talk");
		t.is(wire.notes["tunnel.parent"], handshake.id);
		t.is(String(wire.notes["tunnel.heard"]).replace(/[01]/g, "").length, "earlyhellobye".length);
		t.true(wire.lines.includes("GET /beside→200 ok"));
	});

test("a CONNECT that is refused is an exchange like any other", (t) => {
	const wire = new Wire({}, WHOLE, [parser, tunnelled]);
	wire.say(
		0,
		frame(
			Type.headers,
			END_HEADERS,
			1,
			block([
				[":method", "CONNECT"],
				[":authority", "x:1"],
			]),
		),
	);
	wire.say(1, status(1, 403), data(1, "no"));
	wire.say(0, data(1, ""));
	const [x] = wire.end() as [Exchange];
	t.is(x.summary.result, "403");
	t.is(x.response!.body.data, "no");
});

test("joined late in the middle of a DATA frame: the frames behind it are found", (t) => {
	const h = new Harness({}, [parser]).open(1, "server", { late: true });
	const stream = Buffer.concat([
		data(1, "x".repeat(500), 0),
		data(1, "y".repeat(30)),
		status(3, 200),
		data(3, "three"),
	]);
	h.bytes(0, 7000, get(5, "/late"));
	h.bytes(1, 9000, stream.subarray(300));
	h.bytes(0, 7000 + get(5, "/late").length, get(7, "/more"));
	h.bytes(
		1,
		9000 + stream.length - 300,
		Buffer.concat([status(5, 200), data(5, "five"), status(7, 200), data(7, "seven")]),
	);
	h.close(null).pass(200_000);
	t.deepEqual(
		h.exchanges
			.filter(({ kind, outcome }) => kind === "exchange" && outcome === "ok")
			.map(({ summary, response }) => [summary.operation, response!.body.data]),
		[
			["GET /late", "five"],
			["GET /more", "seven"],
		],
	);
});

test("joined late: a field that nobody knows makes the ones after it no malformed ones", (t) => {
	const h = new Harness({}, [parser]).open(1, "server", { late: true });
	const ask = Buffer.concat([indexed(3), block(ASK), indexed(4)]);
	h.bytes(0, 7000, frame(Type.headers, END_HEADERS | END_STREAM, 5, ask));
	h.bytes(1, 9000, status(5, 200, [], END_STREAM));
	h.close(null).pass(200_000);
	const [x] = h.exchanges;
	t.deepEqual(x!.flags, ["headers-unknown"]);
	t.is(x!.summary.operation, "GET /x");
	t.deepEqual(x!.request!.headers, [
		["<unknown>", "<unknown>"],
		["<unknown>", "<unknown>"],
	]);
});
