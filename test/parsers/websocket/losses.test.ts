/** Holes, late joins and ends: what is told is what was there, and what cannot be read says so. */
import test from "ava";
import type { DetectHint, Exchange } from "../../../core/index.js";
import grpc from "../../../parsers/grpc/index.js";
import http1 from "../../../parsers/http1/index.js";
import http2 from "../../../parsers/http2/index.js";
import mysql from "../../../parsers/mysql/index.js";
import postgresql from "../../../parsers/postgresql/index.js";
import redis from "../../../parsers/redis/index.js";
import tls from "../../../parsers/tls/index.js";
import websocket from "../../../parsers/websocket/index.js";
import { Harness } from "../../core/engine/harness.js";
import { randomNumbers, type Step } from "../http1/play.js";
import { ask, BINARY, Compressor, DEFLATED, frame, handshake, parsers, tell } from "./wire.js";

const all = [http1, postgresql, tls, mysql, http2, grpc, websocket, redis];

interface Lost {
	readonly dir: 0 | 1;
	readonly from: number;
	readonly to: number;
}

/** Plays steps without some bytes of one direction, as they were sent or in pieces of so many bytes. */
function without(steps: readonly Step[], lost: Lost, size = Number.POSITIVE_INFINITY): Harness {
	const h = new Harness({}, parsers).open();
	const at: [number, number] = [0, 0];
	for (const [dir, text] of steps)
		for (let from = 0; from < text.length; from += size) {
			const piece = text.slice(from, from + size);
			const start = at[dir];
			at[dir] += piece.length;
			if (dir !== lost.dir || at[dir] <= lost.from || start >= lost.to) {
				h.bytes(dir, start, piece);
				continue;
			}
			const [a, b] = [Math.max(0, lost.from - start), Math.min(piece.length, lost.to - start)];
			if (a > 0) h.bytes(dir, start, piece.slice(0, a));
			h.gap(dir, start + a, b - a, "ring-full").pass(60_000);
			if (b < piece.length) h.bytes(dir, start + b, piece.slice(b));
		}
	h.close(at).pass(200_000);
	if (h.failures.length > 0) throw h.failures[0];
	return h;
}

const messagesOf = (h: Harness): Exchange[] => h.exchanges.filter(({ kind }) => kind === "message");
const bodyOf = ({ request, response }: Exchange): string => String((request ?? response)!.body.data);

const text = (n: number): string =>
	JSON.stringify({ number: n, name: `order ${n * 7919}`, state: "shipped, not paid" });

for (const dir of [0, 1] as const)
	test(`a byte of direction ${dir} is missing, one after the other: what is complete was there, and it goes on`, (t) => {
		const say = dir === 0 ? ask : tell;
		const front = handshake();
		const steps = [...front];
		for (let n = 0; n < 12; n++) steps.push(say(text(n)));
		steps.push(say(text(20).slice(0, 9), { fin: false }), say(text(20).slice(9), { opcode: 0 }));
		for (let n = 30; n < 42; n++) steps.push(say(text(n)));
		const known = new Set(Array.from({ length: 42 }, (_, n) => text(n)));
		const begin = front[dir]![1].length;
		const length = steps.filter(([d]) => d === dir).reduce((sum, [, piece]) => sum + piece.length, 0);
		let least = 100;
		for (let from = begin; from < length; from += 4) {
			const found = messagesOf(without(steps, { dir, from, to: from + 1 }));
			for (const message of found) {
				const { completeness } = (message.request ?? message.response)!.body;
				if (completeness !== "complete") continue;
				t.true(known.has(bodyOf(message)), `without byte ${from}: ${bodyOf(message)}`);
			}
			const last = found.filter((message) => bodyOf(message) === text(41));
			if (from < length - 900) {
				t.is(last.length, 1, `without byte ${from}`);
				least = Math.min(least, found.length);
			}
		}
		t.true(least >= 20, String(least));
	});

