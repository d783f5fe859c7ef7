import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import test from "ava";
import { PolytapError } from "../../../core/index.js";
import { PcapFormat } from "../../../sources/pcap/pcap-format.js";
import { RawPacket } from "../../../sources/pcap/raw-packet.js";
import { type Captured, Pcapng, pcap, START_US } from "./files.js";
import { readCapture, readPaths, saidIn, sourceOn, story } from "./reading.js";
import { Talk } from "./talk.js";

const talk = (port = 40_000, startUs = START_US): Talk =>
	new Talk({ ports: [port, 80], startUs }).handshake().say("client", "hello").say("server", "world").goodbye();

/** The same in every format. */
const STORY = [
	"open 1 tcp 10.0.0.1:40000 10.0.0.2:80 1001 2001",
	"bytes 1 0 0 hello",
	"bytes 1 1 0 world",
	"end 1 0 5 fin",
	"end 1 1 5 fin",
	"close 1",
];
const { packets } = talk();
const times = [0, 3, 4, 5, 6, 7].map((i) => packets[i]!.tsUs);

const blocks = (section: Pcapng, all: readonly Captured[] = packets): Pcapng => {
	for (const packet of all) section.packet(packet);
	return section;
};

const files: Readonly<Record<string, Uint8Array>> = {
	"pcap, little-endian": pcap(packets),
	"pcap, big-endian": pcap(packets, { isBig: true }),
	"pcap, nanoseconds": pcap(
		packets.map((packet) => ({ ...packet, nanos: 999 })),
		{ isNano: true },
	),
	"pcap, nanoseconds, big-endian": pcap(packets, { isBig: true, isNano: true }),
	"pcap with frame checksum information in the link type": pcap(packets, { linkType: 0x5400_0001 }),
	"pcapng, little-endian": blocks(new Pcapng().interface()).bytes(),
	"pcapng, big-endian": blocks(new Pcapng(true).interface()).bytes(),
	"pcapng, nanoseconds": blocks(new Pcapng().interface({ resolution: 9 })).bytes(),
	"pcapng, picoseconds": blocks(new Pcapng(true).interface({ resolution: 12, offsetSecs: 1_699_999_000 })).bytes(),
	"pcapng, a power of two": blocks(new Pcapng().interface({ resolution: 0x80 | 30 })).bytes(),
	"pcapng, 2^-40 s": blocks(new Pcapng().interface({ resolution: 0x80 | 40, offsetSecs: 1_699_999_000 })).bytes(),
	"pcapng, tens of microseconds": blocks(new Pcapng().interface({ resolution: 5 })).bytes(),
	"pcapng, with an offset": blocks(new Pcapng().interface({ offsetSecs: 1_600_000_000 })).bytes(),
	"pcapng, with a negative offset": blocks(new Pcapng(true).interface({ offsetSecs: -3600 })).bytes(),
	"pcapng, old packet blocks": (() => {
		const section = new Pcapng().interface();
		for (const packet of packets) section.obsolete(packet);
		return section.bytes();
	})(),
	"pcapng, blocks that nobody knows": (() => {
		const section = new Pcapng().block(0x0bad, Buffer.alloc(3)).interface().block(4, Buffer.alloc(8));
		for (const packet of packets) section.packet(packet).block(0x8000_0001, Buffer.alloc(2_500_000));
		return section.bytes();
	})(),
	"pcap, gzip": gzipSync(pcap(packets)),
	"pcapng, gzip in two members": Buffer.concat([
		gzipSync(new Pcapng().interface().bytes()),
		gzipSync(blocks(new Pcapng().interface()).bytes()),
	]),
};

for (const [name, contents] of Object.entries(files)) {
	test(`${name}: everything, with its times`, async (t) => {
		const { events, counters, warnings } = await readCapture(contents);
		t.deepEqual(story(events), STORY);
		t.deepEqual(
			events.map((event) => ("tsUs" in event ? event.tsUs : -1)),
			times,
		);
		t.is(counters.packets, packets.length);
		t.deepEqual(warnings, []);
	});
}

