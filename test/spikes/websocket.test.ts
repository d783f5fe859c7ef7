import test from "ava";
import type { Direction } from "../../core/index.js";
import http1 from "../../parsers/http1/index.js";
import { Harness } from "../core/engine/harness.js";
import { websocket } from "./websocket-parser.js";

const UPGRADE = "GET /chat HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const SWITCHING =
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n\r\n";

function masked(text: string): string {
	const mask = [1, 2, 3, 4];
	const bytes = Buffer.from(text, "latin1").map((byte, i) => byte ^ mask[i & 3]!);
	return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, ...mask]), bytes]).toString("latin1");
}
const plain = (text: string, first = "\x81"): string => first + String.fromCharCode(text.length) + text;

function play(
	steps: readonly (readonly [Direction, string])[],
	size = Number.POSITIVE_INFINITY,
	parsers = [http1, websocket],
): Harness {
	const h = new Harness({}, parsers).open();
	const at: [number, number] = [0, 0];
	for (const [dir, text] of steps)
		for (let from = 0; from < text.length; from += size) {
			const piece = text.slice(from, from + size);
			h.bytes(dir, at[dir], piece);
			at[dir] += piece.length;
		}
	return h.close(at).pass(200_000);
}

for (const size of [Number.POSITIVE_INFINITY, 1, 5]) {
	test(`frames right behind both heads belong to their handshake, ${size} bytes at a time`, (t) => {
		const h = play(
			[
				[0, UPGRADE + masked("early")],
				[1, SWITCHING + plain("hello", "\xc1") + plain("", "\x89")],
				[0, masked("later")],
			],
			size,
		);
		t.deepEqual(h.failures, []);
		const [handshake, ...rest] = h.exchanges;
		t.is(handshake!.summary.result, "101");
		const frames = rest.filter(({ kind }) => kind === "message");
		t.deepEqual(frames.map(({ request, response }) => (request ?? response)!.body.data).sort(), [
			"early",
			"hello",
			"later",
		]);
		t.true(frames.every(({ parentId, protocol }) => parentId === handshake!.id && protocol === "websocket"));
		t.deepEqual(frames.find(({ response }) => response !== null)!.flags, ["deflated"]);
		t.is(new Set(frames.map(({ id }) => id)).size, 3);
		const connection = h.exchanges.at(-1)!;
		t.is(connection.kind, "connection");
		t.is(connection.annotations["websocket.pings"], 1);
		t.is(connection.annotations["websocket.end.0"], "fin");
		t.is(connection.annotations["websocket.end.1"], "fin");
	});

	test(`a CONNECT leads to whatever is spoken inside, ${size} bytes at a time`, (t) => {
		const h = play(
			[
				[0, `CONNECT inner:80 HTTP/1.1\r\nHost: inner\r\n\r\n`],
				[1, "HTTP/1.1 200 OK\r\n\r\n"],
				[0, UPGRADE],
				[1, SWITCHING + plain("deep")],
			],
			size,
		);
		t.deepEqual(h.failures, []);
		const [connect, handshake, message] = h.exchanges;
		t.is(connect!.parentId, null);
		t.is(handshake!.parentId, connect!.id);
		t.is(message!.parentId, handshake!.id);
		t.is(message!.response!.body.data, "deep");
	});
}

test("a parser that takes over a direction which is over already is told so", (t) => {
	const h = new Harness({}, [http1, websocket]).open();
	h.bytes(0, 0, UPGRADE);
	h.feed({ kind: "end", conn: 1, dir: 0, tsUs: h.nowUs, finalOffset: UPGRADE.length, how: "fin" });
	h.bytes(1, 0, SWITCHING + plain("bye"));
	h.close([UPGRADE.length, SWITCHING.length + 5]).pass(200_000);
	t.is(h.exchanges.at(-1)!.annotations["websocket.end.0"], "fin");
});

test("an upgrade in a connection that was joined late goes on exactly where the 101 ended", (t) => {
	const h = new Harness({}, [http1, websocket]).open(1, "server", { fromStart: false });
	const before = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	// an answer without its question is waited for as long as the merge window
	h.bytes(1, 0, before)
		.pass(60_000)
		.bytes(0, 0, UPGRADE + masked("early"))
		.bytes(1, before.length, SWITCHING + plain("hello"));
	t.deepEqual(
		h.exchanges.filter(({ protocol }) => protocol === "websocket").map((x) => (x.request ?? x.response)!.body.data),
		["early", "hello"],
	);
});

test("parsers that hand over in circles end opaque", (t) => {
	const circle = { ...websocket, protocol: "circle", detect: () => "yes" as const };
	const parser = {
		...circle,
		create: () => ({
			data: (_dir: Direction, _bytes: Uint8Array, out: { handover(to: string): void }) => {
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
