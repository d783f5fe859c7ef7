/** Messages by their schema, written by protobufjs. */
import test from "ava";
import fc from "fast-check";
import protobuf from "protobufjs";
import type { StructuredValue } from "../../../core/index.js";
import { compile } from "../../../parsers/grpc/compile.js";
import { readMessage } from "../../../parsers/grpc/message-reader.js";
import { Shapes } from "../../../parsers/grpc/shapes.js";

const TEXT = `syntax = "proto3";
package t;
import "google/protobuf/any.proto";
enum Color { RED = 0; BLUE = 1; }
message All {
	double d = 1; float f = 2; int32 i32 = 3; uint32 u32 = 4; sint32 s32 = 5; fixed32 f32 = 6; sfixed32 sf32 = 7;
	int64 i64 = 8; uint64 u64 = 9; sint64 s64 = 10; fixed64 f64 = 11; sfixed64 sf64 = 12;
	bool b = 13; string s = 14; bytes y = 15; Color c = 16; All m = 17;
	repeated int32 list = 18; repeated int32 loose = 19 [packed = false]; repeated string texts = 20; repeated All many = 21;
	map<string, int64> by_text = 22; map<int64, All> by_number = 23; map<bool, Color> by_flag = 24;
	oneof pick { int32 first = 25; string second = 26; All third = 27; }
	google.protobuf.Any any = 28; google.protobuf.Timestamp at = 29; google.protobuf.Duration for = 30;
	google.protobuf.Struct struct = 31; google.protobuf.Int64Value wrapped = 32; google.protobuf.FieldMask mask = 33;
	google.protobuf.Empty nothing = 34; google.protobuf.Value value = 35;
}
message Few { int32 i32 = 3; string s = 14; }
`;

const root = new protobuf.Root();
for (const name of ["any", "timestamp", "duration", "struct", "wrappers", "field_mask", "empty"]) {
	const nested = protobuf.common.get(`google/protobuf/${name}.proto`)?.nested;
	if (nested !== undefined && root.lookup("google.protobuf") === null) root.addJSON(nested);
	else
		for (const [each, json] of Object.entries(
			(nested as never as { google: { nested: { protobuf: { nested: object } } } }).google.nested.protobuf.nested,
		))
			if (root.lookup(`google.protobuf.${each}`) === null)
				(root.lookup("google.protobuf") as protobuf.Namespace).addJSON({ [each]: json } as never);
}
protobuf.parse(TEXT, root, { keepCase: true });
const shapes = new Shapes(compile(root));
const encode = (type: string, value: object): Uint8Array => {
	const found = root.lookupType(type);
	return found.encode(found.fromObject(value)).finish();
};
const read = (bytes: Uint8Array, type = "t.All"): StructuredValue | null =>
	readMessage(bytes, shapes.ofMessage(type)!, shapes);
const all = (value: object): StructuredValue | null => read(encode("t.All", value));

test("every kind of scalar, at its bounds", (t) => {
	t.deepEqual(
		all({
			d: 0.1,
			f: 0.1,
			i32: -1,
			u32: 4_294_967_295,
			s32: -2_147_483_648,
			f32: 7,
			sf32: -7,
			i64: "-9223372036854775808",
			u64: "18446744073709551615",
			s64: "-9007199254740993",
			f64: "18446744073709551615",
			sf64: "-1",
			b: true,
			s: "ä",
			y: Buffer.from([0, 255]).toString("base64"),
			c: 1,
		}),
		{
			d: 0.1,
			f: 0.1,
			i32: -1,
			u32: 4_294_967_295,
			s32: -2_147_483_648,
			f32: 7,
			sf32: -7,
			i64: "-9223372036854775808",
			u64: "18446744073709551615",
			s64: "-9007199254740993",
			f64: "18446744073709551615",
			sf64: "-1",
			b: true,
			s: "ä",
			y: "AP8=",
			c: "BLUE",
		},
	);
	t.deepEqual(all({ d: Number.NaN, f: Number.NEGATIVE_INFINITY }), { d: "NaN", f: "-Infinity" });
	t.deepEqual(all({}), {});
});

test("64-bit integers of any value", (t) => {
	fc.assert(
		fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
			const text = value.toString();
			const shown = all({ i64: text, s64: text, sf64: text }) as Record<string, string>;
			const unsigned = BigInt.asUintN(64, value).toString();
			const also = all({ u64: unsigned, f64: unsigned }) as Record<string, string>;
			const zero = value === 0n;
			return (
				zero ||
				(shown.i64 === text &&
					shown.s64 === text &&
					shown.sf64 === text &&
					also.u64 === unsigned &&
					also.f64 === unsigned)
			);
		}),
		{ seed: 5, numRuns: 2000 },
	);
	t.pass();
});

test("lists in both forms, maps, enums, messages in messages", (t) => {
	t.deepEqual(
		all({
			list: [1, -2, 3],
			loose: [4, 5],
			texts: ["a", ""],
			many: [{ i32: 1 }, {}],
			by_text: { x: "9007199254740993", __proto__x: "1" },
			by_number: { "-5": { s: "five" } },
			by_flag: { true: 1 },
			m: { m: { s: "deep" } },
		}),
		{
			list: [1, -2, 3],
			loose: [4, 5],
			texts: ["a", ""],
			many: [{ i32: 1 }, {}],
			byText: { x: "9007199254740993", __proto__x: "1" },
			byNumber: { "-5": { s: "five" } },
			byFlag: { true: "BLUE" },
			m: { m: { s: "deep" } },
		},
	);
	// a list that its schema says to be packed may come loose, and the other way round
	t.deepEqual(read(Buffer.from("900101900102", "hex")), { list: [1, 2] });
	t.deepEqual(read(Buffer.from("9a01020102", "hex")), { loose: [1, 2] });
});

