/** Peers that are broken or mean: refused with a JSON-RPC error, counted, and nobody else notices. */
import test from "ava";
import { LIMITS } from "../../../sources/java-agent/protocol.js";
import { hello, Listening, line, nowUs, Peer, until } from "./scripted-peer.js";

interface Attack {
	readonly what: string;
	/** JSON-RPC code that it gets. */
	readonly code: number;
	readonly isStranger?: true;
	act(peer: Peer): void;
}

const row = (length: number, offset = 0) => [1, 0, offset, nowUs(), 0, -1, length, 0] as const;

const ATTACKS: readonly Attack[] = [
	{ what: "no JSON", code: -32700, act: (peer) => peer.raw("GET / HTTP/1.1\r\n\r\n") },
	{ what: "JSON that is no object", code: -32700, act: (peer) => peer.raw("[1,2,3]\n") },
	{ what: "NUL bytes", code: -32700, act: (peer) => peer.raw(Buffer.alloc(100, 0).fill("\n", 99)) },
	{
		what: "a line that does not end",
		code: -32004,
		act: (peer) => peer.raw(Buffer.alloc(LIMITS.maxLineBytes + 1, "a")),
	},
	{ what: "a method that is no text", code: -32600, act: (peer) => peer.raw('{"method":5}\n') },
	{ what: "an id that is an object", code: -32600, act: (peer) => peer.raw('{"id":{},"method":"ping"}\n') },
	{
		what: "data before initialize",
		code: -32003,
		isStranger: true,
		act: (peer) => peer.tell("data", { e: [row(1)], b64: "YQ==" }),
	},
	{
		what: "ping before initialize",
		code: -32003,
		isStranger: true,
		act: (peer) => peer.send({ id: 1, method: "ping" }),
	},
	{
		what: "an attachment before initialize",
		code: -32602,
		isStranger: true,
		act: (peer) => peer.data([[...row(1)]], Buffer.from("a")),
	},
	{
		what: "another version",
		code: -32002,
		isStranger: true,
		act: (peer) => peer.send({ id: 1, method: "initialize", params: hello({ protocol: "2" }) }),
	},
	{
		what: "an instance that is a path",
		code: -32602,
		isStranger: true,
		act: (peer) => peer.send({ id: 1, method: "initialize", params: hello({ instance: "../../etc" }) }),
	},
	{
		what: "initialize twice",
		code: -32003,
		act: (peer) => peer.send({ id: 2, method: "initialize", params: hello() }),
	},
	{
		what: "more payload than rows say",
		code: -32602,
		act: (peer) => peer.data([[...row(3)]], Buffer.from("abcd")),
	},
	{
		what: "less payload than rows say",
		code: -32602,
		act: (peer) => peer.tell("data", { e: [row(5)], b64: "YWJjZA==" }),
	},
	{
		what: "an attachment of a negative length",
		code: -32602,
		act: (peer) => peer.tell("data", { e: [row(1)], bin: -1 }),
	},
	{
		what: "an attachment of four gigabytes",
		code: -32004,
		act: (peer) => peer.tell("data", { e: [row(1)], bin: 2 ** 32 }),
	},
	{ what: "an attachment of nothing", code: -32602, act: (peer) => peer.tell("data", { e: [row(1)], bin: 0 }) },
	{
		what: "an attachment where there is none",
		code: -32602,
		act: (peer) => peer.raw(`${line({ method: "stats", params: { bin: 1, counters: {} } })}x`),
	},
	{
		what: "a row longer than a chunk",
		code: -32602,
		act: (peer) => peer.data([[...row(LIMITS.maxChunkBytes + 1)]], Buffer.alloc(LIMITS.maxChunkBytes + 1)),
	},
	{ what: "a row of text", code: -32602, act: (peer) => peer.tell("data", { e: ["row"], b64: "YQ==" }) },
	{
		what: "a fraction",
		code: -32602,
		act: (peer) => peer.tell("data", { e: [[1, 0, 0.5, nowUs(), 0, -1, 1, 0]], b64: "YQ==" }),
	},
	{
		what: "a position beyond what a number holds",
		code: -32602,
		act: (peer) => peer.tell("data", { e: [[1, 0, 2 ** 60, nowUs(), 0, -1, 1, 0]], b64: "YQ==" }),
	},
	{
		what: "a third direction",
		code: -32602,
		act: (peer) => peer.tell("data", { e: [[1, 2, 0, nowUs(), 0, -1, 1, 0]], b64: "YQ==" }),
	},
	{
		what: "bytes told twice",
		code: -32602,
		act: (peer) => {
			peer.plain(1, 0, 0, "ab");
			peer.plain(1, 0, 1, "b");
		},
	},
	{
		what: "a connection that changes its role",
		code: -32602,
		act: (peer) => peer.open(1, { role: "server" }),
	},
	{ what: "an address that is no list", code: -32602, act: (peer) => peer.open(2, { l: "127.0.0.1" }) },
	{
		what: "attributes with names of its own",
		code: -32602,
		act: (peer) => peer.tell("semantic", { kind: "x", at: nowUs(), attributes: { __proto__x: 1, "Bad Name": 1 } }),
	},
	{
		what: "too many attributes",
		code: -32004,
		act: (peer) =>
			peer.tell("semantic", {
				kind: "x",
				at: nowUs(),
				attributes: Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`a${n}`, n])),
			}),
	},
	{
		what: "a flood of requests that do not exist",
		code: -32004,
		act: (peer) => {
			for (let id = 10; id < 10 + LIMITS.maxErrors + 2; id++) peer.send({ id, method: "nonsense" });
		},
	},
];

