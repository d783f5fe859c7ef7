/** The source and the engine together: every byte of a conversation is delivered once, in order, or is a named gap. */
import test from "ava";
import fc from "fast-check";
import { Engine } from "../../../core/engine/engine.js";
import type { Direction, Exchange, ParserPlugin } from "../../../core/index.js";
import { type Captured, pcap } from "./files.js";
import { readCapture } from "./reading.js";
import { type Speaker, Talk } from "./talk.js";

interface Delivered {
	readonly dir: Direction;
	readonly offset: number;
	/** Null: a gap of `length`. */
	readonly text: string | null;
	readonly length: number;
}

/** Takes everything, and writes it down. */
function recorder(into: Delivered[]): ParserPlugin {
	return {
		api: 1,
		kind: "parser",
		protocol: "recorded",
		summary: "writes down what it is shown",
		readsOnly: true,
		detect: (client, server) => (client.length + server.length > 0 ? "yes" : "more"),
		create: () => ({
			data(dir, bytes, out) {
				const text = Buffer.from(bytes).toString("latin1");
				into.push({ dir, offset: out.offsetAt(0), text, length: bytes.length });
				return bytes.length;
			},
			gap(dir, length, out) {
				into.push({ dir, offset: out.offsetAt(0), text: null, length: length ?? -1 });
				return true;
			},
			resync: () => ({ skip: 0 }),
			end() {},
		}),
	};
}

async function through(packets: readonly Captured[]) {
	const delivered: Delivered[] = [];
	const records: Exchange[] = [];
	const { events } = await readCapture(pcap(packets));
	const engine = new Engine({ connectionRecords: true }, [recorder(delivered)], (exchange) => records.push(exchange));
	const source = engine.addSource("file", "pcap");
	let nowUs = 0;
	for (const event of events) {
		if ("tsUs" in event) nowUs = Math.max(nowUs, event.tsUs);
		engine.ingest(source, [event], nowUs);
	}
	engine.sourceEnded(source, nowUs);
	return { delivered, records, counters: engine.counters() };
}

function textOf(delivered: readonly Delivered[], dir: Direction): string {
	return delivered
		.filter((each) => each.dir === dir)
		.map(({ text, length }) => text ?? "?".repeat(length))
		.join("");
}

test("disorder, overlaps and retransmits come out once and in order", async (t) => {
	const talk = new Talk({ isn: [2 ** 32 - 4, 9] }).handshake();
	talk.say("client", "abc").say("client", "def").swap().say("client", "ghi");
	talk.send("client", 16, { seq: 2 ** 32 - 1, data: Buffer.from("cdefghij") });
	talk.next.client += 1;
	talk.say("client", "klm").say("server", "answer").goodbye();
	const { delivered, counters } = await through(talk.packets);
	t.is(textOf(delivered, 0), "abcdefghijklm");
	t.is(textOf(delivered, 1), "answer");
	t.is(counters.bytes_missing, 0);
	t.is(counters.bytes_conflicting, 0);
});

test("a lost segment is a gap of exactly its bytes; a retransmit heals it", async (t) => {
	const lost = new Talk().handshake().say("client", "abc").say("client", "12345").lose().say("client", "xyz").goodbye();
	const { delivered, records, counters } = await through(lost.packets);
	t.is(textOf(delivered, 0), "abc?????xyz");
	t.is(counters.bytes_missing_missed, 5);
	t.is(records[0]?.annotations["polytap.client_to_server.bytes_missing"], 5);
	const healed = new Talk().handshake().say("client", "abc").say("client", "12345").lose().say("client", "xyz");
	healed.send("client", 16, { seq: 1004, data: Buffer.from("12345") }).goodbye();
	t.is(textOf((await through(healed.packets)).delivered, 0), "abc12345xyz");
});

test("a keep-alive's byte is no second opinion on the real one", async (t) => {
	const talk = new Talk().handshake().say("client", "abc").ack("server").wait(30_000_000);
	talk
		.send("client", 16, { seq: 1003, data: Buffer.from([0]) })
		.ack("server")
		.say("client", "def")
		.goodbye();
	const { delivered, counters } = await through(talk.packets);
	t.is(textOf(delivered, 0), "abcdef");
	t.is(counters.bytes_conflicting, 0);
});

test("the record's connection id is made of the bases", async (t) => {
	const { records } = await through(
		new Talk({ isn: [0xabcd, 0x1233] }).handshake().say("client", "x").goodbye().packets,
	);
	t.true(records[0]?.connection.id.endsWith("0000abce00001234"));
});

interface Said {
	readonly by: Speaker;
	readonly size: number;
	/** 0: as it should be. 1: lost. 2: twice. 3: swapped with the one before. 4: again, with the one before. */
	readonly fate: number;
}

const said: fc.Arbitrary<Said> = fc.record({
	by: fc.constantFrom<Speaker>("client", "server"),
	size: fc.integer({ min: 1, max: 300 }),
	fate: fc.nat(4),
});

test("property: whatever happens to segments, every byte is delivered right or missing, and counted once", async (t) => {
	await fc.assert(
		fc.asyncProperty(
			fc.array(said, { minLength: 1, maxLength: 30 }),
			fc.nat(2 ** 32 - 1),
			fc.nat(2 ** 32 - 1),
			async (turns, isnA, isnB) => {
				const truth: Record<Speaker, string> = { client: "", server: "" };
				const talk = new Talk({ isn: [isnA, isnB] }).handshake();
				for (const { by, size, fate } of turns) {
					const text = textFrom(truth[by].length, size);
					const before = talk.next[by];
					talk.say(by, text);
					if (fate === 1) talk.lose();
					if (fate === 2) talk.packets.push({ ...talk.packets.at(-1)!, tsUs: talk.nowUs });
					if (fate === 3 && talk.packets.length > 4) talk.swap();
					if (fate === 4) {
						const back = Math.min(truth[by].length, 50);
						const again = textFrom(truth[by].length - back, back + size);
						talk.send(by, 16, { seq: (before - back) >>> 0, data: Buffer.from(again, "latin1") });
					}
					truth[by] += text;
				}
				talk.goodbye();
				const { delivered, counters } = await through(talk.packets);
				for (const dir of [0, 1] as const) {
					const real = truth[dir === 0 ? "client" : "server"];
					const parts = delivered.filter((each) => each.dir === dir);
					if (parts.length === 0) continue;
					// what is missing before the first byte of all is counted, but no parser was there to be told
					let at = parts[0]!.offset;
					for (const { offset, text, length } of parts) {
						t.is(offset, at);
						if (text !== null) t.is(text, real.slice(at, at + length));
						at += length;
					}
					t.is(at, real.length);
				}
				const total = truth.client.length + truth.server.length;
				if (delivered.length > 0) t.is((counters.bytes_captured ?? 0) + (counters.bytes_missing ?? 0), total);
				t.is(counters.bytes_conflicting, 0);
			},
		),
		{ seed: 42, numRuns: 400 },
	);
});

/** What a speaker says at a position depends on the position alone. */
function textFrom(from: number, length: number): string {
	return Array.from({ length }, (_, i) => String.fromCharCode(97 + (((from + i) * 7) % 26))).join("");
}
