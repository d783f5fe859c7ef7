import test from "ava";
import { pcap } from "./files.js";
import { ACK, FIN, PSH, RST, SYN } from "./frames.js";
import { readCapture, saidIn, story } from "./reading.js";
import { Talk } from "./talk.js";

const read = (talk: Talk, options = {}) => readCapture(pcap(talk.packets), options);
const text = (value: string) => Buffer.from(value, "latin1");

const OPEN = "open 1 tcp 10.0.0.1:40000 10.0.0.2:80 1001 2001";

test("a whole connection: open, bytes, both ends, close", async (t) => {
	const { events, counters, warnings } = await read(
		new Talk().handshake().say("client", "hello").ack("server").say("server", "world!").goodbye(),
	);
	t.deepEqual(story(events), [
		OPEN,
		"bytes 1 0 0 hello",
		"bytes 1 1 0 world!",
		"end 1 0 5 fin",
		"end 1 1 6 fin",
		"close 1",
	]);
	t.deepEqual(warnings, []);
	t.is(counters.packets, 9);
	t.is(counters.packets_tcp, 9);
	t.is(counters.payload_bytes, 11);
	t.is(counters.tcp_connections, 1);
});

test("every event has its packet's time; the connection's is that of its SYN", async (t) => {
	const talk = new Talk().handshake().say("client", "a").say("server", "b");
	const { events } = await read(talk);
	const times = events.map((event) => ("tsUs" in event ? event.tsUs : -1));
	t.deepEqual(
		times,
		[0, 3, 4].map((i) => talk.packets[i]!.tsUs),
	);
});

test("the server may end first, one side may go on after the other's end, both may end at once", async (t) => {
	const half = new Talk().handshake().say("client", "q").fin("client").ack("server");
	half.say("server", "long ").say("server", "answer").fin("server").ack("client");
	t.deepEqual(story((await read(half)).events), [
		OPEN,
		"bytes 1 0 0 q",
		"end 1 0 1 fin",
		"bytes 1 1 0 long ",
		"bytes 1 1 5 answer",
		"end 1 1 11 fin",
		"close 1",
	]);
	const both = new Talk().handshake().say("client", "q");
	// neither has seen the other's FIN
	const { client, server } = both.next;
	both.fin("client").send("server", FIN | ACK, { ack: client });
	both.next.server = server + 1;
	both.send("client", ACK, { seq: client + 1, ack: server + 1 });
	both.send("server", ACK, { seq: server + 1, ack: client + 1 });
	t.deepEqual(story((await read(both)).events).slice(-3), ["end 1 0 1 fin", "end 1 1 0 fin", "close 1"]);
});

test("positions go on where the 32-bit sequence number wraps, more than once", async (t) => {
	const talk = new Talk({ isn: [2 ** 32 - 101, 2 ** 32 - 1] }).handshake();
	talk.say("client", Buffer.alloc(99, 1)).say("client", Buffer.alloc(10, 2)).say("client", "x").say("server", "y");
	const { events } = await read(talk);
	t.is(story(events)[0], `open 1 tcp 10.0.0.1:40000 10.0.0.2:80 ${2 ** 32 - 100} 0`);
	t.deepEqual(
		events.flatMap((event) => (event.kind === "bytes" ? [[event.dir, event.offset, event.data.length]] : [])),
		[
			[0, 0, 99],
			[0, 99, 10],
			[0, 109, 1],
			[1, 0, 1],
		],
	);
});

test("64-bit positions: ten GiB in steps of 32 MiB, with only the last byte of each step captured", async (t) => {
	const talk = new Talk({ isn: [4_000_000_000, 7] }).handshake();
	const step = 32 << 20;
	const positions: number[] = [];
	for (let at = step - 1; at < 10 * 2 ** 30; at += step) {
		talk.send("client", ACK, { seq: (4_000_000_001 + at) % 2 ** 32, data: text("z") });
		positions.push(at);
	}
	const { events } = await read(talk);
	t.deepEqual(
		events.flatMap((event) => (event.kind === "bytes" ? [event.offset] : [])),
		positions,
	);
});

test("out of order, overlapping and repeated segments come out at their positions", async (t) => {
	const talk = new Talk().handshake().say("client", "abc").say("client", "def").swap();
	talk.send("client", ACK, { seq: 1001, data: text("abc") });
	talk.send("client", ACK, { seq: 1003, data: text("cdefg") });
	t.deepEqual(saidIn((await read(talk)).events, 0), ["3:def", "0:abc", "0:abc", "2:cdefg"]);
});