for (const { what, code, isStranger, act } of ATTACKS)
	test(`${what}: refused with ${code}, and others go on`, async (t) => {
		const bridge = await Listening.start();
		try {
			const good = await Peer.agent(bridge.path, { instance: "the-good-one" });
			good.open(7, { l: ["127.0.0.1", 7] });
			good.plain(7, 0, 0, "before ");
			const bad = isStranger ? await Peer.connect(bridge.path) : await Peer.agent(bridge.path);
			if (!isStranger) bad.open(1);
			act(bad);
			await until(() => bad.isClosed, "the bad one is closed");
			const errors = bad.received.flatMap((message) => ("error" in message ? [message.error] : []));
			t.like(errors.at(-1), { code });
			good.plain(7, 0, 7, "after");
			const conn = () => bridge.of("open").find(({ client }) => client.port === 7)?.conn;
			const seen = () => bridge.of("bytes").filter((event) => event.conn === conn());
			await until(() => seen().length === 2, "the good one goes on");
			t.is(Buffer.concat(seen().map(({ data }) => data)).toString(), "before after");
			t.false(good.isClosed);
			const refused = Object.entries(bridge.counters).filter(
				([name, count]) => name.startsWith("refused_") && count > 0,
			);
			t.true(refused.length > 0, "it is counted");
			t.true(bridge.warnings.some((each) => each.startsWith("JAVA_PEER_REFUSED")));
		} finally {
			await bridge.stop();
		}
	});

test("more than there is credit for: refused, and what waits stays bounded", async (t) => {
	const bridge = await Listening.start({ credit_bytes: 1 << 18, max_held_bytes: 1 << 20 });
	try {
		const peer = await Peer.agent(bridge.path);
		peer.open(1);
		bridge.hold();
		const payload = Buffer.alloc(32_768);
		let most = 0;
		for (let i = 0; i < 400 && !peer.isClosed; i++) {
			peer.data([[1, 0, i * payload.length, nowUs(), 0, -1, payload.length, 0]], payload);
			await new Promise(setImmediate);
			most = Math.max(most, bridge.counters.bytes_held ?? 0);
		}
		t.true(most < (1 << 20) + 200_000, `${most} bytes were held`);
		bridge.release();
		await until(() => peer.isClosed || peer.credit > 1_000_000, "it was refused, or had to wait");
	} finally {
		await bridge.stop();
	}
});

test("a flood of short messages does not grow memory: nothing more is read", async (t) => {
	const bridge = await Listening.start({ max_held_bytes: 1 << 20 });
	try {
		const peer = await Peer.agent(bridge.path);
		bridge.hold();
		let pieces = "";
		for (let c = 1; c < 20_000; c++) pieces += line({ method: "conn.open", params: { ...opening, c, at: nowUs() } });
		peer.raw(pieces);
		await until(() => (bridge.counters.bytes_held ?? 0) > 1 << 20, "the bound is reached");
		await new Promise((resolve) => setTimeout(resolve, 50));
		t.true((bridge.counters.bytes_held ?? 0) < 2 << 20);
		bridge.release();
		await until(() => bridge.of("open").length === 19_999, "all of it is worked off");
	} finally {
		await bridge.stop();
	}
});
const opening = {
	l: ["127.0.0.1", 1],
	r: ["127.0.0.1", 2],
	role: "client",
	fromStart: true,
	offsets: [0, 0],
	tls: null,
};

test("another process cannot take an instance over, and a JVM more than allowed is refused", async (t) => {
	const bridge = await Listening.start({ max_jvms: 1 });
	try {
		await Peer.agent(bridge.path);
		const second = await Peer.connect(bridge.path);
		second.send({ id: 1, method: "initialize", params: hello({ instance: "another-one" }) });
		await until(() => second.isClosed, "it is refused");
		t.like(second.error, { code: -32004, data: "too many JVMs" });
	} finally {
		await bridge.stop();
	}
});

test("connections above the limit are counted and their bytes are a loss", async (t) => {
	const bridge = await Listening.start({ max_connections: 1 });
	try {
		const peer = await Peer.agent(bridge.path);
		peer.open(1);
		peer.open(2);
		peer.plain(2, 0, 0, "abc");
		await until(() => bridge.of("loss").length === 1, "the loss is told");
		t.like(bridge.of("loss")[0], { bytes: 3, cause: "unjoined" });
		t.is(bridge.counters.connections_refused, 1);
	} finally {
		await bridge.stop();
	}
});

test("what is new in a later protocol is passed over", async (t) => {
	const bridge = await Listening.start();
	try {
		const peer = await Peer.agent(bridge.path, { later: true });
		peer.tell("conn.moved", { c: 1 });
		peer.open(1, { colour: "blue" });
		peer.send({ id: 5, method: "ping" });
		await until(() => peer.received.some(({ id }) => id === 5), "it goes on");
		t.is(bridge.counters.notifications_unknown, 1);
		t.is(peer.error, null);
	} finally {
		await bridge.stop();
	}
});
