/** How a connection, or a stream of one, comes to be WebSocket: Upgrade, CONNECT, RFC 8441. */
import test from "ava";
import type { Direction, Exchange, ParserOutput } from "../../../core/index.js";
import http1 from "../../../parsers/http1/index.js";
import http2 from "../../../parsers/http2/index.js";
import websocket from "../../../parsers/websocket/index.js";
import { Harness } from "../../core/engine/harness.js";
import { byteByByte, play, type Step, whole } from "../http1/play.js";
import { type Chunk, talk } from "../http2/talk.js";
import { ask, CLOSE, Compressor, closing, DEFLATED, frame, handshake, PING, parsers, tell } from "./wire.js";

const [UPGRADE, SWITCHING] = [handshake()[0]![1], handshake("permessage-deflate")[1]![1]];
const bodyOf = ({ request, response }: Exchange): unknown => (request ?? response)!.body.data;
const messagesOf = (exchanges: readonly Exchange[]): Exchange[] => exchanges.filter(({ kind }) => kind === "message");

for (const size of [Number.POSITIVE_INFINITY, 1, 5]) {
	const cut = (left: number): number => Math.min(left, size);

	test(`frames right behind both heads belong to their handshake, ${size} bytes at a time`, (t) => {
		const coded = new Compressor().message("hello");
		const steps: Step[] = [
			[0, UPGRADE + ask("early")[1]],
			[1, SWITCHING + tell(coded, DEFLATED)[1] + tell("", PING)[1]],
			ask("later"),
		];
		const h = play(steps, cut, { parsers }).pass(200_000);
		t.deepEqual(h.failures, []);
		const [shake, ...rest] = h.exchanges;
		t.is(shake!.summary.result, "101");
		const messages = messagesOf(rest);
		t.deepEqual(messages.map(bodyOf).sort(), ["early", "hello", "later"]);
		t.true(messages.every(({ parentId, protocol }) => parentId === shake!.id && protocol === "websocket"));
		t.is(new Set(messages.map(({ id }) => id)).size, 3);
		const connection = h.exchanges.at(-1)!;
		t.is(connection.kind, "connection");
		t.is(connection.annotations["websocket.server.pings"], 1);
	});

	test(`a CONNECT leads to whatever is spoken inside, ${size} bytes at a time`, (t) => {
		const h = play(
			[
				[0, "CONNECT inner:80 HTTP/1.1\r\nHost: inner\r\n\r\n"],
				[1, "HTTP/1.1 200 OK\r\n\r\n"],
				[0, UPGRADE],
				[1, SWITCHING + tell("deep")[1]],
			],
			cut,
			{ parsers },
		).pass(200_000);
		t.deepEqual(h.failures, []);
		const [connect, shake, message] = h.exchanges;
		t.is(connect!.parentId, null);
		t.is(shake!.parentId, connect!.id);
		t.is(message!.parentId, shake!.id);
		t.is(message!.response!.body.data, "deep");
	});
}

test("a direction that was over before the handshake was answered", (t) => {
	const h = new Harness({}, parsers).open();
	const asked = UPGRADE;
	h.bytes(0, 0, asked);
	h.feed({ kind: "end", conn: 1, dir: 0, tsUs: h.nowUs, finalOffset: asked.length, how: "fin" });
	h.bytes(1, 0, SWITCHING + tell("bye")[1]);
	h.close([asked.length, SWITCHING.length + 5]).pass(200_000);
	t.true(messagesOf(h.exchanges).map(bodyOf).includes("bye"));
});

test("an upgrade in a connection that was joined late goes on exactly where the 101 ended", (t) => {
	const h = new Harness({}, parsers).open(1, "server", { fromStart: false });
	const before = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	// an answer without its question is waited for as long as the merge window
	h.bytes(1, 0, before)
		.pass(60_000)
		.bytes(0, 0, UPGRADE + ask("early")[1])
		.bytes(1, before.length, SWITCHING + tell("hello")[1]);
	t.deepEqual(messagesOf(h.exchanges).map(bodyOf), ["early", "hello"]);
});

