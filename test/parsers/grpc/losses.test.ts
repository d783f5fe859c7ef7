/** Messages of gRPC that are split, cut, too large, or have holes; by a schema and without. */
import test from "ava";
import type { Exchange } from "../../../core/index.js";
import { prepare } from "../../../parsers/grpc/descriptors.js";
import grpc from "../../../parsers/grpc/index.js";
import { optionsSchema } from "../../../parsers/grpc/options.js";
import http2 from "../../../parsers/http2/index.js";
import { block, END_STREAM, frame, Type } from "../http2/encode.js";
import { data, type Fields, post, status, Wire } from "../http2/frames.js";
import { filesIn } from "./memory-files.js";

const GRPC: Fields = [["content-type", "application/grpc"]];
const OK: Fields = [["grpc-status", "0"]];
const PROTO = `syntax = "proto3";
package shop;
message Text { string text = 1; int64 count = 2; }
service Talk { rpc Say (stream Text) returns (stream Text); }
`;

function varint(value: number): Buffer {
	const bytes: number[] = [];
	for (let left = value; ; left >>>= 7) {
		if (left < 0x80) return Buffer.from([...bytes, left]);
		bytes.push((left & 0x7f) | 0x80);
	}
}

function message(text: string): Buffer {
	const body = Buffer.concat([Buffer.from([0x0a]), varint(text.length), Buffer.from(text), Buffer.from([0x10, 5])]);
	const head = Buffer.alloc(5);
	head.writeUInt32BE(body.length, 1);
	return Buffer.concat([head, body]);
}

/** DATA frames of at most so many bytes. */
function frames(stream: number, payload: Uint8Array, size: number): Buffer[] {
	const all: Buffer[] = [];
	for (let from = 0; from < payload.length; from += size)
		all.push(data(stream, payload.subarray(from, from + size), 0));
	return all;
}

const trailers = (stream: number): Buffer => frame(Type.headers, 4 | END_STREAM, stream, block(OK));

async function wireWith(options: object = {}, size = Number.POSITIVE_INFINITY, engine = {}): Promise<Wire> {
	const prepared = await prepare(optionsSchema.parse(options), filesIn({ "/etc/talk.proto": PROTO }));
	const found = "options" in prepared ? prepared.options : null;
	return new Wire(engine, size, [http2, { ...grpc, ...(found === null ? {} : { options: found }) } as typeof grpc]);
}

const BY_SCHEMA = { protos: ["talk.proto"] };
const dataOf = (x: Exchange | undefined): unknown[] => x?.request?.messages?.map((each) => each.data) ?? [];

for (const size of [1, 3, 6, 1000])
	for (const chunk of [Number.POSITIVE_INFINITY, 1, 13])
		test(`messages over DATA frames of ${size} bytes, ${chunk} bytes at a time`, async (t) => {
			const wire = await wireWith(BY_SCHEMA, chunk);
			const payload = Buffer.concat([message("one"), message(""), message("three ".repeat(20))]);
			wire.say(0, post(1, "/shop.Talk/Say", GRPC), ...frames(1, payload, size), data(1, ""));
			wire.say(1, status(1, 200, GRPC), ...frames(1, message("answer"), size), trailers(1));
			const [x] = wire.end();
			t.deepEqual(dataOf(x), [
				{ text: "one", count: "5" },
				{ text: "", count: "5" },
				{ text: "three ".repeat(20), count: "5" },
			]);
			t.deepEqual(
				x!.response!.messages!.map((each) => each.data),
				[{ text: "answer", count: "5" }],
			);
			t.is(x!.response!.messages![0]!.attributes["grpc.message.type"], "shop.Text");
			t.is(x!.outcome, "ok");
			t.deepEqual(x!.flags, []);
		});

test("a call that the descriptors do not know is a tree of field numbers", async (t) => {
	const wire = await wireWith(BY_SCHEMA);
	wire.say(0, post(1, "/other.Talk/Say", GRPC), data(1, message("x")));
	t.deepEqual(dataOf(wire.end()[0]), [{ 1: "x", 2: 5 }]);
});

test("a message that does not keep to its schema is a tree, or bytes", async (t) => {
	const wire = await wireWith(BY_SCHEMA);
	const odd = (bytes: number[]): Buffer => Buffer.from([0, 0, 0, 0, bytes.length, ...bytes]);
	wire.say(0, post(1, "/shop.Talk/Say", GRPC), data(1, Buffer.concat([odd([0x08, 1]), odd([0xff]), odd([])])));
	const { messages } = wire.end()[0]!.request!;
	t.deepEqual(
		messages!.map(({ encoding, data }) => [encoding, data]),
		[
			["json", { $unknown: { 1: 1 } }],
			["base64", "/w=="],
			["json", {}],
		],
	);
});

