/** What is read of a stream before its request: both directions are captured apart, and one may be far behind. */
import test from "ava";
import { block, END_STREAM, frame, Type } from "./encode.js";
import { data, get, post, reset, status, Wire, word } from "./frames.js";

const LONGER_THAN_IT_WAITS = 60_000;

test("a response that is over before its request comes: both are there, apart", (t) => {
	const wire = new Wire().say(1, status(1, 200), data(1, "answer")).pass(LONGER_THAN_IT_WAITS);
	wire.say(0, get(1, "/late"), get(3, "/next")).say(1, status(3, 204, [], END_STREAM));
	const all = wire.end();
	t.deepEqual(wire.lines, ["→200 partial", "GET /late→ partial", "GET /next→204 ok"]);
	t.is(all[0]!.response!.body.data, "answer");
	t.deepEqual(all[1]!.flags, ["overtaken"]);
	t.deepEqual(all[2]!.flags, []);
});

test("a response that goes on when its request comes", (t) => {
	const wire = new Wire().say(1, status(1, 200), data(1, "an", 0)).pass(LONGER_THAN_IT_WAITS);
	wire.say(0, post(1, "/late"), data(1, "question", 0));
	wire.say(1, data(1, "swer"));
	wire.say(0, data(1, "s"));
	const all = wire.end();
	t.deepEqual(wire.lines, ["→200 partial", "POST /late→ partial"]);
	t.is(all[0]!.response!.body.data, "answer");
	t.is(all[1]!.request!.body.data, "questions");
	t.is(wire.notes["http2.streams"], 1);
});

test("many responses before their requests: every request comes out once", (t) => {
	const wire = new Wire();
	const ids = Array.from({ length: 200 }, (_, i) => 2 * i + 1);
	wire.say(1, ...ids.map((id) => status(id, 200, [], END_STREAM))).pass(LONGER_THAN_IT_WAITS);
	wire.say(0, ...ids.map((id) => get(id, `/${id}`)));
	const all = wire.end();
	t.is(all.filter(({ request }) => request !== null).length, 200);
	t.is(all.filter(({ response }) => response !== null).length, 200);
	t.true(all.every(({ outcome }) => outcome === "partial"));
});

test("a reset that is read before the request", (t) => {
	const wire = new Wire().say(1, reset(1, 7)).pass(LONGER_THAN_IT_WAITS);
	wire.say(0, get(1, "/refused"), post(3, "/fine"), data(3, "x")).say(1, status(3, 200, [], END_STREAM));
	const all = wire.end();
	t.deepEqual(wire.lines.sort(), ["GET /refused→ aborted", "POST /fine→200 ok"]);
	t.like(all.find(({ summary }) => summary.operation === "GET /refused")!.annotations, {
		"http2.reset.error_code": "REFUSED_STREAM",
		"http2.reset.by": "server",
	});
});

test("a request after GOAWAY is not answered, and says why", (t) => {
	const wire = new Wire().say(0, get(1, "/seen"));
	wire.say(1, frame(Type.goaway, 0, 0, Buffer.concat([word(1, 0), Buffer.from("shutting down")])));
	wire.say(0, get(3, "/too-late"), post(5, "/too-late-too"));
	wire.say(1, status(1, 200, [], END_STREAM));
	wire.say(0, data(5, "ignored"));
	const all = wire.end();
	t.deepEqual(wire.lines.sort(), ["GET /seen→200 ok", "GET /too-late→ aborted", "POST /too-late-too→ aborted"]);
	for (const x of all.filter(({ outcome }) => outcome === "aborted"))
		t.like(x.annotations, { "http2.goaway.error_code": "NO_ERROR", "http2.goaway.by": "server" });
	t.like(wire.notes, { "http2.goaway.server.debug": "shutting down", "http2.goaway.server.last_stream": 1 });
});

test("what a client still sends of a stream that was reset is no new request", (t) => {
	const wire = new Wire().say(0, post(1, "/reset"), data(1, "a", 0)).say(1, reset(1, 8));
	wire.say(0, data(1, "b", 0), frame(Type.headers, 5, 1, Buffer.from([0, 1, 0x78, 1, 0x79])));
	t.is(wire.end().length, 1);
	t.deepEqual(wire.lines, ["POST /reset→ aborted"]);
});

