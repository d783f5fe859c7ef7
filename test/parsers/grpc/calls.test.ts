import test from "ava";
import type { Exchange } from "../../../core/index.js";
import { Redactor } from "../../../core/redaction/redactor.js";
import grpc from "../../../parsers/grpc/index.js";
import http1 from "../../../parsers/http1/index.js";
import http2 from "../../../parsers/http2/index.js";
import { Harness } from "../../core/engine/harness.js";
import type { Chunk } from "../http2/talk.js";
import { calls, framed, message } from "./conversations.js";

function play(chunks: readonly Chunk[], size: number): Exchange[] {
	const h = new Harness({}, [http1, http2, grpc]).open();
	const at: [number, number] = [0, 0];
	for (const { dir, bytes } of chunks)
		for (let from = 0; from < bytes.length; from += size) {
			const piece = bytes.subarray(from, from + size);
			h.bytes(dir, at[dir], piece);
			at[dir] += piece.length;
		}
	h.close(at).pass(200_000);
	if (h.failures.length > 0) throw h.failures[0];
	return h.exchanges.filter(({ kind }) => kind === "exchange");
}

for (const size of [Number.POSITIVE_INFINITY, 1, 11])
	test(`messages, compressed ones too, and the status from wherever it is, ${size} bytes at a time`, async (t) => {
		const [buy, fail, refuse] = play(calls, size);
		t.is(buy!.protocol, "grpc");
		t.deepEqual(buy!.summary, { operation: "shop.Orders/Buy", result: "OK" });
		t.like(buy!.request!.attributes, {
			"rpc.system": "grpc",
			"rpc.service": "shop.Orders",
			"rpc.method": "Buy",
			"grpc.timeout_us": 2_000_000,
		});
		t.deepEqual(
			buy!.request!.messages!.map(({ data }) => data),
			[
				{ 1: "ask", 2: 7 },
				{ 1: "more", 2: 8 },
			],
		);
		const [one, two] = buy!.response!.messages!;
		t.deepEqual(one!.data, { 1: "one", 2: 1 });
		t.deepEqual(two!.data, { 1: "two", 2: 2 });
		t.is(two!.decodedFrom, "gzip");
		t.true(one!.at <= two!.at);
		t.is(buy!.response!.attributes["rpc.grpc.status_code"], 0);
		t.is(fail!.outcome, "error");
		t.is(fail!.summary.result, "NOT_FOUND");
		t.is(refuse!.summary.result, "PERMISSION_DENIED");
		t.is(refuse!.response!.attributes["grpc.message"], "not you");
		t.true([buy, fail].every((x) => x!.flags.length === 0));
	});

const WEB = Buffer.concat([
	framed(message("web", 3)),
	framed(Buffer.from("grpc-status: 5\r\ngrpc-message: gone\r\n"), 0x80),
]);

for (const [type, body] of [
	["application/grpc-web+proto", WEB],
	[
		"application/grpc-web-text",
		Buffer.from(WEB.subarray(0, 13).toString("base64") + WEB.subarray(13).toString("base64")),
	],
] as const)
	for (const size of [Number.POSITIVE_INFINITY, 1])
		test(`gRPC-Web on HTTP/1.1: ${type}, ${size} bytes at a time`, (t) => {
			const head = (line: string, length: number): Buffer =>
				Buffer.from(`${line}\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n`);
			const [x] = play(
				[
					{ dir: 0, bytes: head("POST /shop.Orders/Web HTTP/1.1", 0) },
					{ dir: 1, bytes: Buffer.concat([head("HTTP/1.1 200 OK", body.length), body]) },
				],
				size,
			);
			t.deepEqual(x!.summary, { operation: "shop.Orders/Web", result: "NOT_FOUND" });
			t.is(x!.outcome, "error");
			t.deepEqual(x!.response!.trailers, [
				["grpc-status", "5"],
				["grpc-message", "gone"],
			]);
			t.deepEqual(
				x!.response!.messages!.map(({ data }) => data),
				[{ 1: "web", 2: 3 }],
			);
		});

test("rules reach headers of HTTP/2 and fields of messages", async (t) => {
	const redactor = Redactor.of([{ headers: ["te"], match: ["ask|two"], json: ["$['2']"] }])!;
	const shown = JSON.stringify(play(calls, 1000).map((x) => redactor.redact(x)));
	t.false(/"ask"|"two"|"trailers"\]/.test(shown));
	t.true(shown.includes('"one"'));
	t.true(shown.includes('"te"'));
});

test("bytes that are no messages are a body", (t) => {
	const [x] = play(
		[
			{
				dir: 0,
				bytes: Buffer.from("POST /a/b HTTP/1.1\r\nContent-Type: application/grpc\r\nContent-Length: 5\r\n\r\nhello"),
			},
			{ dir: 1, bytes: Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") },
		],
		Number.POSITIVE_INFINITY,
	);
	t.deepEqual(x!.flags, ["grpc-framing-lost"]);
	t.is(x!.request!.body.data, "hello");
});