test("what the other side acknowledged and nobody saw is a gap at once, all but the last byte", async (t) => {
	const talk = new Talk().handshake().say("client", "abc").say("client", "lost!").lose().ack("server");
	talk.say("client", "more").lose().ack("server").say("client", "seen");
	const { events } = await read(talk);
	t.deepEqual(story(events), [
		OPEN,
		"bytes 1 0 0 abc",
		"gap 1 0 3 4 missed",
		"gap 1 0 7 4 missed",
		"bytes 1 0 12 seen",
	]);
});

test("a FIN behind a hole tells the hole", async (t) => {
	const talk = new Talk().handshake().say("server", "abc").say("server", "def").lose().fin("server");
	t.deepEqual(story((await read(talk)).events), [OPEN, "bytes 1 1 0 abc", "gap 1 1 3 3 missed", "end 1 1 6 fin"]);
});

test("a FIN that was never captured is not taken for a byte", async (t) => {
	const talk = new Talk().handshake().say("client", "abc").say("server", "d").fin("server").lose().ack("client");
	t.deepEqual(story((await read(talk)).events), [OPEN, "bytes 1 0 0 abc", "bytes 1 1 0 d"]);
});

test("only one direction captured: the other one is missing, told by the acknowledgements", async (t) => {
	const talk = new Talk().handshake().say("client", "q").say("server", "answer").ack("client").goodbye();
	talk.packets = talk.packets.filter((_, i) => ![1, 4, 7].includes(i));
	t.deepEqual(story((await read(talk)).events), [
		OPEN,
		"bytes 1 0 0 q",
		"gap 1 1 0 5 missed",
		"end 1 0 1 fin",
		"gap 1 1 5 1 missed",
	]);
});

test("joined in the middle: offset 0 is what comes next, roles are a guess", async (t) => {
	const talk = new Talk().say("server", "tail").say("client", "next").say("server", "answer");
	const { events } = await read(talk);
	t.deepEqual(story(events), [`${OPEN} guessed late`, "bytes 1 1 0 tail", "bytes 1 0 0 next", "bytes 1 1 4 answer"]);
});

test("joined in the middle: bytes from before are not told of, those across the line from the line on", async (t) => {
	const talk = new Talk().ack("client");
	talk.send("server", ACK, { seq: 2001 - 3, data: text("abc") });
	talk.send("server", ACK, { seq: 2001 - 3, data: text("abcdef") });
	t.deepEqual(story((await read(talk)).events), [`${OPEN} guessed late`, "bytes 1 1 0 def"]);
});

test("a guess between two high ports falls on the one that spoke first", async (t) => {
	const talk = new Talk({ ports: [50_000, 60_000] }).ack("server").say("client", "q");
	t.is(story((await read(talk)).events)[0], "open 1 tcp 10.0.0.1:50000 10.0.0.2:60000 1001 2001 guessed late");
});

test("without the SYN, without the SYN-ACK: still from the start, with the right bases", async (t) => {
	for (const missing of [[0], [1], [2], [0, 2], [1, 2]]) {
		const talk = new Talk().handshake().say("client", "q").say("server", "a");
		talk.packets = talk.packets.filter((_, i) => !missing.includes(i));
		t.deepEqual(story((await read(talk)).events), [OPEN, "bytes 1 0 0 q", "bytes 1 1 0 a"], missing.join());
	}
});

test("the SYN-ACK captured before the SYN", async (t) => {
	const talk = new Talk().handshake().say("client", "q");
	talk.packets = [1, 0, 2, 3].map((i) => talk.packets[i]!);
	t.deepEqual(story((await read(talk)).events), [OPEN, "bytes 1 0 0 q"]);
});

test("data in the SYN", async (t) => {
	const talk = new Talk();
	talk.send("client", SYN, { seq: 1000, ack: 0, data: text("early") });
	talk.send("server", SYN | ACK, { seq: 2000, ack: 1006 });
	talk.send("client", ACK, { seq: 1006 }).send("client", ACK, { seq: 1006, data: text(" late") });
	const { events } = await read(talk);
	t.deepEqual(story(events), [OPEN, "bytes 1 0 0 early", "bytes 1 0 5  late"]);
	// refused by the server, which has not seen it: sent again
	const again = new Talk();
	again.send("client", SYN, { seq: 1000, ack: 0, data: text("early") });
	again.send("server", SYN | ACK, { seq: 2000, ack: 1001 }).say("client", "early");
	t.deepEqual(saidIn((await read(again)).events, 0), ["0:early", "0:early"]);
});

test("keep-alive probes are no data, with and without their byte", async (t) => {
	const talk = new Talk().handshake().say("client", "abc").ack("server");
	const { client } = talk.next;
	talk.send("client", ACK, { seq: client - 1 }).ack("server");
	talk.send("client", ACK, { seq: client - 1, data: text("\0") }).ack("server");
	const { events, counters } = await read(talk);
	t.deepEqual(saidIn(events, 0), ["0:abc"]);
	t.is(counters.tcp_keep_alives, 1);
});