test("parsers that hand over in circles end opaque", (t) => {
	const parser = {
		...websocket,
		protocol: "circle",
		detect: () => "yes" as const,
		create: () => ({
			data: (_dir: Direction, _bytes: Uint8Array, out: ParserOutput) => {
				out.handover("circle");
				return 0;
			},
			gap: () => false,
			resync: () => ({ need: 0 }),
			end: () => {},
		}),
	};
	const h = new Harness({}, [parser]).open().bytes(0, 0, "x").close([1, 0]).pass(200_000);
	t.is(h.exchanges.at(-1)!.annotations["polytap.opaque.reason"], "handover-limit");
});

/** Two WebSockets and a plain request on one connection of HTTP/2. */
const recorded = talk(
	(stream, headers) => {
		if (headers[":method"] !== "CONNECT") {
			stream.respond({ ":status": 200 });
			stream.end("plain");
			return;
		}
		stream.respond({ ":status": 200, "sec-websocket-extensions": "permessage-deflate; server_no_context_takeover" });
		const compressor = new Compressor({ takesOver: false });
		let n = 0;
		stream.on("data", (bytes: Buffer) => {
			if ((bytes[0]! & 0x0f) === 8) stream.end(frame(closing(1000), CLOSE));
			else stream.write(frame(compressor.message(`${headers[":path"]} answer ${n++}`), DEFLATED));
		});
	},
	async (client) => {
		await new Promise<void>((resolve) => {
			if (client.remoteSettings.enableConnectProtocol === true) resolve();
			else client.once("remoteSettings", () => resolve());
		});
		const sockets = ["/a", "/b"].map(
			(path) =>
				new Promise<void>((resolve) => {
					const stream = client.request({
						":method": "CONNECT",
						":protocol": "websocket",
						":path": path,
						"sec-websocket-version": "13",
					});
					let answers = 0;
					stream.on("response", () => stream.write(frame(`${path} 0`, { mask: [1, 2, 3, 4] })));
					stream.on("data", () => {
						if (++answers < 5) stream.write(frame(`${path} ${answers}`, { mask: [5, 6, 7, answers] }));
						else if (answers === 5) stream.write(frame(closing(1000, "enough"), { ...CLOSE, mask: [1, 1, 2, 3] }));
					});
					stream.on("close", resolve);
					stream.on("end", () => stream.end());
				}),
		);
		await Promise.all(sockets);
		const plain = client.request({ ":path": "/plain" });
		plain.resume();
		await new Promise((resolve) => plain.on("close", resolve));
	},
	{ server: { enableConnectProtocol: true } },
);

function replay(chunks: readonly Chunk[], cut: (left: number) => number): Exchange[] {
	const steps = chunks.map(({ dir, bytes }): Step => [dir, bytes.toString("latin1")]);
	const h = play(steps, cut, { parsers: [http1, http2, websocket] }).pass(200_000);
	if (h.failures.length > 0) throw h.failures[0];
	return h.exchanges;
}

for (const [name, cut] of [
	["whole", whole],
	["byte by byte", byteByByte],
] as const)
	test(`RFC 8441: streams of HTTP/2 are WebSockets, with their CONNECT as parent, ${name}`, async (t) => {
		const exchanges = replay(await recorded, cut);
		for (const path of ["/a", "/b"]) {
			const connect = exchanges.find(
				({ request }) => request?.attributes["http2.protocol"] && request.attributes["url.path"] === path,
			)!;
			t.is(connect.outcome, "ok");
			const messages = exchanges.filter(({ parentId }) => parentId === connect.id);
			t.true(
				messages.every(({ protocol, outcome, flags }) => protocol === "websocket" && outcome === "ok" && !flags[0]),
			);
			const of = (side: "request" | "response"): unknown[] => messages.filter((x) => x[side] !== null).map(bodyOf);
			t.deepEqual(of("request"), [0, 1, 2, 3, 4].map((n) => `${path} ${n}`).concat("enough"));
			t.deepEqual(of("response"), [0, 1, 2, 3, 4].map((n) => `${path} answer ${n}`).concat(""));
			t.true(messages.every(({ request, response }) => (request ?? response)!.attributes["url.path"] === path));
			t.is(messages.find(({ request }) => request?.body.data === `${path} 0`)!.request!.bytes, 6 + 4);
		}
		t.is(new Set(exchanges.map(({ id }) => id)).size, exchanges.length);
		t.is(exchanges.find(({ request }) => request?.attributes["url.path"] === "/plain")!.response!.body.data, "plain");
	});
