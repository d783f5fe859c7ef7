import test from "ava";
import * as layout from "../../../sources/ebpf/record-layout.js";
import { Script } from "./records.js";

const OPEN = "open 1 server 10.0.0.2:4000 10.0.0.1:80 222,111";

test("a request and its answer, and the end of both", (t) => {
	const script = new Script();
	t.deepEqual(script.payload({ receive: true, data: "ask" }), [OPEN, "bytes 1 0 0 ask"]);
	t.deepEqual(script.payload({ data: "answer" }), ["bytes 1 1 0 answer"]);
	t.deepEqual(script.close({ finals: [6, 3] }), ["end 1 0 3 fin", "end 1 1 6 fin", "close 1"]);
	t.is(script.translator.bytesSeen, 9);
	t.is(script.translator.openSockets, 0);
});

test("positions beyond 32 bits", (t) => {
	const script = new Script();
	const offset = 5 * 2 ** 32 + 7;
	t.deepEqual(script.payload({ flags: layout.FLAG_LATE, offset, data: "x" }), [
		`${OPEN} late`,
		`bytes 1 1 ${offset} x`,
	]);
	t.deepEqual(script.payload({ flags: layout.FLAG_LATE, offset: offset + 1, data: "y" }), [
		`bytes 1 1 ${offset + 1} y`,
	]);
	t.is(script.translator.bytesSeen, 2);
});

test("what found no room is ring-full, what else is missing is missed", (t) => {
	const script = new Script();
	t.deepEqual(script.payload({ data: "abc" }), [OPEN, "bytes 1 1 0 abc"]);
	t.deepEqual(script.payload({ offset: 20, lost: 10, data: "d" }), [
		"gap 1 1 3+7 missed",
		"gap 1 1 10+10 ring-full",
		"bytes 1 1 20 d",
	]);
	t.deepEqual(script.close({ finals: [50, 8, 4, 8] }), [
		"gap 1 0 0+8 ring-full",
		"end 1 0 8 fin",
		"gap 1 1 21+25 missed",
		"gap 1 1 46+4 ring-full",
		"end 1 1 50 fin",
		"close 1",
	]);
	t.is(script.translator.bytesSeen, 58);
	t.is(script.translator.bytesRingFull, 22);
});

test("where every byte is copied at one end only, what found no room is missing for good", (t) => {
	const script = new Script(false, true);
	script.payload({ data: "abc" });
	t.deepEqual(script.payload({ offset: 20, lost: 10, data: "d" }), [
		"gap 1 1 3+7 missed",
		"gap 1 1 10+10 ring-full final",
		"bytes 1 1 20 d",
	]);
});

test("cookies that the kernel counts down from 2^64 are told apart", (t) => {
	const script = new Script();
	t.deepEqual(script.payload({ cookie: -1, receive: true, data: "ask" }), [OPEN, "bytes 1 0 0 ask"]);
	t.deepEqual(script.payload({ cookie: -2, receive: true, data: "ask" }), [OPEN.replace("1", "2"), "bytes 2 0 0 ask"]);
	t.deepEqual(script.close({ cookie: -2, finals: [0, 3] }), ["end 2 0 3 fin", "end 2 1 0 fin", "close 2"]);
	t.deepEqual(script.payload({ cookie: -1, data: "answer" }), ["bytes 1 1 0 answer"]);
	t.deepEqual(script.close({ cookie: -1, finals: [6, 3] }), ["end 1 0 3 fin", "end 1 1 6 fin", "close 1"]);
	t.is(script.translator.openSockets, 0);
});

test("a socket whose close was lost ends, and what came last in it may be missing", (t) => {
	const script = new Script();
	script.payload({ data: "abc" });
	t.deepEqual(script.closeLost([1, 7]), [
		"end 1 0 null unknown",
		"gap 1 1 3+null source-lost",
		"end 1 1 null unknown",
		"close 1",
	]);
	t.is(script.translator.openSockets, 0);
	t.deepEqual(script.closeLost([1]), []);
});

test("a loss of the other direction is told with the next record of this one, and once", (t) => {
	const script = new Script();
	script.payload({ receive: true, data: "one" });
	t.deepEqual(script.payload({ lost: 5, lostOther: 4, offset: 5, data: "answer" }), [
		"gap 1 1 0+5 ring-full",
		"gap 1 0 3+4 ring-full",
		"bytes 1 1 5 answer",
	]);
	t.deepEqual(script.payload({ lostOther: 6, offset: 11, data: "!" }), ["gap 1 0 7+2 ring-full", "bytes 1 1 11 !"]);
	t.deepEqual(script.payload({ receive: true, lost: 6, offset: 9, data: "two" }), ["bytes 1 0 9 two"]);
	t.is(script.translator.bytesRingFull, 11);
	t.is(script.translator.bytesSeen, 24);
});

