import test from "ava";
import { ipv6Text } from "../../../sources/pcap/address-text.js";
import { type Captured, pcap, START_US } from "./files.js";
import {
	bsdNull,
	ethernet,
	fragmentHeader,
	ipv4,
	ipv6,
	linuxCooked,
	linuxCooked2,
	optionsHeader,
	TCP,
	UDP,
	udp,
} from "./frames.js";
import { type Options, readCapture, saidIn, story } from "./reading.js";
import { CLIENT, overIpv4, SERVER, type Speaker, Talk } from "./talk.js";

const STORY = [
	"open 1 tcp 10.0.0.1:40000 10.0.0.2:80 1001 2001",
	"bytes 1 0 0 hello",
	"bytes 1 1 0 world",
	"end 1 0 5 fin",
	"end 1 1 5 fin",
	"close 1",
];
const CLIENT6 = "2001:db8:0:0:0:0:0:1";
const SERVER6 = "fd00:0:0:1:0:0:0:2";
const STORY6 = ["open 1 tcp 2001:db8::1:40000 fd00:0:0:1::2:80 1001 2001", ...STORY.slice(1)];

type Wrap = (segment: Uint8Array, from: Speaker) => Uint8Array;

function talk(wrap: Wrap): readonly Captured[] {
	return new Talk({ wrap }).handshake().say("client", "hello").say("server", "world").goodbye().packets;
}

const overIpv6: Wrap = (segment, from) =>
	from === "client" ? ipv6(CLIENT6, SERVER6, TCP, segment) : ipv6(SERVER6, CLIENT6, TCP, segment);

const links: readonly (readonly [name: string, linkType: number, link: (ip: Uint8Array) => Uint8Array])[] = [
	["Ethernet", 1, (ip) => ethernet(ip)],
	["Ethernet with padding", 1, (ip) => Buffer.concat([ethernet(ip), Buffer.alloc(20, 0x55)])],
	["802.1Q", 1, (ip) => ethernet(ip, [0x8100])],
	["QinQ", 1, (ip) => ethernet(ip, [0x88a8, 0x8100])],
	["three tags", 1, (ip) => ethernet(ip, [0x9100, 0x88a8, 0x8100])],
	["Linux cooked", 113, linuxCooked],
	["Linux cooked, version 2", 276, linuxCooked2],
	["raw", 101, (ip) => ip],
	["raw, 12", 12, (ip) => ip],
	["raw, 14", 14, (ip) => ip],
];

for (const [name, linkType, link] of links) {
	test(`${name}: IPv4 and IPv6`, async (t) => {
		const four = await readCapture(
			pcap(
				talk((segment, from) => link(overIpv4(segment, from))),
				{ linkType },
			),
		);
		t.deepEqual(story(four.events), STORY);
		const six = await readCapture(
			pcap(
				talk((segment, from) => link(overIpv6(segment, from))),
				{ linkType },
			),
		);
		t.deepEqual(story(six.events), STORY6);
		t.is(six.counters.packets_tcp, 8);
	});
}

for (const [linkType, wrap, expected] of [
	[228, overIpv4, STORY],
	[229, overIpv6, STORY6],
] as const) {
	test(`link type ${linkType}`, async (t) => {
		t.deepEqual(story((await readCapture(pcap(talk(wrap), { linkType }))).events), expected);
	});
}

test("BSD null and loop: IPv4 and the family numbers that IPv6 has, in both byte orders", async (t) => {
	for (const isBig of [false, true]) {
		const four = talk((segment, from) => bsdNull(overIpv4(segment, from), 2, isBig));
		for (const linkType of [0, 108]) t.deepEqual(story((await readCapture(pcap(four, { linkType }))).events), STORY);
		for (const family of [10, 24, 28, 30]) {
			const six = talk((segment, from) => bsdNull(overIpv6(segment, from), family, isBig));
			t.deepEqual(story((await readCapture(pcap(six, { linkType: 0 }))).events), STORY6);
		}
	}
});

test("VLAN tags do not divide a connection", async (t) => {
	let tagged = false;
	const packets = talk((segment, from) => {
		tagged = !tagged;
		return ethernet(overIpv4(segment, from), tagged ? [0x8100] : []);
	});
	t.deepEqual(story((await readCapture(pcap(packets))).events), STORY);
});

test("a total length of zero: the card was to cut it, the frame tells", async (t) => {
	const packets = talk((segment, from) => {
		const [a, b] = from === "client" ? [CLIENT, SERVER] : [SERVER, CLIENT];
		return ethernet(ipv4(a, b, TCP, segment, { totalLength: 0 }));
	});
	t.deepEqual(story((await readCapture(pcap(packets))).events), STORY);
	const six = talk((segment, from) => {
		const [a, b] = from === "client" ? [CLIENT6, SERVER6] : [SERVER6, CLIENT6];
		return ethernet(ipv6(a, b, TCP, segment, 0));
	});
	t.deepEqual(story((await readCapture(pcap(six))).events), STORY6);
});