test("pcapng: several sections and interfaces, each with its byte order, link type and clock", async (t) => {
	const [one, two, three] = [talk(40_001), talk(40_002, START_US + 1000), talk(40_003, START_US + 2000)];
	const raw = (packet: Captured): Captured => ({ ...packet, iface: 1, frame: packet.frame.subarray(14) });
	const first = new Pcapng().interface({ resolution: 9 }).interface({ linkType: 101, resolution: 3 });
	blocks(first, one.packets);
	blocks(first, two.packets.map(raw));
	const second = blocks(new Pcapng(true).interface(), three.packets);
	const { events, warnings } = await readCapture(Buffer.concat([first.bytes(), second.bytes()]));
	t.deepEqual(
		events.filter((event) => event.kind === "open").map((event) => event.client.port),
		[40_001, 40_002, 40_003],
	);
	for (const conn of [1, 2, 3]) t.deepEqual(saidIn(events, 1, conn), ["0:world"]);
	// to the millisecond
	t.is(events.find((event) => event.kind === "open" && event.conn === 2 && event.tsUs % 1000 === 0)?.kind, "open");
	t.deepEqual(warnings, []);
});

test("pcapng: simple packets have the time of what was before them, and the interface's snap length", async (t) => {
	const section = new Pcapng().interface({ snaplen: 58 }).packet(packets[0]!);
	for (const packet of packets.slice(1)) {
		// the writer keeps what it may keep
		const kept = packet.frame.subarray(0, 58);
		const body = Buffer.alloc(4 + kept.length + (-kept.length & 3));
		body.writeUInt32LE(packet.frame.length);
		body.set(kept, 4);
		section.block(3, body);
	}
	const { events } = await readCapture(section.bytes());
	t.deepEqual(story(events).slice(1, 3), ["bytes 1 0 0 hell", "gap 1 0 4 1 not-readable"]);
	t.true(events.every((event) => !("tsUs" in event) || event.tsUs === START_US));
});

test("an empty capture says nothing", async (t) => {
	for (const contents of [pcap([]), new Pcapng().bytes(), new Pcapng().interface().bytes()]) {
		const { events, warnings } = await readCapture(contents);
		t.deepEqual([events, warnings], [[], []]);
	}
});

test("what is no capture is refused", async (t) => {
	for (const contents of ["", "a", "GET / HTTP/1.1\r\n", '{"schema":"polytap.exchange/v1"}', gzipSync("no capture")]) {
		await t.throwsAsync(readCapture(Buffer.from(contents)), { instanceOf: PolytapError, code: "CAPTURE_UNREADABLE" });
	}
});

test("a file that is not there, a folder", async (t) => {
	for (const path of ["/nonexistent/x.pcap", "/"]) {
		const error = await t.throwsAsync(readPaths([path]), { instanceOf: PolytapError, code: "CAPTURE_UNREADABLE" });
		t.true(error?.message.startsWith(path));
	}
});

test("every file is looked at before the first one is read, but not a pipe", async (t) => {
	const folder = await mkdtemp(join(tmpdir(), "polytap-pcap-"));
	t.teardown(() => rm(folder, { recursive: true }));
	const [first, other, pipe] = ["first", "other", "pipe"].map((name) => join(folder, name)) as [string, string, string];
	await writeFile(first, pcap(packets));
	await writeFile(other, "no capture");
	const { signal } = new AbortController();
	for (const path of [other, join(folder, "absent")]) {
		const source = sourceOn([first, path], {}, []);
		const error = await t.throwsAsync(source.open(signal), { instanceOf: PolytapError, code: "CAPTURE_UNREADABLE" });
		t.true(error?.message.startsWith(path));
		await source.close();
	}
	execFileSync("mkfifo", [pipe]);
	const [{ counters }] = await Promise.all([
		readPaths([first, pipe]),
		writeFile(pipe, pcap(talk(40_001, START_US + 1_000_000).packets)),
	]);
	t.is(counters.packets, 2 * packets.length);
	t.is(counters.tcp_connections, 2);
});