test("not one record found room: the close alone tells the connection", (t) => {
	const script = new Script();
	t.deepEqual(script.close({ finals: [9, 0, 9, 0], flags: layout.FLAG_RESET }), [
		OPEN,
		"end 1 0 0 reset",
		"gap 1 1 0+9 ring-full",
		"end 1 1 9 reset",
		"close 1",
	]);
});

test("a reset: what was written and never sent is not missed", (t) => {
	const script = new Script();
	script.payload({ kind: layout.RECORD_WIRE, offset: 0, data: "sent" });
	t.deepEqual(script.close({ finals: [20, 0, 5, 0], flags: layout.FLAG_RESET, data: 10 }), [
		"end 1 0 0 reset",
		"gap 1 1 4+1 missed",
		"gap 1 1 5+5 ring-full",
		"gap 1 1 10+10 reset",
		"end 1 1 20 reset",
		"close 1",
	]);
	t.is(script.translator.bytesSeen, 20);
});

test("joined late: what passed before is not missing, what was lost since is", (t) => {
	const script = new Script();
	const flags = layout.FLAG_LATE;
	t.deepEqual(script.payload({ flags, offset: 1000, lost: 10, data: "x" }), [
		`${OPEN} late`,
		"gap 1 1 990+10 ring-full",
		"bytes 1 1 1000 x",
	]);
	t.deepEqual(script.close({ flags, finals: [1001, 500] }), ["end 1 0 500 fin", "end 1 1 1001 fin", "close 1"]);
	t.is(script.translator.bytesSeen, 11);
});

test("a new connection whose first record is not its first byte: missed", (t) => {
	t.deepEqual(new Script().payload({ offset: 4, data: "x" }), [OPEN, "gap 1 1 0+4 missed", "bytes 1 1 4 x"]);
});

test("after another worker: connections go on where they are", (t) => {
	t.deepEqual(new Script(true).payload({ offset: 4, data: "x" }), [OPEN, "bytes 1 1 4 x"]);
});

test("gaps have the cause that the kernel saw; packets fill and repeat", (t) => {
	const script = new Script();
	t.deepEqual(script.payload({ kind: layout.RECORD_GAP, cause: layout.CAUSE_SENDFILE, data: 10 }), [
		OPEN,
		"gap 1 1 0+10 sendfile",
	]);
	t.deepEqual(script.payload({ kind: layout.RECORD_WIRE, offset: 8, data: "abcd" }), ["bytes 1 1 8 abcd"]);
	t.deepEqual(script.payload({ kind: layout.RECORD_GAP, cause: layout.CAUSE_SENDFILE, offset: 10, data: 4 }), [
		"gap 1 1 12+2 sendfile",
	]);
	t.deepEqual(script.payload({ kind: layout.RECORD_GAP, cause: layout.CAUSE_SENDFILE, offset: 10, data: 4 }), []);
	t.is(script.translator.bytesSeen, 14);
});

test("several threads at once: what their calls told no more stays in conflict until packets come", (t) => {
	const script = new Script();
	script.payload({ data: "ok" });
	const conflict = { kind: layout.RECORD_GAP, cause: layout.CAUSE_POSITION_CONFLICT };
	t.deepEqual(script.payload({ ...conflict, offset: 2, data: 8 }), ["gap 1 1 2+8 position-conflict"]);
	t.deepEqual(script.payload({ kind: layout.RECORD_WIRE, offset: 15, data: "x" }), [
		"gap 1 1 10+5 position-conflict",
		"bytes 1 1 15 x",
	]);
	t.deepEqual(script.payload({ kind: layout.RECORD_WIRE, offset: 17, data: "x" }), [
		"gap 1 1 16+1 missed",
		"bytes 1 1 17 x",
	]);
});

test("an upper-layer protocol takes over: other streams, without sequence numbers", (t) => {
	const script = new Script();
	script.payload({ data: "hello" });
	t.deepEqual(script.payload({ flags: layout.FLAG_POSITION_LOCAL, offset: 0, data: "plain" }), [
		"close 1",
		"open 1 server 10.0.0.2:4000 10.0.0.1:80 null",
		"bytes 1 1 0 plain",
	]);
});

test("an end that is not copied: its identity, and no word about bytes", (t) => {
	const script = new Script();
	t.deepEqual(script.payload({ kind: layout.RECORD_OPEN, role: layout.ROLE_CLIENT }), [
		"open 1 client 10.0.0.1:80 10.0.0.2:4000 111,222",
	]);
	t.deepEqual(script.close({ flags: layout.FLAG_IDENTITY_ONLY, finals: [100, 100] }), ["close 1"]);
	t.deepEqual(script.close({ flags: layout.FLAG_IDENTITY_ONLY, finals: [100, 100] }), []);
});