test("IPv6 extension headers", async (t) => {
	const packets = talk((segment, from) => {
		const chain = Buffer.concat([optionsHeader(43, 1), optionsHeader(60, 0), optionsHeader(TCP, 2), segment]);
		const [a, b] = from === "client" ? [CLIENT6, SERVER6] : [SERVER6, CLIENT6];
		return ethernet(ipv6(a, b, 0, chain));
	});
	t.deepEqual(story((await readCapture(pcap(packets))).events), STORY6);
});

test("what is not IP, not TCP or UDP, or too short is counted", async (t) => {
	const frames = [
		ethernet(Buffer.alloc(28), [], 0x0806),
		ethernet(Buffer.alloc(28), [0x8100], 0x0806),
		ethernet(ipv4(CLIENT, SERVER, 1, Buffer.alloc(8))),
		Buffer.alloc(5),
		ethernet(Buffer.from([0x45, 0, 0]), [], 0x0800),
		ethernet(ipv4(CLIENT, SERVER, TCP, Buffer.alloc(10))),
		ethernet(ipv4(CLIENT, SERVER, UDP, Buffer.alloc(7))),
		Buffer.alloc(0),
	];
	const { events, counters } = await readCapture(pcap(frames.map((frame, i) => ({ tsUs: START_US + i, frame }))));
	t.deepEqual(events, []);
	t.is(counters.packets, 8);
	t.is(counters.packets_skipped_not_ip, 2);
	t.is(counters.packets_skipped_transport, 1);
	t.is(counters.packets_skipped_malformed, 5);
});

test("addresses are written as RFC 5952 wants it", (t) => {
	const written = (groups: string) => ipv6Text(Buffer.from(groups.replaceAll(":", ""), "hex"), 0);
	t.is(written("2001:0db8:0000:0000:0000:0000:0002:0001"), "2001:db8::2:1");
	t.is(written("2001:0db8:0000:0001:0001:0001:0001:0001"), "2001:db8:0:1:1:1:1:1");
	t.is(written("2001:0000:0000:0001:0000:0000:0000:0001"), "2001:0:0:1::1");
	t.is(written("2001:0db8:0000:0000:0001:0000:0000:0001"), "2001:db8::1:0:0:1");
	t.is(written("0000:0000:0000:0000:0000:0000:0000:0001"), "::1");
	t.is(written("0000:0000:0000:0000:0000:0000:0000:0000"), "::");
	t.is(written("fe80:0000:0000:0000:0000:0000:0000:0000"), "fe80::");
	t.is(written("0000:0000:0000:0000:0000:ffff:c0a8:0102"), "192.168.1.2");
});

// --------------------------------------------------------------------------------------------------- fragments

interface Piece {
	readonly from: number;
	readonly to: number;
}

/** The fragments of one datagram, as packets. */
type Cut = (payload: Uint8Array, pieces: readonly Piece[], id?: number, protocol?: number) => Buffer[];

const cutV4: Cut = (payload, pieces, id = 77, protocol = UDP) =>
	pieces.map(({ from, to }) => {
		const fragment = { offset: from, more: to < payload.length };
		return ethernet(ipv4(CLIENT, SERVER, protocol, payload.subarray(from, to), { id, fragment }));
	});

const cutV6: Cut = (payload, pieces, id = 77, protocol = UDP) =>
	pieces.map(({ from, to }) => {
		const header = fragmentHeader(protocol, { offset: from, more: to < payload.length }, id);
		return ethernet(ipv6(CLIENT6, SERVER6, 44, Buffer.concat([header, payload.subarray(from, to)])));
	});

const message = Buffer.from("abcdefghijklmnopqrstuvwxyz0123456789", "latin1");
const datagram = udp(5000, 53, message);
const pieces: readonly Piece[] = [
	{ from: 0, to: 16 },
	{ from: 16, to: 32 },
	{ from: 32, to: datagram.length },
];

async function readFrames(frames: readonly Uint8Array[], stepUs = 100, options: Options = {}) {
	return readCapture(pcap(frames.map((frame, i) => ({ tsUs: START_US + i * stepUs, frame }))), options);
}

