/** The memory between relay and parsers: every byte told or named as missing, never waited for. */
import { createHash } from "node:crypto";
import test from "ava";
import type { CaptureEvent } from "../../../core/index.js";
import { newMemory, Shared } from "../../../sources/sidecar-legacy/shared.js";
import { SocketOwners } from "../../../sources/sidecar-legacy/socket-owners.js";
import { Tee } from "../../../sources/sidecar-legacy/tee.js";
import { TeeReader } from "../../../sources/sidecar-legacy/tee-ring.js";
import { Translator } from "../../../sources/sidecar-legacy/translator.js";

const ends = { client: { address: "127.0.0.1", port: 1 }, server: { address: "127.0.0.1", port: 2 } };
const facts = {
	downstream: ends,
	upstream: ends,
	layer: "transport",
	tls: { downstream: null, upstream: null },
	attributes: {},
} as const;

function setUp(ringBytes: number) {
	const shared = new Shared(newMemory(ringBytes));
	const tee = new Tee(shared);
	const newReader = () => {
		const reader = new TeeReader(shared);
		const translator = new Translator({ legs: "both", netns: 1, run: "test" }, new SocketOwners());
		shared.nextReader();
		return {
			translator,
			read(): CaptureEvent[] {
				const batch: CaptureEvent[] = [];
				while (reader.next()) translator.translate(reader.record, Uint8Array.from(reader.record.data), batch);
				reader.release();
				return batch;
			},
		};
	};
	return { shared, tee, newReader };
}

/** Of one connection: what was told and what is missing, in order and without overlap. */
function account(t: { is(a: unknown, b: unknown): void }, events: readonly CaptureEvent[], conn: number) {
	let at = 0;
	let missing = 0;
	const hash = createHash("sha256");
	for (const event of events) {
		if (!("conn" in event) || event.conn !== conn || !("dir" in event) || event.dir !== 0) continue;
		if (event.kind === "bytes") {
			t.is(event.offset, at);
			at += event.data.length;
			hash.update(event.data);
		} else if (event.kind === "gap") {
			t.is(event.offset, at);
			t.is(event.cause, "ring-full");
			at += event.length ?? 0;
			missing += event.length ?? 0;
		} else if (event.kind === "end") t.is(event.finalOffset, at);
	}
	return { at, missing, hash: hash.digest("hex") };
}

test("what fits is told whole, on both legs, across many turns of the ring", (t) => {
	const { tee, newReader } = setUp(1 << 18);
	const reader = newReader();
	tee.turn();
	const hop = tee.hop(7, facts);
	const events: CaptureEvent[] = [];
	const hash = createHash("sha256");
	let total = 0;
	for (let n = 0; n < 300; n++) {
		const data = Buffer.alloc((n * 977) % 40_000, n);
		hash.update(data);
		total += data.length;
		hop.bytes(0, data, n, 1);
		events.push(...reader.read());
	}
	hop.end(0, "fin");
	hop.end(1, "fin");
	hop.close();
	events.push(...reader.read());
	const expected = { at: total, missing: 0, hash: hash.digest("hex") };
	t.deepEqual(account(t, events, 14), expected);
	t.deepEqual(account(t, events, 15), expected);
	t.is(events.filter(({ kind }) => kind === "close").length, 2);
});

test("nobody reads: bytes become a gap, ends and closes come later, all adds up", (t) => {
	const { shared, tee, newReader } = setUp(1 << 18);
	const reader = newReader();
	tee.turn();
	reader.read();
	const events: CaptureEvent[] = [];
	let sent = 0;
	let untold = 0;
	for (let n = 1; n <= 3_000; n++) {
		const hop = tee.hop(n, facts);
		hop.bytes(0, Buffer.alloc(1_000), 1, 0);
		sent += 1_000;
		hop.end(0, "fin");
		hop.end(1, "fin");
		hop.close();
	}
	for (let round = 0; round < 2_000; round++) {
		tee.turn();
		const more = reader.read();
		if (more.length === 0) break;
		events.push(...more);
	}
	let accounted = 0;
	for (const event of events) {
		if (event.kind === "loss") {
			accounted += event.bytes ?? 0;
			untold += event.events;
		} else if ("conn" in event && event.conn % 2 === 0 && event.kind === "bytes") accounted += event.data.length;
		else if ("conn" in event && event.conn % 2 === 0 && event.kind === "gap") accounted += event.length ?? 0;
	}
	t.is(accounted, sent);
	const opened = events.filter(({ kind }) => kind === "open").length;
	t.is(opened, events.filter(({ kind }) => kind === "close").length);
	t.is(opened / 2 + untold, 3_000);
	t.true(untold > 0);
	t.is(shared.counters().connections_not_told, untold);
});

test("a new reader is told of what is open, with positions as they are", (t) => {
	const { tee, newReader } = setUp(1 << 18);
	const first = newReader();
	tee.turn();
	const hop = tee.hop(1, facts);
	hop.bytes(0, Buffer.from("before"), 1, 0);
	first.read();
	const second = newReader();
	tee.turn();
	hop.bytes(0, Buffer.from("after"), 2, 0);
	hop.end(0, "fin");
	const events = second.read();
	t.is(events.filter(({ kind }) => kind === "open").length, 2);
	const bytes = events.filter((event) => event.kind === "bytes");
	t.deepEqual(
		bytes.map(({ offset, data }) => [offset, Buffer.from(data).toString()]),
		[
			[6, "after"],
			[6, "after"],
		],
	);
	t.like(events.find(({ kind }) => kind === "end") ?? {}, { finalOffset: 11, how: "fin" });
});

test("a reader that heard of a connection before is told again, and nothing of it is split or said twice", (t) => {
	const { tee, newReader } = setUp(1 << 18);
	tee.turn();
	// the relay looks for new readers now and then only: what began before that look is announced a second time
	const reader = newReader();
	const hop = tee.hop(1, facts);
	hop.bytes(0, Buffer.from("first half, "), 1, 0);
	hop.end(1, "fin");
	tee.turn();
	hop.bytes(0, Buffer.from("second half"), 2, 0);
	hop.end(0, "fin");
	hop.close();
	const events = reader.read();
	const count = (kind: string) => events.filter((event) => event.kind === kind).length;
	t.is(count("open"), 2);
	t.is(count("close"), 2);
	t.is(count("end"), 4);
	t.deepEqual(account(t, events, 2), {
		at: 23,
		missing: 0,
		hash: createHash("sha256").update("first half, second half").digest("hex"),
	});
});

test("a relay that starts again closes what the one before had open", (t) => {
	const { shared, tee, newReader } = setUp(1 << 18);
	const reader = newReader();
	tee.turn();
	tee.hop(1, facts);
	new Tee(shared);
	t.is(reader.read().filter(({ kind }) => kind === "close").length, 2);
});