test("a zero-window probe carries the next byte, which comes again", async (t) => {
	const talk = new Talk().handshake().say("client", "abc").ack("server");
	talk
		.send("client", ACK, { data: text("d") })
		.send("server", ACK)
		.say("client", "def");
	t.deepEqual(saidIn((await read(talk)).events, 0), ["0:abc", "3:d", "3:def"]);
});

test("a segment from nowhere is left out; two that agree are a jump", async (t) => {
	const talk = new Talk().handshake().say("client", "abc");
	talk.send("client", ACK, { seq: 1_500_000_000, data: text("noise") }).say("client", "def");
	talk.send("client", ACK, { seq: 1_000_000_000, data: text("far") });
	talk.send("client", ACK, { seq: 1_000_000_003, data: text("away") });
	const { events, counters } = await read(talk);
	t.deepEqual(saidIn(events, 0), ["0:abc", "3:def", `${1_000_000_003 - 1001}:away`]);
	t.is(counters.tcp_out_of_window, 2);
});

test("acknowledgements from nowhere tell no gap", async (t) => {
	const talk = new Talk().handshake().say("client", "abc").send("server", ACK, { ack: 1_800_000_000 });
	const { events, counters } = await read(talk);
	t.deepEqual(story(events), [OPEN, "bytes 1 0 0 abc"]);
	t.is(counters.tcp_out_of_window, 1);
});

test("reset: both directions end where they were, and later packets are not a new connection", async (t) => {
	const talk = new Talk().handshake().say("client", "abc").say("server", "de").rst("client");
	talk.say("server", "in flight").ack("client");
	const { events, counters } = await read(talk);
	t.deepEqual(story(events).slice(-3), ["end 1 0 3 reset", "end 1 1 2 reset", "close 1"]);
	t.is(counters.tcp_after_close, 2);
	t.is(counters.tcp_connections, 1);
});

test("a refused connection is counted and not told of", async (t) => {
	const talk = new Talk().send("client", SYN, { seq: 1000, ack: 0 }).send("server", RST | ACK, { seq: 0, ack: 1001 });
	const { events, counters } = await read(talk);
	t.deepEqual(events, []);
	t.is(counters.tcp_connections_refused, 1);
});

test("packets after the close do not open the connection again; those of a new one do", async (t) => {
	const first = new Talk().handshake().say("client", "one").goodbye();
	first.send("server", FIN | ACK, { seq: 2001 }).send("client", ACK, { seq: 1004, data: text("?") });
	const second = new Talk({ isn: [500_000, 600_000], startUs: first.nowUs }).handshake().say("client", "two");
	const { events } = await readCapture(pcap([...first.packets, ...second.packets]));
	t.deepEqual(story(events), [
		OPEN,
		"bytes 1 0 0 one",
		"end 1 0 3 fin",
		"end 1 1 0 fin",
		"close 1",
		"open 2 tcp 10.0.0.1:40000 10.0.0.2:80 500001 600001",
		"bytes 2 0 0 two",
	]);
});

test("a new SYN on a connection whose end was not seen closes it", async (t) => {
	const first = new Talk().handshake().say("client", "one");
	const second = new Talk({ isn: [500_000, 600_000], startUs: first.nowUs }).handshake().say("client", "two");
	const { events } = await readCapture(pcap([...first.packets, ...second.packets]));
	t.deepEqual(story(events).slice(1), [
		"bytes 1 0 0 one",
		"close 1",
		"open 2 tcp 10.0.0.1:40000 10.0.0.2:80 500001 600001",
		"bytes 2 0 0 two",
	]);
});

test("repeated SYNs and SYN-ACKs change nothing", async (t) => {
	const talk = new Talk().send("client", SYN, { seq: 1000, ack: 0 }).handshake().say("client", "q");
	talk.send("server", SYN | ACK, { seq: 2000, ack: 1001 }).say("server", "a");
	t.deepEqual(story((await read(talk)).events), [OPEN, "bytes 1 0 0 q", "bytes 1 1 0 a"]);
});

test("both said FIN and the last acknowledgement was not captured: closed some time later", async (t) => {
	const talk = new Talk().handshake().say("client", "q").fin("client").fin("server");
	const other = new Talk({ ports: [40_001, 80], startUs: talk.nowUs + 3_000_000 }).handshake().say("client", "x");
	const { events } = await readCapture(pcap([...talk.packets, ...other.packets]));
	t.deepEqual(story(events).slice(2, 5), ["end 1 0 1 fin", "end 1 1 0 fin", "close 1"]);
});

