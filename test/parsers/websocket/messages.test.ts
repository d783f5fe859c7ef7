import test from "ava";
import type { Exchange } from "../../../core/index.js";
import { Harness } from "../../core/engine/harness.js";
import { byteByByte, type Cut, play, randomCuts, type Step, whole } from "../http1/play.js";
import { ask, BINARY, CLOSE, Compressor, closing, DEFLATED, handshake, PING, PONG, parsers, tell } from "./wire.js";

const CUTS: readonly (readonly [string, Cut])[] = [
	["whole", whole],
	["byte by byte", byteByByte],
	["at random", randomCuts(5)],
];

function talk(steps: readonly Step[], cut: Cut, extensions: string | null = null): Exchange[] {
	const h = play([...handshake(extensions), ...steps], cut, { parsers }).pass(200_000);
	if (h.failures.length > 0) throw h.failures[0];
	return h.exchanges;
}

/** `> text "payload" ok flags`, in the order in which they came out. */
function lines(exchanges: readonly Exchange[]): string[] {
	return exchanges
		.filter(({ kind }) => kind === "message")
		.map(({ request, response, outcome, flags, summary }) => {
			const { body } = (request ?? response)!;
			const data = body.encoding === "base64" ? Buffer.from(String(body.data), "base64").toString("hex") : body.data;
			const missing = body.completeness === "complete" ? "" : ` ${body.completeness}`;
			const more = flags.length === 0 ? "" : ` ${flags.join(" ")}`;
			return `${request === null ? "<" : ">"} ${summary.operation}${summary.result} ${JSON.stringify(data)} ${outcome}${missing}${more}`;
		});
}

