import { gzipSync } from "node:zlib";
import test from "ava";
import fc from "fast-check";
import { toJson, writeJson } from "../../../core/index.js";
import { Harness } from "../engine/harness.js";
import { alternating } from "./alternating.js";

/** What the fast writer wrote, and what the plain object stringifies to. */
function bothForms(h: Harness): [string, string][] {
	const out = Buffer.alloc(1 << 22);
	return h.exchanges.map((exchange) => {
		const end = writeJson(exchange, out, 7);
		return [out.toString("utf8", 7, end), `${toJson(exchange)}\n`];
	});
}

const BODIES: [string, string | Uint8Array][] = [
	["plain", "hello"],
	["quotes and controls", 'a"b\\c\n\u0001\u007f'],
	["utf-8", Buffer.from("grüße €")],
	["binary", Buffer.from([0xff, 0, 1, 2, 0xfe])],
	["longer than the byte loop", "x".repeat(5000)],
	["several slabs", Buffer.alloc(700_000, "abc")],
	["binary in several slabs", Buffer.from(Array.from({ length: 700_001 }, (_, i) => (i * i) >> 3))],
	["utf-8 in several slabs", Buffer.from("a€".repeat(150_001))],
	["text and then binary", Buffer.concat([Buffer.from(`${"x".repeat(4095)}€"`), Buffer.from([0xff, 0xfe])])],
	["every control character", Buffer.from(Array.from({ length: 128 }, (_, i) => i))],
];

for (const [name, body] of BODIES)
	test(`the written line equals the stringified record: ${name}`, (t) => {
		const h = new Harness().open().bytes(0, 0, "get\n").bytes(1, 0, `=ok ${body.length}\n`);
		h.bytes(1, `=ok ${body.length}\n`.length, body);
		for (const [written, plain] of bothForms(h)) t.is(written, plain);
		t.is(h.exchanges.length, 1);
	});

test("any bytes, in any pieces", (t) => {
	const chunk = fc.oneof(
		fc.uint8Array({ maxLength: 40 }),
		fc.string().map((text) => new Uint8Array(Buffer.from(text))),
	);
	fc.assert(
		fc.property(fc.array(chunk, { minLength: 1, maxLength: 8 }), (chunks) => {
			const body = Buffer.concat(chunks);
			const head = `=ok ${body.length}\n`;
			const h = new Harness().open().bytes(0, 0, "get\n").bytes(1, 0, head);
			let at = head.length;
			for (const each of chunks) {
				h.bytes(1, at, each);
				at += each.length;
			}
			for (const [written, plain] of bothForms(h)) t.is(written, plain);
		}),
	);
});

test("also with gaps, two vantages, halves that are missing, flags and annotations", (t) => {
	const gap = new Harness().open().bytes(0, 0, "get\n").bytes(1, 0, "=ok 9\nab").gap(1, 8, 7, "splice").pass(90_000);
	const two = new Harness().open(1, "client").open(2, "server");
	two.bytes(0, 0, "one\n", 1).bytes(0, 0, "one\n", 2).bytes(1, 0, "=a\n", 2).bytes(1, 0, "=a\n", 1);
	const half = new Harness().open().bytes(0, 0, "one\n").bytes(1, 0, "=a\n").bytes(1, 3, "=b\n").pass(90_000);
	half.feed({
		kind: "annotate",
		conn: 1,
		dir: 0,
		fromOffset: 0,
		toOffset: 99,
		attributes: { "java.thread.name": "é" },
	});
	half.bytes(0, 4, "two\n").close([8, 6]);
	const opaque = new Harness().open().bytes(0, 0, "\u0001\u0002\u0003\u0004").close([4, 0]);
	let lines = 0;
	for (const h of [gap, two, half, opaque])
		for (const [written, plain] of bothForms(h)) {
			t.is(written, plain);
			lines++;
		}
	t.is(lines, 6);
});

test("times cross a second and numbers of every width are written right", (t) => {
	for (const pause of [0, 9, 99, 999_999, 5_000_000, 59_000_000, 4_000_000_000]) {
		const h = new Harness({ requestTimeoutUs: 1e13 }).open().bytes(0, 0, "get\n");
		h.nowUs += pause;
		h.bytes(1, 0, "=ok\n");
		for (const [written, plain] of bothForms(h)) t.is(written, plain);
		t.is(h.exchanges[0]!.durationUs, pause + 10);
	}
});

test("a target that is too small says so, whatever the missing piece", (t) => {
	const h = new Harness().open().bytes(0, 0, "get\n").bytes(1, 0, "=ok 40\n").bytes(1, 7, "0123456789".repeat(4));
	const exchange = h.exchanges[0]!;
	const length = Buffer.byteLength(toJson(exchange)) + 1;
	for (let room = 0; room < length; room++) t.is(writeJson(exchange, Buffer.alloc(room), 0), -1);
	t.is(writeJson(exchange, Buffer.alloc(length), 0), length);
});

test("a compressed body is decoded, its wire size kept", async (t) => {
	const { bodyOf } = await import("../../../core/wire/body.js");
	const { Payload } = await import("../../../core/engine/payload.js");
	const { SlabPool } = await import("../../../core/engine/slab.js");
	const zipped = gzipSync("hello ".repeat(1000));
	const payload = new Payload(new SlabPool(1 << 20));
	payload.append(zipped, 0, zipped.length, 0, 1 << 20);
	t.like(bodyOf(payload, "gzip"), {
		bytes: zipped.length,
		captured: zipped.length,
		decodedFrom: "gzip",
		encoding: "utf8",
	});
	t.is(bodyOf(payload, "gzip").data, "hello ".repeat(1000));
	t.is(bodyOf(payload, "br").encoding, "base64");
});

test("records of one shape after another, and of shapes that alternate, equal the stringified ones", (t) => {
	const out = Buffer.alloc(1 << 16);
	const lines = alternating((exchange) => {
		const end = writeJson(exchange, out, 3);
		t.is(out.toString("utf8", 3, end), `${toJson(exchange)}\n`);
	});
	t.is(lines, 1200);
});