test("a hole inside a compressed message makes that one and what depends on its window undecodable", (t) => {
	for (const takesOver of [true, false]) {
		const compressor = new Compressor({ takesOver });
		const shake = handshake(takesOver ? "permessage-deflate" : "permessage-deflate; server_no_context_takeover");
		const coded = Array.from({ length: 5 }, (_, n) => compressor.message(text(n).repeat(3)));
		const steps: Step[] = [...shake, ...coded.map((bytes) => tell(bytes, DEFLATED)), tell("plain")];
		const before = shake[1]![1].length + frame(coded[0]!).length;
		const h = without(steps, { dir: 1, from: before + 12, to: before + 15 });
		const found = messagesOf(h);
		const verdicts = found.map(({ flags, response }) => `${response!.body.completeness} ${flags.join(" ")}`.trim());
		const later = takesOver ? "gap undecodable" : "complete";
		t.deepEqual(verdicts, ["complete", "gap undecodable", later, later, later, "complete"]);
		const cut = found[1]!.response!.body;
		t.true(text(1).repeat(3).startsWith(String(cut.data)));
		t.deepEqual(cut.gaps.at(-1), { from: cut.captured, to: null, cause: "ring-full" });
		if (takesOver) t.is(found[2]!.response!.body.gaps[0]!.cause, "ring-full");
		else t.is(bodyOf(found[2]!), text(2).repeat(3));
		t.is(bodyOf(found[5]!), "plain");
	}
});

test("a hole over heads of frames: wherever it is, compressed text is right or said to be undecodable", (t) => {
	const next = randomNumbers(11);
	const compressor = new Compressor();
	const shake = handshake("permessage-deflate");
	const steps: Step[] = [...shake];
	const known = new Set<string>();
	for (let n = 0; n < 60; n++) {
		known.add(text(n));
		steps.push(n % 3 === 0 ? tell(text(n)) : tell(compressor.message(text(n)), DEFLATED));
	}
	const length = steps.filter(([d]) => d === 1).reduce((sum, [, piece]) => sum + piece.length, 0);
	let undecodable = 0;
	for (let i = 0; i < 150; i++) {
		const from = shake[1]![1].length + (next() % (length - shake[1]![1].length));
		for (const message of messagesOf(
			without(steps, { dir: 1, from, to: Math.min(length, from + 1 + (next() % 90)) }),
		)) {
			if (message.response!.body.completeness === "complete") t.true(known.has(bodyOf(message)), bodyOf(message));
			if (message.flags.includes("undecodable")) {
				undecodable++;
				t.true(text(1).length === 0 || message.response!.body.completeness === "gap");
			}
		}
	}
	t.true(undecodable > 400);
});

test("a message whose beginning was lost says so", (t) => {
	const rest = "and the rest of it, which is long enough to be seen for what it is";
	const steps: Step[] = [
		...handshake(),
		tell("the beginning of the text, ", { fin: false }),
		tell(rest, { opcode: 0 }),
		...Array.from({ length: 8 }, (_, n) => tell(text(n))),
	];
	const before = handshake()[1]![1].length;
	const [lost, next] = messagesOf(without(steps, { dir: 1, from: before, to: before + 29 }));
	t.deepEqual(lost!.flags, ["start-lost"]);
	t.is(bodyOf(lost!), rest);
	t.is(lost!.response!.body.completeness, "gap");
	t.is(bodyOf(next!), text(0));
});

test("frames are found again at the same places however the bytes come", (t) => {
	const next = randomNumbers(5);
	const steps: Step[] = [...handshake()];
	for (let n = 0; n < 40; n++) steps.push(ask(text(n)), ask(Buffer.alloc(30), BINARY));
	const before = handshake()[0]![1].length;
	for (let i = 0; i < 40; i++) {
		const from = before + (next() % 2000);
		const to = from + 1 + (next() % 200);
		const whole = messagesOf(without(steps, { dir: 0, from, to }));
		const bytes = messagesOf(without(steps, { dir: 0, from, to }, 1));
		t.deepEqual(bytes.map(bodyOf), whole.map(bodyOf), `${from} to ${to}`);
	}
});

test("noise after a hole is never a frame, and is looked at once", (t) => {
	const next = randomNumbers(23);
	const noise = Buffer.from(Array.from({ length: 300_000 }, () => next() & 0xff));
	for (const dir of [0, 1] as const) {
		const { h, at } = start(dir);
		for (const [size, count] of [
			[noise.length, 1],
			[1, 60_000],
		] as const)
			for (let i = 0; i < count; i++) {
				h.bytes(dir, at[dir], noise.subarray(i * size, i * size + size));
				at[dir] += size;
			}
		h.close(at).pass(200_000);
		t.deepEqual(messagesOf(h), []);
	}
});