test("a map whose key is `__proto__` has that key", (t) => {
	const entry = Buffer.concat([Buffer.from([0x0a, 9]), Buffer.from("__proto__"), Buffer.from([0x10, 1])]);
	const shown = read(Buffer.concat([Buffer.from([0xb2, 0x01, entry.length]), entry]));
	t.is(JSON.stringify(shown), '{"byText":{"__proto__":"1"}}');
});

test("what the schema does not know stays: fields, numbers of enums, other types on the wire", (t) => {
	const few = read(encode("t.All", { i32: 1, s: "s", list: [7], m: { s: "in" } }), "t.Few");
	t.deepEqual(few, { i32: 1, s: "s", $unknown: { 17: { 14: "in" }, 18: { base64: "Bw==" } } });
	t.deepEqual(read(Buffer.from([0x80, 0x01, 9])), { c: 9 });
	t.deepEqual(read(Buffer.from([0x70, 5])), { $unknown: { 14: 5 } });
	t.deepEqual(read(Buffer.from([0x72, 2, 0xff, 0xfe])), { s: { base64: "//4=" } });
});

test("of a oneof the last one counts", (t) => {
	const bytes = Buffer.concat([encode("t.All", { first: 1 }), encode("t.All", { second: "two" })]);
	t.deepEqual(read(bytes), { second: "two" });
});

test("a message that comes in pieces is all of them", (t) => {
	const pieces = [{ m: { i32: 1, list: [1] } }, { m: { s: "x", list: [2] } }, { i32: 3 }].map((each) =>
		encode("t.All", each),
	);
	t.deepEqual(read(Buffer.concat(pieces)), { m: { i32: 1, list: [1, 2], s: "x" }, i32: 3 });
});

test("well-known types have the form that they have in JSON", (t) => {
	t.deepEqual(
		all({
			at: { seconds: 1_700_000_000, nanos: 120_000_000 },
			for: { seconds: -1, nanos: -500_000_000 },
			struct: {
				fields: { a: { numberValue: 1.5 }, b: { listValue: { values: [{ stringValue: "x" }] } } },
			},
			wrapped: { value: "7" },
			mask: { paths: ["a_b", "c"] },
			nothing: {},
			value: { boolValue: true },
		}),
		{
			at: "2023-11-14T22:13:20.120Z",
			for: "-1.500s",
			struct: { a: 1.5, b: ["x"] },
			wrapped: "7",
			mask: "aB,c",
			nothing: {},
			value: true,
		},
	);
	t.deepEqual(read(Buffer.from([0x9a, 0x02, 2, 0x08, 0])), { value: null });
	t.deepEqual(all({ at: { seconds: "999999999999" } }), { at: { seconds: "999999999999" } });
});

test("Any: the message in it where its type is known, its bytes otherwise", (t) => {
	const packed = (type: string, value: Uint8Array) => ({
		any: { type_url: `type.googleapis.com/${type}`, value: Buffer.from(value).toString("base64") },
	});
	t.deepEqual(all(packed("t.Few", encode("t.Few", { s: "in" }))), {
		any: { "@type": "type.googleapis.com/t.Few", s: "in" },
	});
	t.deepEqual(all(packed("google.protobuf.Duration", encode("google.protobuf.Duration", { seconds: 3 }))), {
		any: { "@type": "type.googleapis.com/google.protobuf.Duration", value: "3s" },
	});
	t.deepEqual(all(packed("t.Nobody", Buffer.from([1, 2]))), {
		any: { typeUrl: "type.googleapis.com/t.Nobody", value: "AQI=" },
	});
});

test("bytes that are no such message, and bombs, are null, soon", (t) => {
	t.is(read(Buffer.from([0x0a])), null);
	t.is(read(Buffer.from([0x8a, 0x01, 0xff, 0xff, 0xff, 0xff, 0x0f])), null);
	let deep = Buffer.alloc(0);
	for (let i = 0; i < 200; i++) {
		const length = Buffer.from([0x8a, 0x01, (deep.length & 0x7f) | 0x80, deep.length >> 7]);
		deep = Buffer.concat([length, deep]);
	}
	t.is(read(deep), null);
	// the same field again and again, in each other: every level is read twice
	let twice = Buffer.from([0x18, 1]);
	for (let i = 0; i < 60; i++) {
		const one = Buffer.concat([Buffer.from([0x8a, 0x01, (twice.length & 0x7f) | 0x80, twice.length >> 7]), twice]);
		twice = Buffer.concat([one, Buffer.from([0x8a, 0x01, 0])]);
	}
	const before = performance.now();
	read(twice);
	read(Buffer.alloc(2_000_000, Buffer.from([0x18, 1])));
	t.true(performance.now() - before < 5000);
});

test("any bytes: a value or null, never an exception, and the same as protobufjs where both read it", (t) => {
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
			const shown = read(bytes);
			return shown === null || typeof JSON.stringify(shown) === "string";
		}),
		{ seed: 9, numRuns: 20_000 },
	);
	t.pass();
});