test("several threads at once: a conflict told after a later thread's bytes still names the hole", (t) => {
	const script = new Script();
	script.payload({ data: "ok" });
	t.deepEqual(script.payload({ offset: 6, data: "late" }), ["gap 1 1 2+4 missed", "bytes 1 1 6 late"]);
	t.deepEqual(script.payload({ kind: layout.RECORD_GAP, cause: layout.CAUSE_POSITION_CONFLICT, offset: 2, data: 4 }), [
		"gap 1 1 2+4 position-conflict",
	]);
	t.is(script.translator.bytesSeen, 10);
});

test("an unknown role is a guess, and said to be one", (t) => {
	t.deepEqual(new Script().payload({ role: layout.ROLE_UNKNOWN, data: "x" }), [
		OPEN.replace("server", "server?"),
		"bytes 1 1 0 x",
	]);
});

test("numbers of closed connections are used again", (t) => {
	const script = new Script();
	script.payload({ cookie: 5, data: "x" });
	script.payload({ cookie: 6, data: "x" });
	script.close({ cookie: 5, finals: [1, 0] });
	t.regex(script.payload({ cookie: 7, data: "y" })[0] ?? "", /^open 1 /);
	t.regex(script.payload({ cookie: 8, data: "y" })[0] ?? "", /^open 3 /);
});

test("a socket that connects again: the end of the first connection stands before the second's bytes", (t) => {
	const script = new Script();
	script.payload({ data: "first" });
	t.deepEqual(script.payload({ kind: layout.RECORD_CLOSE, finals: [5, 0] }), [
		"end 1 0 0 fin",
		"end 1 1 5 fin",
		"close 1",
	]);
	t.deepEqual(script.payload({ data: "second" }), [OPEN, "bytes 1 1 0 second"]);
});

const PLAIN = layout.FLAG_PLAINTEXT;
const ABOVE = "open 2 server 10.0.0.2:4000 10.0.0.1:80 222,111 plaintext above 1 openssl";

test("plaintext above TLS is a connection of its own, above its socket; what passed encrypted is no hole", (t) => {
	const script = new Script();
	t.deepEqual(script.payload({ receive: true, data: "hello" }), [OPEN, "bytes 1 0 0 hello"]);
	t.deepEqual(script.payload({ flags: PLAIN, receive: true, data: "ask" }), [ABOVE, "bytes 2 0 0 ask"]);
	t.deepEqual(script.payload({ data: "server hello" }), ["bytes 1 1 0 server hello"]);
	t.deepEqual(script.payload({ flags: PLAIN, data: "answer" }), ["bytes 2 1 0 answer"]);
	t.is(script.translator.openPlaintexts, 1);
	t.deepEqual(script.close({ flags: PLAIN, finals: [6, 3] }), ["end 2 0 3 fin", "end 2 1 6 fin", "close 2"]);
	t.deepEqual(script.close({ flags: layout.FLAG_JOINED, finals: [9000, 8000] }), [
		"end 1 0 5 fin",
		"end 1 1 12 fin",
		"close 1",
	]);
	t.is(script.translator.openPlaintexts + script.translator.openSockets, 0);
	t.is(script.translator.bytesSeen, 26);
});

test("plaintext that was joined late has positions of its own", (t) => {
	const script = new Script();
	t.deepEqual(script.payload({ flags: PLAIN | layout.FLAG_LATE, data: "middle" }), [
		`${OPEN} late`,
		"open 2 server 10.0.0.2:4000 10.0.0.1:80 null plaintext above 1 openssl late",
		"bytes 2 1 0 middle",
	]);
});

test("lost plaintext is named; a plaintext whose own end was lost ends with its socket", (t) => {
	const script = new Script();
	script.payload({ data: "server hello" });
	script.payload({ flags: PLAIN, data: "one" });
	t.deepEqual(script.payload({ flags: PLAIN, offset: 10, lost: 7, data: "two" }), [
		"gap 2 1 3+7 ring-full",
		"bytes 2 1 10 two",
	]);
	t.deepEqual(script.close({ flags: layout.FLAG_JOINED, finals: [100, 0, 8, 0] }), [
		"end 1 0 0 fin",
		"gap 1 1 12+8 ring-full",
		"end 1 1 20 fin",
		"close 2",
		"close 1",
	]);
});

test("the socket of a client whose server's end is copied: its plaintext ends with it", (t) => {
	const script = new Script();
	script.payload({ kind: layout.RECORD_OPEN });
	script.payload({ flags: PLAIN, data: "x" });
	t.deepEqual(script.close({ flags: layout.FLAG_IDENTITY_ONLY, finals: [0, 0] }), ["close 2", "close 1"]);
});