test("frames that say nothing, one behind the other without end, are looked at a bounded number of times", (t) => {
	const next = randomNumbers(29);
	const empty = Buffer.concat(
		Array.from({ length: 50_000 }, () =>
			frame("", { opcode: 0, fin: false, mask: [next() & 0xff, 1, next() & 0xff, 2] }),
		),
	);
	const { h, at } = start(0);
	const startMs = performance.now();
	for (let from = 0; from < empty.length; from += 1000, at[0] += 1000)
		h.bytes(0, at[0], empty.subarray(from, from + 1000));
	h.close(at).pass(200_000);
	// without a bound it takes minutes
	t.true(performance.now() - startMs < 20_000);
	t.deepEqual(messagesOf(h), []);
});

/** Behind a handshake and a hole. */
function start(dir: 0 | 1): { h: Harness; at: [number, number] } {
	const h = new Harness({}, parsers).open();
	const at: [number, number] = [0, 0];
	for (const [d, piece] of handshake("permessage-deflate")) {
		h.bytes(d, at[d], piece);
		at[d] += piece.length;
	}
	h.gap(dir, at[dir], 100, "ring-full").pass(60_000);
	at[dir] += 100;
	return { h, at };
}

test("joined late: recognised where several frames in a row begin, compressed text is undecodable", (t) => {
	const compressor = new Compressor();
	const steps: Step[] = [];
	for (let n = 0; n < 10; n++) {
		compressor.message(text(n));
		steps.push(ask(text(n)), tell(text(n * 2)), tell(compressor.message(text(n + 1)), DEFLATED));
	}
	const h = new Harness({}, all).open(1, "server", { fromStart: false });
	const at: [number, number] = [0, 0];
	for (const [dir, piece] of steps) {
		h.bytes(dir, at[dir], piece);
		at[dir] += piece.length;
	}
	h.close(at).pass(200_000);
	t.deepEqual(h.failures, []);
	const found = messagesOf(h);
	t.true(found.every(({ protocol, parentId }) => protocol === "websocket" && parentId === null));
	const asked = found.filter(({ request }) => request !== null);
	t.deepEqual(
		asked.map(bodyOf),
		Array.from({ length: 10 }, (_, n) => text(n)),
	);
	for (const message of found.filter(({ response }) => response !== null)) {
		const { body, attributes } = message.response!;
		if (attributes["websocket.compressed"] !== true) t.regex(String(body.data), /^\{"number"/);
		else {
			t.deepEqual(message.flags, ["undecodable"]);
			t.deepEqual(body.gaps, [{ from: 0, to: null, cause: "joined-late" }]);
			t.is(body.data, "");
		}
	}
});

test("detection: only frames in a row, and never what other protocols say", (t) => {
	const hint = (late: boolean): DetectHint => ({ transport: "tcp", serverPort: 80, alpn: null, late });
	const nothing = new Uint8Array(0);
	const asked = Buffer.from([ask(text(1)), ask(text(2)), ask(text(3))].map(([, piece]) => piece).join(""), "latin1");
	const told = Buffer.concat(Array.from({ length: 20 }, (_, n) => frame(text(n))));
	t.is(websocket.detect(asked, nothing, hint(false)), "no");
	t.is(websocket.detect(asked, nothing, hint(true)), "yes");
	t.is(websocket.detect(nothing, told, hint(true)), "yes");
	for (let length = 1; length < 60; length++) {
		t.not(websocket.detect(asked.subarray(0, length), nothing, hint(true)), "no");
		t.is(websocket.detect(asked.subarray(length), nothing, hint(true)) === "yes" && length < 30, false);
	}
	for (const zeros of [0, 1, 0x80, 0x81, 0x82, 0xff])
		for (const second of [0, 1, 0x80, 0x81, 0x82, 0xff]) {
			const bytes = Buffer.alloc(4096, Buffer.from([zeros, second]));
			const verdicts = [websocket.detect(bytes, nothing, hint(true)), websocket.detect(nothing, bytes, hint(true))];
			t.false(verdicts.includes("yes"), `${zeros} ${second}`);
		}
	const next = randomNumbers(7);
	for (let i = 0; i < 20_000; i++) {
		const noise = Buffer.from(Array.from({ length: 200 }, () => next() & 0xff));
		t.not(websocket.detect(noise, noise, hint(true)), "yes");
	}
});