for (const [name, cut] of [
	["IPv4", cutV4],
	["IPv6", cutV6],
] as const) {
	test(`${name} fragments in any order, repeated, overlapping`, async (t) => {
		const [a, b, c] = cut(datagram, pieces);
		const wide = cut(datagram, [{ from: 8, to: 40 }])[0]!;
		for (const frames of [
			[a!, b!, c!],
			[c!, b!, a!],
			[b!, a!, a!, c!],
			[a!, wide, c!],
			[c!, wide, a!],
		]) {
			const { events, counters } = await readFrames(frames);
			t.deepEqual(story(events).slice(1), [`datagram 1 0 ${message.toString("latin1")}`]);
			t.is(counters.packets_fragments, frames.length);
			t.is(counters.fragmented_datagrams, 1);
		}
	});

	test(`${name} fragments of two datagrams at once`, async (t) => {
		const other = udp(5001, 53, Buffer.from("the other one, of another length"));
		const one = cut(datagram, pieces, 1);
		const two = cut(
			other,
			[
				{ from: 0, to: 24 },
				{ from: 24, to: other.length },
			],
			2,
		);
		const { events } = await readFrames([one[0]!, two[0]!, one[1]!, two[1]!, one[2]!]);
		t.deepEqual(
			story(events).filter((line) => line.startsWith("datagram")),
			["datagram 1 0 the other one, of another length", `datagram 2 0 ${message.toString("latin1")}`],
		);
	});

	test(`${name}: a TCP segment in fragments`, async (t) => {
		const whole = new Talk({
			wrap: (segment, from) => ethernet(name === "IPv4" ? overIpv4(segment, from) : overIpv6(segment, from)),
		});
		whole.handshake().say("client", message);
		const data = whole.packets.pop()!;
		const segment = data.frame.subarray(name === "IPv4" ? 34 : 54);
		const cuts = [
			{ from: 0, to: 24 },
			{ from: 24, to: segment.length },
		];
		const frames = [...whole.packets.map(({ frame }) => frame), ...cut(segment, cuts, 9, TCP)];
		t.deepEqual(saidIn((await readFrames(frames)).events, 0), [`0:${message.toString("latin1")}`]);
	});

	test(`${name} fragments that come too late are lost and counted`, async (t) => {
		const [a, b, c] = cut(datagram, pieces);
		const { events, counters } = await readFrames([a!, b!, c!], 20_000_000);
		t.deepEqual(events, []);
		t.is(counters.fragmented_datagrams_lost, 1);
	});

	test(`${name} fragments cut by the snap length: what was captured up to the first hole`, async (t) => {
		const frames = cut(datagram, pieces);
		const packets = frames.map((frame, i) => ({
			tsUs: START_US + i,
			frame,
			...(i === 1 ? { snap: frame.length - 6 } : {}),
		}));
		const { events } = await readCapture(pcap(packets));
		t.deepEqual(story(events).slice(1), [`datagram 1 0 ${message.toString("latin1", 0, 16 - 8 + 10)}`]);
	});
}

test("an atomic IPv6 fragment is a whole packet", async (t) => {
	const [frame] = cutV6(datagram, [{ from: 0, to: datagram.length }]);
	const { events, counters } = await readFrames([frame!]);
	t.deepEqual(story(events).slice(1), [`datagram 1 0 ${message.toString("latin1")}`]);
	t.is(counters.packets_fragments, 0);
});

test("fragments without end are bounded", async (t) => {
	const frames = Array.from({ length: 6000 }, (_, i) => cutV4(datagram, pieces.slice(0, 1), i)[0]!);
	const { counters } = await readFrames(frames, 1);
	t.is(counters.packets_fragments, 6000);
	t.true((counters.fragmented_datagrams_lost ?? 0) >= 6000 - 4096);
});

// --------------------------------------------------------------------------------------------------------- UDP

const over = (from: number, to: number, text: string, isAnswer = false): Buffer =>
	ethernet(
		ipv4(isAnswer ? SERVER : CLIENT, isAnswer ? CLIENT : SERVER, UDP, udp(from, to, Buffer.from(text, "latin1"))),
	);

test("UDP: a flow is two endpoints, in both directions", async (t) => {
	const { events, counters } = await readFrames([
		over(5000, 53, "question"),
		over(53, 5000, "answer", true),
		over(5001, 53, "other"),
		over(5000, 53, ""),
	]);
	t.deepEqual(story(events), [
		"open 1 udp 10.0.0.1:5000 10.0.0.2:53 - guessed",
		"datagram 1 0 question",
		"datagram 1 1 answer",
		"open 2 udp 10.0.0.1:5001 10.0.0.2:53 - guessed",
		"datagram 2 0 other",
		"datagram 1 0 ",
	]);
	t.is(counters.udp_flows, 2);
	t.is(counters.packets_udp, 4);
});

test("UDP: an answer that comes first is still an answer where the ports say so", async (t) => {
	const { events } = await readFrames([over(53, 5000, "answer", true)]);
	t.deepEqual(story(events), ["open 1 udp 10.0.0.1:5000 10.0.0.2:53 - guessed", "datagram 1 1 answer"]);
});

test("UDP: a flow ends after silence, by packet time", async (t) => {
	const frames = [over(5000, 53, "a"), over(5001, 53, "b"), over(5001, 53, "c"), over(5000, 53, "d")];
	const { events } = await readFrames(frames, 800_000, { udp_idle_ms: 1_000 });
	t.deepEqual(
		story(events).filter((line) => !line.startsWith("datagram")),
		[
			"open 1 udp 10.0.0.1:5000 10.0.0.2:53 - guessed",
			"open 2 udp 10.0.0.1:5001 10.0.0.2:53 - guessed",
			"close 1",
			"open 3 udp 10.0.0.1:5000 10.0.0.2:53 - guessed",
		],
	);
});

test("UDP: too many flows", async (t) => {
	const frames = Array.from({ length: 10 }, (_, i) => over(5000 + i, 53, "x"));
	const { events, counters } = await readFrames(frames, 1, { max_connections: 4 });
	t.is(events.filter(({ kind }) => kind === "close").length, 6);
	t.is(counters.connections_evicted, 6);
});