test("formats that are not read are refused by name", async (t) => {
	const modified = Buffer.from(pcap(packets));
	modified.writeUInt32LE(0xa1b2cd34);
	const version = Buffer.from(pcap(packets));
	version.writeUInt16LE(3, 4);
	for (const contents of [modified, version]) {
		await t.throwsAsync(readCapture(contents), { instanceOf: PolytapError, code: "CAPTURE_UNSUPPORTED" });
	}
});

test("a link type that is not decoded is told once, and its packets are counted", async (t) => {
	const { events, counters, warnings } = await readCapture(pcap(packets, { linkType: 127 }));
	t.deepEqual(events, []);
	t.is(counters.packets_skipped_link_type, packets.length);
	t.deepEqual(
		warnings.map(([code]) => code),
		["CAPTURE_UNSUPPORTED"],
	);
});

/** Cuts that leave only whole records, and so nothing to complain about. */
function wholeLengths(contents: Uint8Array, isPcapng: boolean): Set<number> {
	const whole = new Set<number>();
	const view = Buffer.from(contents);
	let at = isPcapng ? 0 : 24;
	while (at <= contents.length) {
		whole.add(at);
		if (at === contents.length) break;
		at += isPcapng ? view.readUInt32LE(at + 4) : 16 + view.readUInt32LE(at + 8);
	}
	return whole;
}

for (const name of ["pcap, little-endian", "pcapng, little-endian", "pcap, gzip"]) {
	test(`${name}, cut at every byte: everything before the cut, and a coded warning`, async (t) => {
		const contents = files[name]!;
		const isGzip = name.endsWith("gzip");
		const whole = isGzip ? new Set<number>() : wholeLengths(contents, name.startsWith("pcapng"));
		let told = 0;
		for (let length = 0; length < contents.length; length++) {
			const cut = contents.subarray(0, length);
			let reading: Awaited<ReturnType<typeof readCapture>>;
			try {
				reading = await readCapture(cut);
			} catch (error) {
				if (!(error instanceof PolytapError)) throw error;
				t.is(error.code, "CAPTURE_UNREADABLE");
				// enough to know what it is, but for what gzip has not given out yet
				t.true(length < 4 || (isGzip && told === 0));
				continue;
			}
			const { events, warnings } = reading;
			const codes = warnings.map(([code]) => code);
			t.deepEqual(codes, whole.has(length) ? [] : ["CAPTURE_DAMAGED"], `cut at ${length}`);
			const lines = story(events);
			t.deepEqual(lines, STORY.slice(0, lines.length));
			t.true(lines.length >= told);
			told = lines.length;
		}
		t.true(told >= STORY.length - 2);
	});
}

test("damage in the middle: everything before it, the place, and the next file goes on", async (t) => {
	const damaged = Buffer.from(files["pcap, little-endian"]!);
	const sixth = 24 + packets.slice(0, 5).reduce((sum, { frame }) => sum + 16 + frame.length, 0);
	damaged.writeUInt32LE(0x7fff_ffff, sixth + 8);
	const next = talk(40_007, START_US + 1_000_000).packets;
	const { events, counters, warnings } = await readCapture([damaged, pcap(next)]);
	const lines = story(events);
	t.deepEqual(lines.slice(0, 3), STORY.slice(0, 3));
	t.true(lines.some((line) => line.startsWith("open 2 tcp 10.0.0.1:40007")));
	t.is(warnings[0]?.[0], "CAPTURE_DAMAGED");
	t.true(warnings[0]?.[1].includes(`byte ${sixth};`), warnings[0]?.[1]);
	t.is(counters.files_damaged, 1);
	t.is(counters.files, 2);
});

test("gzip that is broken inside gives what came before", async (t) => {
	const many = Array.from({ length: 3000 }, (_, i) => talk(20_000 + i, START_US + i * 1000).packets).flat();
	const contents = Buffer.from(gzipSync(pcap(many)));
	contents.fill(0xff, Math.floor(contents.length * 0.7), Math.floor(contents.length * 0.7) + 64);
	const { events, warnings } = await readCapture(contents);
	t.true(events.length > 3000 * 6 * 0.5);
	t.deepEqual(
		warnings.map(([code]) => code),
		["CAPTURE_DAMAGED"],
	);
});

