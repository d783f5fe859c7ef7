/**
 * Broken calls of gRPC on HTTP/2 through the test kit's fuzzing, then bytes that are messages, nearly, through both readers of
 * messages. `node dist/test/fuzz/grpc-fuzz.js [COUNT] [SEED]` prints the time and the memory; a breach of the contract
 * throws, with the input.
 */
import { prepare } from "../../parsers/grpc/descriptors.js";
import { fieldTree } from "../../parsers/grpc/fields.js";
import grpc from "../../parsers/grpc/index.js";
import { readMessage } from "../../parsers/grpc/message-reader.js";
import { optionsSchema } from "../../parsers/grpc/options.js";
import type { Schema } from "../../parsers/grpc/schema.js";
import { Shapes } from "../../parsers/grpc/shapes.js";
import http2 from "../../parsers/http2/index.js";
import { conversations, message } from "../parsers/grpc/conversations.js";
import { filesIn } from "../parsers/grpc/memory-files.js";
import { comparable } from "../parsers/http2/comparable.js";
import { MUTATION_KINDS, mutate, numbersFrom } from "./mutation.js";
import { fuzzParser } from "./parser-fuzz.js";

const PROTO = `syntax = "proto3";
package shop;
import "google/protobuf/any.proto";
import "google/protobuf/struct.proto";
message Order {
	string name = 1; int64 count = 2; Order inner = 3; repeated Order all = 4; map<string, Order> by_name = 5;
	repeated sint32 numbers = 6; google.protobuf.Any any = 7; google.protobuf.Value value = 8; oneof pick { bool a = 9; double b = 10; }
}
service Orders { rpc Buy (Order) returns (Order); rpc Fail (Order) returns (Order); }
`;
const inputs = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? 1);
const prepared = await prepare(optionsSchema.parse({ protos: ["a.proto"] }), filesIn({ "/etc/a.proto": PROTO }));
if ("problems" in prepared) throw new Error(prepared.problems[0]?.message);
const options = prepared.options as Schema;

await fuzzParser(http2, { comparable, conversations, with: [{ ...grpc, options } as typeof grpc] });

const startMs = performance.now();
const shapes = new Shapes(options);
const shape = shapes.ofMessage("shop.Order")!;
const number = numbersFrom(seed);
const field = (tag: number, bytes: Uint8Array): Buffer =>
	Buffer.concat([Buffer.from([(tag << 3) | 2, bytes.length]), bytes]);

/** A message of the schema, with others in it. */
function sample(depth: number): Buffer {
	const own = message("fuzz", number() & 0x7f);
	if (depth === 0) return own;
	const inner = sample(depth - 1).subarray(0, 100);
	const tag = [3, 4, 5, 6, 7, 8][number() % 6]!;
	return Buffer.concat([
		own,
		field(tag, tag === 5 ? Buffer.concat([field(1, Buffer.from("k")), field(2, inner)]) : inner),
	]);
}

let read = 0;
for (let i = 0; i < inputs; i++) {
	const count = number() % 4;
	const mutations = Array.from({ length: count }, () => ({
		kind: number() % MUTATION_KINDS,
		place: number() / 2 ** 32,
		value: number(),
	}));
	const bytes = mutate(sample(number() % 4), sample(1), mutations);
	for (const value of [readMessage(bytes, shape, shapes), fieldTree(bytes)])
		if (JSON.stringify(value) !== "null") read++;
}
console.log(
	`${inputs} messages, ${read} of ${inputs * 2} were read, ${((performance.now() - startMs) / 1000).toFixed(1)} s`,
);