for (const [name, cut] of CUTS) {
	test(`messages of all sizes in both directions belong to their handshake, ${name}`, (t) => {
		const sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 70_001];
		const steps = sizes.flatMap((size): Step[] => [ask("a".repeat(size)), tell(Buffer.alloc(size, 0xff), BINARY)]);
		const exchanges = talk(steps, cut);
		const shake = exchanges.find(({ protocol }) => protocol === "http/1.1")!;
		const messages = exchanges.filter(({ kind }) => kind === "message");
		t.is(messages.length, sizes.length * 2);
		t.is(new Set(messages.map(({ id }) => id)).size, messages.length);
		for (const dir of ["request", "response"] as const) {
			const all = messages.filter((x) => x[dir] !== null);
			t.deepEqual(
				all.map((x) => x[dir]!.body.bytes),
				sizes,
			);
			const head = dir === "request" ? 6 : 2;
			t.deepEqual(
				all.map((x) => x[dir]!.bytes),
				sizes.map((size) => size + head + (size > 65_535 ? 8 : size > 125 ? 2 : 0)),
			);
		}
		t.true(messages.every(({ parentId, outcome, flags }) => parentId === shake.id && outcome === "ok" && !flags[0]));
		t.is(messages.find((x) => x.request?.body.bytes === 70_001)!.request!.body.data, "a".repeat(70_001));
		const big = messages.find((x) => x.response?.body.bytes === 70_001)!.response!.body;
		t.is(big.data, Buffer.alloc(70_001, 0xff).toString("base64"));
		t.deepEqual(messages[0]!.request?.attributes ?? messages[0]!.response!.attributes, {
			"url.path": "/chat",
			"websocket.opcode": messages[0]!.request === null ? "binary" : "text",
		});
	});

	test(`fragments, with control frames and the other direction between them, ${name}`, (t) => {
		const exchanges = talk(
			[
				ask("gr\u00fc", { fin: false }),
				ask("p1", PING),
				tell("p1", PONG),
				ask(Buffer.from("\u20ac").subarray(0, 1), { opcode: 0, fin: false }),
				tell("between"),
				ask("", { opcode: 0, fin: false }),
				ask(Buffer.from("\u20ac").subarray(1), { opcode: 0 }),
				ask("", PING),
				ask(closing(1000, "done"), CLOSE),
				tell(closing(1000), CLOSE),
			],
			cut,
		);
		t.deepEqual(lines(exchanges).sort(), [
			'< close 1000 "" ok',
			'< text "between" ok',
			'> close 1000 "done" ok',
			'> text "gr\u00fc\u20ac" ok',
		]);
		const fragmented = exchanges.find(({ request }) => request?.body.data === "gr\u00fc\u20ac")!.request!;
		t.is(fragmented.attributes["websocket.frames"], 4);
		t.is(fragmented.bytes, 4 * 6 + 7);
		const connection = exchanges.find(({ kind }) => kind === "connection")!.annotations;
		t.is(connection["websocket.client.pings"], 2);
		t.is(connection["websocket.server.pongs"], 1);
		t.is(connection["websocket.ping.answered"], 1);
		const close = exchanges.find(({ summary }) => summary.operation === "close 1000")!;
		t.is(close.request!.attributes["websocket.close.code"], 1000);
	});

	for (const [extensions, client, server] of [
		["permessage-deflate", {}, {}],
		[
			"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
			{ takesOver: false },
			{ takesOver: false },
		],
		[
			"permessage-deflate; client_no_context_takeover; server_max_window_bits=9",
			{ takesOver: false },
			{ windowBits: 9 },
		],
		['x-other; a=1, permessage-deflate; client_max_window_bits="10"', { windowBits: 10 }, {}],
	] as const)
		test(`compressed messages, ${extensions}, ${name}`, (t) => {
			const [asking, telling] = [new Compressor(client), new Compressor(server)];
			const text = (n: number): string =>
				JSON.stringify({ n, name: "order", list: Array.from({ length: n }, (_, i) => i) });
			const steps: Step[] = [];
			for (let n = 0; n < 30; n++) {
				steps.push(ask(asking.message(text(n)), DEFLATED), tell("plain"));
				const coded = telling.message(text(n * 20));
				const half = coded.length >> 1;
				steps.push(tell(coded.subarray(0, half), { ...DEFLATED, fin: false }), tell("", PING));
				steps.push(tell(coded.subarray(half), { opcode: 0 }));
			}
			const messages = talk(steps, cut, extensions).filter(({ kind }) => kind === "message");
			t.is(messages.length, 90);
			t.true(messages.every(({ outcome, flags }) => outcome === "ok" && flags.length === 0));
			const asked = messages.filter(({ request }) => request !== null).map(({ request }) => request!);
			t.deepEqual(
				asked.map(({ body }) => body.data),
				Array.from({ length: 30 }, (_, n) => text(n)),
			);
			const told = messages.filter(({ response }) => response?.attributes["websocket.compressed"] === true);
			t.deepEqual(
				told.map(({ response }) => response!.body.data),
				Array.from({ length: 30 }, (_, n) => text(n * 20)),
			);
			t.true(told[29]!.response!.bytes < told[29]!.response!.body.bytes);
		});

	test(`frames that may not be have a name each, ${name}`, (t) => {
		const exchanges = talk(
			[
				ask("a", { opcode: 3 }),
				ask("b", { rsv: 2 }),
				ask("c", { rsv: 4 }),
				ask("d", { mask: null }),
				tell("e", { mask: [9, 9, 9, 9] }),
				ask("f", { lengthBytes: 8 }),
				ask("g", { opcode: 0 }),
				ask("h", { fin: false }),
				ask("i"),
				ask("j".repeat(200), PING),
				ask("k", { opcode: 9, fin: false }),
				ask(Buffer.from([0x61, 0xff])),
				ask(Buffer.from([0xe2, 0x82])),
				tell(closing(1006), CLOSE),
				tell("late"),
				ask(Buffer.from([3]), CLOSE),
			],
			cut,
		);
		t.deepEqual(
			lines(exchanges).filter((line) => line.startsWith(">")),
			[
				'> 0x3 "a" error reserved-opcode',
				'> text "b" error reserved-bits',
				'> text "c" error reserved-bits',
				'> text "d" error mask-missing',
				'> text "f" error length-not-minimal',
				'> continuation "g" error continuation-unexpected',
				'> text "h" aborted message-interrupted',
				'> text "i" ok',
				`> ping "${"j".repeat(200)}" error control-too-long`,
				'> ping "k" error control-fragmented',
				'> text "61ff" error invalid-utf8',
				'> text "e282" error invalid-utf8',
				'> close "" error bad-close-code',
			],
		);
		t.deepEqual(
			lines(exchanges).filter((line) => line.startsWith("<")),
			['< text "e" error mask-unexpected', '< close 1006 "" error bad-close-code', '< text "late" error after-close'],
		);
	});

	test(`a length that no stream can have ends in opacity, ${name}`, (t) => {
		for (const length of [1n << 63n, (1n << 53n) + 1n]) {
			const head = Buffer.alloc(10);
			head[0] = 0x82;
			head[1] = 127;
			head.writeBigUInt64BE(length, 2);
			const exchanges = talk([tell("before"), [1, `${head.toString("latin1")}rest`]], cut);
			t.deepEqual(lines(exchanges), ['< text "before" ok']);
			t.is(exchanges.at(-1)!.annotations["polytap.opaque.reason"], "frame-too-long");
		}
	});

	test(`a bad or endless compressed message costs itself and what depends on it, ${name}`, (t) => {
		const compressor = new Compressor();
		const first = compressor.message("first");
		const broken = Buffer.from([0x07, 0x01, 0x02]);
		const messages = [tell(first, DEFLATED), tell(broken, DEFLATED), tell(first, DEFLATED), tell("plain")];
		t.deepEqual(lines(talk(messages, cut, "permessage-deflate")), [
			'< text "first" ok',
			'< text "" error gap bad-deflate',
			'< text "" ok gap undecodable',
			'< text "plain" ok',
		]);
		const alone = "permessage-deflate; server_no_context_takeover";
		t.deepEqual(lines(talk(messages, cut, alone)).slice(2), ['< text "first" ok', '< text "plain" ok']);
	});
}