test("a byte behind the end is left out", async (t) => {
	const talk = new Talk().handshake().say("client", "abc").fin("client");
	talk.send("client", ACK | PSH, { seq: 1003, data: text("cXX") }).send("client", ACK, { seq: 1005, data: text("Y") });
	const { events, counters } = await read(talk);
	t.deepEqual(saidIn(events, 0), ["0:abc", "2:c"]);
	t.is(counters.tcp_out_of_window, 1);
});

test("too many connections: the one that was silent for longest is closed and counted", async (t) => {
	const talks = [40_000, 40_001, 40_002].map((port, i) => {
		const talk = new Talk({ ports: [port, 80], startUs: 1_700_000_000_000_000 + i * 1_000_000 });
		return talk.handshake().say("client", String(port));
	});
	const again = new Talk({ ports: [40_000, 80], startUs: 1_700_000_001_500_000 });
	again.say("client", "40000").packets.shift();
	again.next.client = 1006;
	again.say("client", "!");
	const packets = [...talks[0]!.packets, ...talks[1]!.packets, ...again.packets, ...talks[2]!.packets];
	const { events, counters } = await readCapture(pcap(packets), { max_connections: 2 });
	const lines = story(events);
	t.true(lines.includes("close 2"));
	t.false(lines.includes("close 1"));
	t.true(lines.includes("bytes 1 0 5 !"));
	t.is(counters.connections_evicted, 1);
});

test("cut by the snap length: what is missing is a gap, and positions stay right", async (t) => {
	const talk = new Talk().handshake().say("client", "abcdefgh").say("client", "ijk").say("client", "lmnopqrs");
	const packets = talk.packets.map((packet) => ({ ...packet, snap: 14 + 20 + 20 + 5 }));
	// not even the whole TCP header of the last one
	packets[5] = { ...packets[5]!, snap: 14 + 20 + 16 };
	const { events, counters } = await readCapture(pcap(packets));
	t.deepEqual(story(events), [
		OPEN,
		"bytes 1 0 0 abcde",
		"gap 1 0 5 3 not-readable",
		"bytes 1 0 8 ijk",
		"gap 1 0 11 8 not-readable",
	]);
	t.is(counters.packets_truncated, 2);
});

test("many connections with equal hashes and ports stay apart", async (t) => {
	const packets = [];
	for (let i = 0; i < 200; i++) {
		const talk = new Talk({ ports: [40_000 + i, 80], isn: [i * 1000, i * 2000], startUs: 1_700_000_000_000_000 + i });
		packets.push(...talk.handshake().say("client", `I am ${i}`).say("server", `you are ${i}`).packets);
	}
	packets.sort((a, b) => a.tsUs - b.tsUs);
	const { events } = await readCapture(pcap(packets));
	const ports = new Map(events.flatMap((event) => (event.kind === "open" ? [[event.conn, event.client.port]] : [])));
	t.is(ports.size, 200);
	for (const [conn, port] of ports) {
		t.deepEqual(saidIn(events, 0, conn), [`0:I am ${port - 40_000}`]);
		t.deepEqual(saidIn(events, 1, conn), [`0:you are ${port - 40_000}`]);
	}
});

test("a pinned port: the connection's open names the protocol, and which end is the server where nothing else tells", async (t) => {
	const pins = [
		{ ports: [80, 81], protocol: "redis" },
		{ ports: [80], protocol: "mysql" },
	];
	const known = await read(new Talk().handshake().say("client", "a").goodbye(), { pins });
	t.like(known.events[0], { kind: "open", protocol: "redis", roleKnown: true });
	const other = await read(new Talk().handshake().say("client", "a").goodbye(), {
		pins: [{ ports: [8080], protocol: "redis" }],
	});
	t.false("protocol" in other.events[0]!);
	// joined in the middle, by the server's own bytes
	const late = new Talk().say("server", "answer").say("client", "q");
	const turned = await read(late, { pins: [{ ports: [40_000], protocol: "redis" }] });
	t.like(turned.events[0], { kind: "open", protocol: "redis", roleKnown: false, server: { port: 40_000 } });
});

test("a connection that began before the capture: how long it is known to have been quiet", async (t) => {
	const early = new Talk().say("client", "first").say("server", "x");
	const [before] = (await read(early)).events;
	t.like(before, { kind: "open", fromStart: false, quietUs: 0 });
	const talk = new Talk().handshake().say("client", "a").goodbye();
	const other = new Talk({ ports: [40_001, 80], startUs: talk.packets[0]!.tsUs + 5_000_000 }).say("client", "late");
	const { events } = await readCapture(pcap([...talk.packets, ...other.packets]));
	const opens = events.filter((event) => event.kind === "open");
	t.false("quietUs" in opens[0]!);
	t.is(opens[1]?.quietUs, other.packets[0]!.tsUs - talk.packets[0]!.tsUs);
});
