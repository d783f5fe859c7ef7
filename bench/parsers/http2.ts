/** HTTP/2 through the whole engine on one core: `node dist/bench/parsers/http2.js`. */
import http2 from "../../parsers/http2/index.js";
import { block } from "../../test/parsers/http2/encode.js";
import { main } from "../harness/options.js";
import { benchParser } from "../harness/parser-throughput.js";
import * as wire from "./http2-bytes.js";

const ASK: wire.Fields = [
	[":method", "GET"],
	[":path", "/orders/7"],
	[":scheme", "http"],
	[":authority", "shop.example.test"],
	["user-agent", "bench/1.0"],
	["accept", "*/*"],
];
const ANSWER: wire.Fields = [
	[":status", "200"],
	["content-type", "text/plain"],
	["server", "bench"],
];
const SMALL = Buffer.from("x".repeat(20));
const LARGE = Buffer.alloc(32 << 20, "0123456789abcdef");
const AT_ONCE = 16;

const answer = (stream: number, bytes: Uint8Array): Buffer =>
	Buffer.concat([wire.headers(stream, wire.again(ANSWER)), wire.body(stream, bytes)]);
const many = wire.streams(AT_ONCE);
const paths = wire.streams(64);
/** All fields but the path, which is another one each time. */
const withPath = (stream: number): Buffer =>
	Buffer.concat([
		wire.again(ASK).subarray(0, 1),
		block([[":path", `/orders/${stream}?page=${stream}`]]),
		wire.again(ASK).subarray(2),
	]);

await main(() =>
	benchParser({
		parser: http2,
		name: "http2",
		port: 8080,
		opening: [
			[0, Buffer.concat([wire.CLIENT_PREFACE, wire.headers(1, wire.inserted(ASK), true)])],
			[1, Buffer.concat([wire.SERVER_PREFACE, wire.headers(1, wire.inserted(ANSWER)), wire.body(1, SMALL)])],
		],
		openingExchanges: 1,
		talks: [
			wire.talk("GET, 20 bytes", 150_000, wire.headers(3, wire.again(ASK), true), answer(3, SMALL)),
			wire.talk(
				"GET, 20 bytes, 64 paths",
				2500,
				Buffer.concat(paths.map((id) => wire.headers(id, withPath(id), true))),
				Buffer.concat(paths.map((id) => answer(id, SMALL))),
				paths.length,
			),
			wire.talk(
				"GET, 20 bytes, 16 streams at once",
				10_000,
				Buffer.concat(many.map((id) => wire.headers(id, wire.again(ASK), true))),
				Buffer.concat([
					...many.map((id) => wire.headers(id, wire.again(ANSWER))),
					...many.map((id) => wire.body(id, SMALL)),
				]),
				AT_ONCE,
			),
			wire.talk("GET, a body of 32 MiB", 12, wire.headers(3, wire.again(ASK), true), answer(3, LARGE)),
			wire.talk(
				"POST, a body of 32 MiB",
				12,
				Buffer.concat([wire.headers(3, wire.again(ASK)), wire.body(3, LARGE)]),
				answer(3, SMALL),
			),
		],
	}),
);
