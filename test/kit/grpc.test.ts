/** gRPC, which reads payloads of other protocols' messages, inside the parsers that carry it. */
import test from "ava";
import { type Conversation, parserChecks } from "polytap/testkit";
import grpc from "../../parsers/grpc/index.js";
import http1 from "../../parsers/http1/index.js";
import http2 from "../../parsers/http2/index.js";
import { ask, talk } from "../parsers/http2/talk.js";

function framed(message: Uint8Array, flags = 0): Buffer {
	const head = Buffer.alloc(5);
	head[0] = flags;
	head.writeUInt32BE(message.length, 1);
	return Buffer.concat([head, message]);
}

const text = (value: string): Buffer => Buffer.concat([Buffer.from([0x0a, value.length]), Buffer.from(value)]);

/** Real frames: two calls, one of them with several messages each way. */
const overHttp2 = await talk(
	(stream) => {
		stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
		stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
		stream.resume();
		stream.on("end", () => stream.end(Buffer.concat([framed(text("first answer")), framed(text("second"))])));
	},
	async (client) => {
		const headers = { ":method": "POST", "content-type": "application/grpc", te: "trailers" };
		await ask(client, { ...headers, ":path": "/shop.Orders/Buy" }, framed(text("one")));
		await ask(
			client,
			{ ...headers, ":path": "/shop.Orders/Ask" },
			Buffer.concat([framed(text("a")), framed(text("b"))]),
		);
	},
);

const asked = Buffer.concat([framed(text("web")), framed(text("and more"))]);
const answered = Buffer.concat([framed(text("yes")), framed(Buffer.from("grpc-status: 5\r\n"), 0x80)]);
const message = (start: string, body: Uint8Array, type = "application/grpc-web+proto") =>
	Buffer.concat([
		Buffer.from(`${start}\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`),
		body,
	]);
const base64 = (bytes: Uint8Array) => Buffer.from(Buffer.from(bytes).toString("base64"));

const conversations: Conversation[] = [
	{
		name: "two calls",
		steps: overHttp2.map(({ dir, bytes }) => ({ from: dir === 0 ? ("client" as const) : ("server" as const), bytes })),
	},
	{
		name: "gRPC-Web over HTTP/1.1",
		steps: [
			{ from: "client", bytes: message("POST /shop.Orders/Web HTTP/1.1", asked) },
			{ from: "server", bytes: message("HTTP/1.1 200 OK", answered) },
		],
	},
	{
		name: "gRPC-Web as text",
		steps: [
			{ from: "client", bytes: message("POST /shop.Orders/Text HTTP/1.1", base64(asked), "application/grpc-web-text") },
			{ from: "server", bytes: message("HTTP/1.1 200 OK", base64(answered), "application/grpc-web-text") },
		],
	},
];

const module = new URL("../../parsers/grpc/index.js", import.meta.url);
const withModules = ["http2", "http1"].map((name) => new URL(`../../parsers/${name}/index.js`, import.meta.url));
const options = { module, conversations, with: [http2, http1], withModules, mayMisread: true, places: 60 };
for (const { name, run } of parserChecks(grpc, options))
	test(name, async (t) => {
		await run();
		t.pass();
	});