test("a server that answers what it said it would not: the same, whichever was captured first", (t) => {
	const gone = frame(Type.goaway, 0, 0, word(1, 0));
	const answers = [status(3, 200), data(3, "all the same")];
	const asked = new Wire().say(0, get(1, "/a"), get(3, "/b")).say(1, gone, ...answers);
	const told = new Wire()
		.say(0, get(1, "/a"))
		.say(1, gone)
		.say(0, get(3, "/b"))
		.say(1, ...answers);
	asked.end();
	told.end();
	t.deepEqual(told.lines, ["GET /b→ aborted", "→200 partial", "GET /a→ unanswered"]);
	t.deepEqual(asked.lines, told.lines);
});

test("a number that is used twice: the same, whichever was captured first", (t) => {
	const first = [get(1, "/a"), post(3, "/body"), data(3, "half", 0)];
	const again = [data(3, "rest"), get(1, "/b"), get(3, "/c")];
	const answers = [status(1, 200, [], END_STREAM), status(3, 201, [], END_STREAM)];
	const late = [status(1, 500, [], END_STREAM), status(3, 501, [], END_STREAM)];
	const inTurns = new Wire()
		.say(0, ...first)
		.say(1, ...answers)
		.say(0, ...again)
		.say(1, ...late);
	const asked = new Wire().say(0, ...first, ...again).say(1, ...answers, ...late);
	const answered = new Wire()
		.say(0, ...first)
		.say(1, ...answers, ...late)
		.say(0, ...again);
	for (const wire of [inTurns, asked, answered]) {
		const all = wire.end();
		t.deepEqual(wire.lines.sort(), ["GET /a→200 ok", "POST /body→201 ok"]);
		t.is(all.find(({ summary }) => summary.operation === "POST /body")!.request!.body.data, "halfrest");
		t.is(wire.notes["http2.stream_numbers_reused"], 4);
		t.is(wire.notes["http2.streams"], 2);
	}
});

test("a number below one that was used before is nobody's: the same, whichever was captured first", (t) => {
	const asked = new Wire().say(0, get(1, "/a"), get(5, "/c"), get(3, "/b"));
	const inTurns = new Wire().say(0, get(1, "/a"), get(5, "/c"));
	for (const wire of [asked, inTurns]) wire.say(1, status(3, 200, [], END_STREAM), status(5, 204, [], END_STREAM));
	inTurns.say(0, get(3, "/b"));
	for (const wire of [asked, inTurns]) {
		wire.end();
		t.deepEqual(wire.lines.sort(), ["GET /a→ unanswered", "GET /c→204 ok", "→200 partial"]);
		t.is(wire.notes["http2.stream_numbers_reused"], 1);
	}
});

test("numbers of pushed streams are none of the client's", (t) => {
	const promise = frame(5, 4, 1, Buffer.concat([word(2), block([[":path", "/style"]])]));
	const wire = new Wire().say(0, get(1, "/page"));
	wire.say(1, promise, status(2, 200), data(2, "style"), status(1, 200, [], END_STREAM));
	wire.say(0, get(3, "/next")).say(1, status(3, 404, [], END_STREAM));
	wire.end();
	t.deepEqual(wire.lines.sort(), ["GET /next→404 error", "GET /page→200 ok", "→200 ok"]);
});

test("numbers far apart, and ones from long before", (t) => {
	const wire = new Wire();
	const ids = [1, 3, 65, 8191, 8193, 16_385, 1_000_001, 0x7fff_ffff];
	for (const id of ids) wire.say(0, get(id, `/${id}`)).say(1, status(id, 200, [], END_STREAM));
	// these are known to have been used
	wire.say(0, get(0x7fff_ffff, "/again"));
	wire.end();
	t.deepEqual(
		wire.lines,
		ids.map((id) => `GET /${id}→200 ok`),
	);
	t.is(wire.notes["http2.stream_numbers_reused"], 1);
});

test("what a client still sends of a stream that was reset uses the connection's window", (t) => {
	const wire = new Wire().say(0, post(1, "/reset"), data(1, "x".repeat(16_000), 0)).say(1, reset(1, 8));
	for (let left = 65_535 - 16_000; left > 0; left -= 16_000)
		wire.say(0, data(1, "x".repeat(Math.min(left, 16_000)), 0));
	wire.say(0, post(3, "/held")).pass(4000);
	wire.say(1, frame(8, 0, 0, word(1000))).say(0, data(3, "now"));
	wire.say(1, status(3, 200, [], END_STREAM));
	const held = wire.end().find(({ summary }) => summary.operation === "POST /held")!;
	t.is(held.annotations["http2.flow_control.request.limited_by"], "connection");
});
