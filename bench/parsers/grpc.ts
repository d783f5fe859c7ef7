/** gRPC on HTTP/2 through the whole engine on one core, with descriptors: `node dist/bench/parsers/grpc.js`. */
import { prepare } from "../../parsers/grpc/descriptors.js";
import grpc from "../../parsers/grpc/index.js";
import { optionsSchema } from "../../parsers/grpc/options.js";
import http2 from "../../parsers/http2/index.js";
import { filesIn } from "../../test/parsers/grpc/memory-files.js";
import { main } from "../harness/options.js";
import { benchParser } from "../harness/parser-throughput.js";
import * as wire from "./http2-bytes.js";

const PROTO = `syntax = "proto3";
package shop;
message Order { string id = 1; int64 count = 2; repeated string items = 3; bytes picture = 4; }
service Orders {
	rpc Buy (Order) returns (Order);
	rpc Watch (stream Order) returns (stream Order);
}
`;
const ASK: wire.Fields = [
	[":method", "POST"],
	[":path", "/shop.Orders/Buy"],
	[":scheme", "http"],
	[":authority", "shop.example.test"],
	["content-type", "application/grpc"],
	["te", "trailers"],
	["grpc-timeout", "1S"],
];
const ANSWER: wire.Fields = [
	[":status", "200"],
	["content-type", "application/grpc"],
];
const TRAILERS: wire.Fields = [["grpc-status", "0"]];

function framed(message: Uint8Array): Buffer {
	const head = Buffer.alloc(5);
	head.writeUInt32BE(message.length, 1);
	return Buffer.concat([head, message]);
}

const text = (field: number, value: string): Buffer =>
	Buffer.concat([Buffer.from([(field << 3) | 2, value.length]), Buffer.from(value)]);

function bytes(field: number, value: Uint8Array): Buffer {
	const length: number[] = [];
	for (let left = value.length; ; left >>>= 7) {
		length.push(left < 0x80 ? left : (left & 0x7f) | 0x80);
		if (left < 0x80) break;
	}
	return Buffer.concat([Buffer.from([(field << 3) | 2, ...length]), value]);
}

const SMALL = framed(
	Buffer.concat([text(1, "order-0000007"), Buffer.from([0x10, 7]), text(3, "apples"), text(3, "pears")]),
);
const PICTURE = framed(bytes(4, Buffer.alloc(1 << 20, 0xf7)));
const MESSAGES = 100;
const AT_ONCE = 16;

const ask = (stream: number, payload: Uint8Array): Buffer =>
	Buffer.concat([wire.headers(stream, wire.again(ASK)), wire.body(stream, payload)]);
const answer = (stream: number, payload: Uint8Array): Buffer =>
	Buffer.concat([
		wire.headers(stream, wire.again(ANSWER, TRAILERS.length)),
		wire.body(stream, payload, false),
		wire.headers(stream, wire.again(TRAILERS), true),
	]);
const many = wire.streams(AT_ONCE);
const stream = Buffer.concat(Array.from({ length: MESSAGES }, () => SMALL));
const prepared = await prepare(
	optionsSchema.parse({ protos: ["orders.proto"] }),
	filesIn({ "/etc/orders.proto": PROTO }),
);
if ("problems" in prepared) throw new Error(prepared.problems[0]?.message);

await main(() =>
	benchParser({
		parser: http2,
		others: [{ ...grpc, options: prepared.options }],
		name: "grpc",
		title: "grpc, on http/2",
		port: 50_051,
		opening: [
			[0, Buffer.concat([wire.CLIENT_PREFACE, wire.headers(1, wire.inserted(ASK)), wire.body(1, SMALL)])],
			[
				1,
				Buffer.concat([
					wire.SERVER_PREFACE,
					wire.headers(1, wire.inserted(ANSWER)),
					wire.body(1, SMALL, false),
					wire.headers(1, wire.inserted(TRAILERS), true),
				]),
			],
		],
		openingExchanges: 1,
		talks: [
			wire.talk("unary, 40 bytes", 100_000, ask(3, SMALL), answer(3, SMALL)),
			wire.talk(
				"unary, 40 bytes, 16 streams at once",
				6000,
				Buffer.concat(many.map((id) => ask(id, SMALL))),
				Buffer.concat(many.map((id) => answer(id, SMALL))),
				AT_ONCE,
			),
			wire.talk("stream, 100 messages each way", 1000, ask(3, stream), answer(3, stream)),
			wire.talk("unary, 1 MiB each way", 100, ask(3, PICTURE), answer(3, PICTURE)),
		],
	}),
);
