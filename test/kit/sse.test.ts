/** Payload parsers have no connection of their own: server-sent events are tried through HTTP/1.1. */
import test from "ava";
import { parserChecks } from "polytap/testkit";
import http1 from "../../parsers/http1/index.js";
import sse from "../../parsers/sse/index.js";

const QUESTION = "GET /events HTTP/1.1\r\nHost: x\r\n\r\n";
const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
const EVENTS = [
	"data: one\n\n",
	": comment\r\nid: 2\r\nevent: price\r\ndata: {}\r\ndata: two\r\n\r\n",
	"retry: 100\n\n",
	"data: four\n\n",
];

const chunked = EVENTS.map((event) => `${event.length.toString(16)}\r\n${event}\r\n`).join("");
const conversations = [
	{
		name: "chunked, and another exchange behind it",
		steps: [
			{ from: "client", text: QUESTION },
			{ from: "server", text: `${HEAD}Transfer-Encoding: chunked\r\n\r\n${chunked}0\r\n\r\n` },
			{ from: "client", text: "GET /next HTTP/1.1\r\nHost: x\r\n\r\n" },
			{ from: "server", text: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" },
		],
	},
	{
		name: "up to the close",
		steps: [
			{ from: "client", text: QUESTION },
			{ from: "server", text: `${HEAD}\r\n${EVENTS.join("")}` },
		],
	},
] as const;

for (const { name, run } of parserChecks(http1, {
	conversations,
	with: [sse],
	module: new URL("../../parsers/http1/index.js", import.meta.url),
	withModules: [new URL("../../parsers/sse/index.js", import.meta.url)],
	mayMisread: true,
})) {
	test(`server-sent events, ${name}`, async (t) => {
		await run();
		t.pass();
	});
}