test("a decompression bomb is stopped, and what was decoded says so", (t) => {
	const bomb = new Compressor().message(Buffer.alloc(80 << 20));
	t.true(bomb.length < 100_000);
	const [message, next] = talk(
		[tell(bomb, { ...DEFLATED, opcode: 2 }), tell(new Compressor().message("next"), DEFLATED)],
		whole,
		"permessage-deflate; server_no_context_takeover",
	).filter(({ kind }) => kind === "message");
	t.deepEqual(message!.flags, ["inflate-limit"]);
	t.is(message!.response!.body.completeness, "gap");
	t.true(message!.response!.body.bytes <= (64 << 20) + (1 << 16));
	t.is(message!.response!.body.gaps.at(-1)!.cause, "cap");
	t.is(next!.response!.body.data, "next");
});

/** A harness behind a handshake, and where both directions stand. */
function upgraded(extensions: string | null = null): { h: Harness; at: [number, number] } {
	const h = new Harness({}, parsers).open();
	const at: [number, number] = [0, 0];
	for (const [dir, text] of handshake(extensions)) {
		h.bytes(dir, at[dir], text);
		at[dir] += text.length;
	}
	return { h, at };
}

test("a masked message of a gigabyte passes, of which no more is kept than may be", (t) => {
	const { h, at } = upgraded();
	const size = 1 << 30;
	const head = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4]);
	const piece = Buffer.alloc(1 << 20, Buffer.from([1, 2, 3, 4]));
	h.bytes(0, at[0], head);
	at[0] += head.length;
	for (let sent = 0; sent < size; sent += piece.length, at[0] += piece.length) h.bytes(0, at[0], piece);
	const { body, bytes } = h.exchanges.at(-1)!.request!;
	t.is(bytes, size + head.length);
	t.is(body.bytes, size);
	t.is(body.captured, 1 << 20);
	t.is(body.completeness, "truncated");
	t.is(body.data, "\0".repeat(1 << 20));
});

test("lengths beyond 32 bits, with a hole inside the payload", (t) => {
	const { h, at } = upgraded();
	const size = 5 * 2 ** 30;
	const head = Buffer.from([0x82, 127, 0, 0, 0, 1, 0x40, 0, 0, 0]);
	h.bytes(1, at[1], Buffer.concat([head, Buffer.from("front")]));
	at[1] += head.length + 5;
	h.gap(1, at[1], size - 9, "ring-full").pass(200_000);
	at[1] += size - 9;
	h.bytes(1, at[1], Buffer.concat([Buffer.from("back"), Buffer.from([0x81, 1, 0x61])]));
	const [big, next] = h.exchanges.filter(({ kind }) => kind === "message");
	t.is(big!.response!.body.bytes, size);
	t.deepEqual(big!.response!.body.gaps[0], { from: 5, to: size - 4, cause: "ring-full" });
	t.is(big!.outcome, "ok");
	t.is(next!.response!.body.data, "a");
});