test("several files are one capture: a connection goes on in the next one", async (t) => {
	const { events } = await readCapture([pcap(packets.slice(0, 4)), gzipSync(pcap(packets.slice(4)))]);
	t.deepEqual(story(events), STORY);
});

test("a file that begins earlier is another capture: what was open ends", async (t) => {
	const later = new Talk({ startUs: START_US + 60_000_000 }).handshake().say("client", "one").packets;
	const earlier = new Talk().handshake().say("client", "two").packets;
	const { events } = await readCapture([pcap(later), pcap(earlier)]);
	t.deepEqual(story(events), [STORY[0], "bytes 1 0 0 one", "close 1", STORY[0]?.replace("1", "2"), "bytes 2 0 0 two"]);
});

test("a file larger than memory is given, packets across the borders of what is read", async (t) => {
	const long = new Talk().handshake();
	const sizes: number[] = [];
	for (let i = 0; i < 400; i++) {
		const size = 1 + ((i * 7919) % 60_000);
		sizes.push(size);
		long.say(i % 2 === 0 ? "client" : "server", Buffer.alloc(size, i));
	}
	for (const contents of [
		pcap(long.packets),
		gzipSync(pcap(long.packets)),
		blocks(new Pcapng().interface(), long.packets).bytes(),
	]) {
		const { events, warnings } = await readCapture(contents);
		const all = events.filter((event) => event.kind === "bytes");
		t.deepEqual(
			all.map(({ data }) => data.length),
			sizes,
		);
		t.true(all.every(({ data }, i) => data.every((byte) => byte === i % 256)));
		t.deepEqual(warnings, []);
	}
});

test("one packet of several MiB, more than is read at once", async (t) => {
	const jumbo = new Talk();
	jumbo.handshake().say("client", "q");
	const frame = Buffer.concat([jumbo.packets[3]!.frame, Buffer.alloc(3 << 20)]);
	const contents = pcap([...jumbo.packets.slice(0, 3), { tsUs: START_US + 300, frame }], { snaplen: 4 << 20 });
	const { events, counters } = await readCapture(contents);
	t.deepEqual(saidIn(events, 0), ["0:q"]);
	t.is(counters.packets, 4);
});

test("a batch spans no more than 10 ms of packet time", async (t) => {
	const slow = new Talk().handshake();
	for (let i = 0; i < 50; i++) slow.say("client", "x").wait(4_900);
	const { batches } = await readCapture(pcap(slow.packets));
	t.true(batches.length >= 24 && batches.length <= 27, `${batches.length} batches`);
});

test("an aborted signal ends it after the batch under way", async (t) => {
	const { mkdtemp, rm, writeFile } = await import("node:fs/promises");
	const { sourceOn } = await import("./reading.js");
	const folder = await mkdtemp("/tmp/polytap-abort-");
	try {
		const path = `${folder}/a.pcap`;
		const slow = new Talk().handshake();
		for (let i = 0; i < 50; i++) slow.say("client", "x").wait(20_000);
		await writeFile(path, pcap(slow.packets));
		const source = sourceOn([path], {}, []);
		const stop = new AbortController();
		await source.open(stop.signal);
		let batches = 0;
		for await (const _ of source.batches(stop.signal)) {
			batches++;
			stop.abort();
		}
		t.is(batches, 1);
		await source.close();
		await source.close();
	} finally {
		await rm(folder, { recursive: true });
	}
});

test("close is legal before open", async (t) => {
	const { sourceOn } = await import("./reading.js");
	await t.notThrowsAsync(sourceOn(["/nonexistent"], {}, []).close());
});

test("a record's header alone asks for the whole record", (t) => {
	const contents = pcap(packets.slice(0, 1));
	const format = new PcapFormat(contents, 0, false, false);
	const raw = new RawPacket();
	t.is(format.read(contents, 24, 24 + 10, raw), -16);
	t.is(format.read(contents, 24, 24 + 16, raw), -(16 + packets[0]!.frame.length));
	t.is(format.read(contents, 24, contents.length, raw), contents.length - 24);
});
