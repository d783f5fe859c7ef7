/** Connections that stop being HTTP/1.x. */
import test from "ava";
import type { Direction, ParserPlugin } from "../../../core/index.js";
import http1 from "../../../parsers/http1/index.js";
import { byteByByte, play, randomCuts, type Step, whole } from "./play.js";

/** Notes every byte that it is given. */
function recorder(protocol: string): { readonly plugin: ParserPlugin; readonly heard: [string, string] } {
	const heard: [string, string] = ["", ""];
	const plugin: ParserPlugin = {
		api: 1,
		kind: "parser",
		protocol,
		summary: "notes what it hears",
		readsOnly: true,
		detect: () => "no",
		create: () => ({
			data(dir: Direction, bytes: Uint8Array) {
				heard[dir] += Buffer.from(bytes).toString("latin1");
				return bytes.length;
			},
			gap: () => false,
			resync: () => ({ skip: 0 }),
			end: () => {},
		}),
	};
	return { plugin, heard };
}

const UPGRADE = "GET /chat HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n";
const SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n";
const FRAMES: readonly [string, string] = ["\x81\x02hi\x88\x00", "\x82\x03\x00\x01\x02\x81\x01x"];
const WEBSOCKET: readonly Step[] = [
	[0, UPGRADE],
	[1, SWITCHING + FRAMES[1]],
	[0, FRAMES[0]],
];

for (const [name, cut] of [
	["whole", whole],
	["byte by byte", byteByByte],
	["cut at random", randomCuts(7)],
] as const) {
	test(`what follows a 101 goes to the parser of that name, ${name}`, (t) => {
		const { plugin, heard } = recorder("websocket");
		const { failures, lines } = play(WEBSOCKET, cut, { parsers: [http1, plugin] });
		t.deepEqual(failures, []);
		t.deepEqual(lines, ["GET /chat→101 ok"]);
		t.deepEqual(heard, [...FRAMES] as [string, string]);
	});

	test(`what follows a CONNECT that succeeded is whatever it turns out to be, ${name}`, (t) => {
		const h = play(
			[
				[0, "CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n"],
				[1, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"],
				[0, "\x16\x03\x01\x00\x05HTTP/1.1 GET /inside HTTP/1.1\r\n\r\n"],
				[1, "\x16\x03\x01\x00\x05hello"],
			],
			cut,
		);
		t.deepEqual(h.failures, []);
		t.is(h.lines[0], "CONNECT db:5432→200 ok");
		t.false(h.lines.some((line) => line.includes("/inside")));
		t.is(h.counters.connections_opaque, 1);
	});
}

// the port is part of the address so far
test("a CONNECT says where to", (t) => {
	const { exchanges } = play(
		[
			[0, "CONNECT db:5432 HTTP/1.1\r\n\r\n"],
			[1, "HTTP/1.1 200 OK\r\n\r\n"],
		],
		whole,
	);
	t.is(exchanges[0]?.request?.attributes["server.address"], "db");
	t.is(exchanges[0]?.request?.attributes["server.port"], 5432);
});

test("line ends that are seen before the 101 may be the new protocol's", (t) => {
	for (const first of ["\n\n", "\r\n", "\r"]) {
		const { plugin, heard } = recorder("websocket");
		const steps: readonly Step[] = [
			[0, `${UPGRADE}${first}and more`],
			[1, SWITCHING],
		];
		t.deepEqual(play(steps, whole, { parsers: [http1, plugin] }).failures, []);
		t.is(heard[0], `${first}and more`);
		const cut = recorder("websocket");
		t.deepEqual(play(steps, byteByByte, { parsers: [http1, cut.plugin] }).failures, []);
		t.is(cut.heard[0], `${first}and more`);
	}
});

test("client bytes of the new protocol that are seen before the 101 wait for it", (t) => {
	const { plugin, heard } = recorder("websocket");
	const { failures, lines } = play(
		[
			[0, UPGRADE + FRAMES[0]],
			[1, SWITCHING + FRAMES[1]],
		],
		whole,
		{ parsers: [http1, plugin] },
	);
	t.deepEqual(failures, []);
	t.deepEqual(lines, ["GET /chat→101 ok"]);
	t.deepEqual(heard, [...FRAMES] as [string, string]);
});