test("a hole inside a message is a gap of that one; those after it are whole", async (t) => {
	const wire = await wireWith(BY_SCHEMA);
	const large = message("x".repeat(1000));
	wire.say(0, post(1, "/shop.Talk/Say", GRPC), data(1, message("before"), 0));
	const one = data(1, large, 0);
	wire.say(0, one.subarray(0, 100)).lose(0, 500).say(0, one.subarray(600));
	wire.pass(60_000).say(0, data(1, message("after")));
	wire.say(1, status(1, 200, [...GRPC, ...OK], END_STREAM));
	const [x] = wire.end();
	const [before, holed, after] = x!.request!.messages!;
	t.deepEqual(
		[before!.data, after!.data],
		[
			{ text: "before", count: "5" },
			{ text: "after", count: "5" },
		],
	);
	t.is(holed!.completeness, "gap");
	t.is(holed!.captured, holed!.bytes - 500);
	t.deepEqual(holed!.gaps, [{ from: 86, to: 586, cause: "missed" }]);
	t.is(x!.outcome, "ok");
});

test("a hole over the end of a message hides where the next one begins: what follows is no message", async (t) => {
	const wire = await wireWith(BY_SCHEMA);
	const both = data(1, Buffer.concat([message("a".repeat(100)), message("b".repeat(100)), message("c")]), 0);
	wire.say(0, post(1, "/shop.Talk/Say", GRPC));
	wire.say(0, both.subarray(0, 60)).lose(0, 90).say(0, both.subarray(150)).pass(60_000);
	wire.say(0, data(1, message("d")));
	wire.say(1, status(1, 200, [...GRPC, ...OK], END_STREAM));
	const [x] = wire.end();
	t.deepEqual(x!.flags, ["grpc-framing-lost"]);
	t.true(dataOf(x).every((each) => typeof each !== "object" || each === null || !("text" in each)));
	t.is(x!.request!.body.completeness, "gap");
});

test("a call that ends in the middle of a message says so", async (t) => {
	const wire = await wireWith(BY_SCHEMA);
	wire.say(0, post(1, "/shop.Talk/Say", GRPC), data(1, message("cut off").subarray(0, 8)));
	wire.say(1, status(1, 200, GRPC, END_STREAM));
	const [x] = wire.end();
	t.deepEqual([...x!.flags].sort(), ["grpc-message-cut", "grpc-status-missing"]);
	t.is(x!.request!.messages![0]!.bytes, 3);
});

test("a message beyond max_body_bytes is truncated, and the ones after it are counted", async (t) => {
	const wire = await wireWith(BY_SCHEMA, Number.POSITIVE_INFINITY, { maxBodyBytes: 5000 });
	const payload = Buffer.concat([message("small"), message("x".repeat(100_000)), message("after")]);
	wire.say(0, post(1, "/shop.Talk/Say", GRPC), ...frames(1, payload, 16_000), data(1, ""));
	wire.say(1, status(1, 200, [...GRPC, ...OK], END_STREAM));
	const [small, huge, after] = wire.end()[0]!.request!.messages!;
	t.deepEqual(small!.data, { text: "small", count: "5" });
	t.is(huge!.completeness, "truncated");
	t.is(huge!.bytes, 100_006);
	t.true(huge!.captured! < 5000);
	t.is(after!.bytes, 9);
	t.is(after!.captured, 0);
});

test("a length beyond everything, and more messages than are kept", async (t) => {
	const wire = await wireWith();
	wire.say(0, post(1, "/shop.Talk/Say", GRPC), data(1, Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3])));
	wire.say(1, status(1, 200, [...GRPC, ...OK], END_STREAM));
	wire.say(0, post(3, "/shop.Talk/Say", GRPC), ...frames(3, Buffer.alloc(5 * 17_000), 15_000), data(3, ""));
	wire.say(1, status(3, 200, [...GRPC, ...OK], END_STREAM));
	const [endless, many] = wire.end();
	t.deepEqual(endless!.flags, ["grpc-message-cut"]);
	t.deepEqual(many!.flags, ["messages-cap"]);
	t.is(many!.request!.messages!.length, 16_384);
});

test("each message has the time at which it began", async (t) => {
	const wire = await wireWith(BY_SCHEMA);
	wire.say(0, post(1, "/shop.Talk/Say", GRPC), data(1, message("a"), 0)).pass(1000);
	wire
		.say(0, data(1, message("b"), 0))
		.pass(2000)
		.say(0, data(1, message("c")));
	wire.say(1, status(1, 200, [...GRPC, ...OK], END_STREAM));
	const times = wire.end()[0]!.request!.messages!.map(({ at }) => Number(at.slice(-7, -1)));
	t.deepEqual([times[1]! - times[0]!, times[2]! - times[1]!], [1010, 2010]);
});
