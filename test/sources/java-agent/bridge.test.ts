/** What a well-behaved agent says, and what becomes of it. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "ava";
import plugin from "../../../sources/java-agent/index.js";
import type { Row } from "../../../sources/java-agent/protocol.js";
import { endpointOf } from "../../../sources/java-agent/tapped-connection.js";
import { hello, Listening, nowUs, Peer, until } from "./scripted-peer.js";

async function withBridge(options: object, act: (bridge: Listening) => Promise<void>): Promise<void> {
	const bridge = await Listening.start(options);
	try {
		await act(bridge);
	} finally {
		await bridge.stop();
	}
}

test("a connection: opened with its facts, bytes in both directions, closed", (t) =>
	withBridge({}, async (bridge) => {
		const peer = await Peer.agent(bridge.path);
		t.like(peer.received[0], { id: 1, result: { protocol: "1", attachments: true, creditBytes: 8_388_608 } });
		peer.open(3);
		const request = Buffer.from("GET / HTTP/1.1\r\n\r\n");
		peer.data([[3, 0, 0, nowUs(), 0, 40, request.length, 0]], request);
		peer.plain(3, 1, 0, "HTTP/1.1 204 No Content\r\n\r\n");
		peer.tell("conn.close", { c: 3, at: nowUs(), final: [request.length, 27], how: "fin" });
		await until(() => bridge.of("close").length === 1, "it is closed");
		t.like(bridge.of("open")[0], {
			client: { address: "127.0.0.1", port: 40_003 },
			server: { address: "127.0.0.1", port: 8443 },
			role: "client",
			layer: "plaintext",
			fromStart: true,
			process: { pid: process.pid },
			netns: statSync("/proc/self/ns/net").ino,
		});
		t.is(bridge.text(0), request.toString());
		t.is(bridge.text(1), "HTTP/1.1 204 No Content\r\n\r\n");
		t.like(bridge.of("annotate")[0]?.attributes, {
			"java.socket.fd": 7,
			"tls.protocol.version": "1.3",
			"tls.next_protocol": "http/1.1",
			"tls.client.server_name": "localhost",
		});
		t.deepEqual(
			bridge.of("end").map(({ dir, finalOffset, how }) => ({ dir, finalOffset, how })),
			[
				{ dir: 0, finalOffset: 18, how: "fin" },
				{ dir: 1, finalOffset: 27, how: "fin" },
			],
		);
		t.like(bridge.counters, { rows: 2, bytes: 45, bytes_seen: 45, connections: 1, connections_open: 0 });
	}));

test("what a server sends goes from server to client", (t) =>
	withBridge({}, async (bridge) => {
		const peer = await Peer.agent(bridge.path);
		peer.open(1, { role: "server", l: ["0:0:0:0:0:0:0:1", 8443], r: ["::1", 5000] });
		peer.plain(1, 1, 0, "question");
		peer.plain(1, 0, 0, "answer");
		await until(() => bridge.of("bytes").length === 2, "both came");
		t.is(bridge.text(0), "question");
		t.is(bridge.text(1), "answer");
		t.like(bridge.of("open")[0], { client: { address: "::1", port: 5000 }, server: { address: "::1", port: 8443 } });
	}));

test("the other end of a connection on this host is expected where another JVM has an agent", (t) =>
	withBridge({}, async (bridge) => {
		const first = await Peer.agent(bridge.path);
		first.open(1);
		await until(() => bridge.of("open").length === 1, "the first is open");
		const second = await Peer.agent(bridge.path, { instance: "22222222-test" });
		first.open(2);
		first.open(3, { l: ["10.0.0.1", 5000], r: ["10.0.0.2", 8443] });
		first.open(4, { l: ["10.0.0.1", 5001], r: ["10.0.0.1", 8443] });
		await until(() => bridge.of("open").length === 4, "they are open");
		second.end();
		await until(() => bridge.counters.jvms_connected === 1, "the second is gone");
		first.open(5);
		await until(() => bridge.of("open").length === 5, "the last is open");
		t.deepEqual(
			bridge.of("open").map(({ expects }) => expects),
			["this-end", "both-ends", "this-end", "both-ends", "this-end"],
		);
	}));

test("several rows of several connections share one attachment, in whatever pieces it comes", (t) =>
	withBridge({}, async (bridge) => {
		const peer = await Peer.agent(bridge.path);
		peer.socket.setNoDelay(true);
		peer.open(1);
		peer.open(2);
		const payload = Buffer.from("aaaabbcccccc");
		const rows = [
			[1, 0, 0, nowUs(), 0, -1, 4, 0],
			[2, 0, 0, nowUs(), 0, -1, 2, 0],
			[1, 0, 4, nowUs(), 0, -1, 6, 0],
		];
		const message = Buffer.concat([
			Buffer.from(`{"jsonrpc":"2.0","method":"data","params":{"e":${JSON.stringify(rows)},"bin":12}}\n`),
			payload,
			Buffer.from('{"jsonrpc":"2.0","id":9,"method":"ping"}\n'),
		]);
		for (let at = 0; at < message.length; at += 7) {
			peer.raw(message.subarray(at, at + 7));
			await new Promise(setImmediate);
		}
		await until(() => peer.received.some(({ id }) => id === 9), "ping is answered");
		await until(() => bridge.of("bytes").length === 3, "all rows came");
		t.deepEqual(
			bridge.of("bytes").map(({ conn, offset, data }) => [conn, offset, Buffer.from(data).toString()]),
			[
				[1, 0, "aaaa"],
				[2, 0, "bb"],
				[1, 4, "cccccc"],
			],
		);
	}));

test("positions that jump ahead, a gap that is told, and an end that is not reached: each is a gap with its cause", (t) =>
	withBridge({}, async (bridge) => {
		const peer = await Peer.agent(bridge.path);
		peer.open(1);
		peer.plain(1, 0, 10, "abc");
		peer.tell("gap", { c: 1, dir: 0, offset: 13, length: 7, at: nowUs(), cause: "limit" });
		peer.plain(1, 0, 20, "d");
		peer.tell("conn.close", { c: 1, at: nowUs(), final: [25, 0], how: "reset" });
		await until(() => bridge.of("close").length === 1, "it is closed");
		t.deepEqual(
			bridge.of("gap").map(({ offset, length, cause }) => [offset, length, cause]),
			[
				[0, 10, "ring-full"],
				[13, 7, "limit"],
				[21, 4, "ring-full"],
			],
		);
		t.is(bridge.counters.bytes_seen, 25);
	}));

test("threads and contexts annotate exactly the ranges that they touch", (t) =>
	withBridge({}, async (bridge) => {
		const peer = await Peer.agent(bridge.path);
		peer.open(1);
		peer.tell("thread", { i: 1, name: "worker-1", id: 31 });
		peer.tell("semantic", { kind: "jdbc.execute", at: nowUs(), ctx: 5, attributes: { "db.query.text": "select 1" } });
		peer.tell("semantic", { kind: "pool.checkout", at: nowUs(), c: 1, attributes: { "java.pool.name": "p" } });
		peer.plain(1, 0, 0, "0123", 1, 5);
		peer.plain(1, 1, 0, "ok", 1, 5);
		peer.plain(1, 0, 4, "45", 0, 0);
		await until(() => bridge.of("bytes").length === 3, "all came");
		const ranges = bridge.of("annotate").filter(({ toOffset }) => toOffset !== Number.MAX_SAFE_INTEGER);
		t.deepEqual(
			ranges.map(({ dir, fromOffset, toOffset, attributes }) => [dir, fromOffset, toOffset, attributes]),
			[
				[
					0,
					0,
					4,
					{
						"java.thread.name": "worker-1",
						"java.thread.id": 31,
						"java.thread.virtual": false,
						"db.query.text": "select 1",
						"java.pool.name": "p",
					},
				],
				[1, 0, 2, { "db.query.text": "select 1" }],
			],
		);
	}));

test("what is told of ciphertext becomes the range below, never earlier than the plaintext is long", (t) =>
	withBridge({}, async (bridge) => {
		const peer = await Peer.agent(bridge.path);
		peer.open(1);
		const row = (offset: number, cipherEnd: number): Row => [1, 0, offset, nowUs(), 0, cipherEnd, 10, 0];
		// a handshake of 500 bytes, a record, two rows of one record, one that tells nothing
		peer.data([row(0, 532), row(10, -1), row(20, 574), row(30, -1)], Buffer.alloc(40));
		await until(() => bridge.of("bytes").length === 4, "all came");
		t.deepEqual(
			bridge.of("annotate").flatMap(({ fromOffset, lowerRange }) => (lowerRange ? [[fromOffset, lowerRange]] : [])),
			[
				[0, [522, 532]],
				[20, [554, 574]],
			],
		);
	}));

test("bytes wait for the addresses of their connection", (t) =>
	withBridge({}, async (bridge) => {
		const peer = await Peer.agent(bridge.path);
		peer.open(1, { l: null, r: null });
		peer.plain(1, 0, 0, "early");
		peer.open(2);
		await until(() => bridge.of("open").length === 1, "the other one is told");
		t.is(bridge.of("bytes").length, 0);
		peer.tell("conn.bound", { c: 1, l: ["10.0.0.1", 1], r: ["10.0.0.2", 443] });
		await until(() => bridge.of("bytes").length === 1, "the bytes came");
		t.is(bridge.of("open")[1]?.server.address, "10.0.0.2");
		t.true(bridge.of("open")[1]!.tsUs <= bridge.of("bytes")[0]!.tsUs);
		// and where none ever come, what waited is accounted for
		peer.open(3, { l: null, r: null });
		peer.plain(3, 0, 0, "lost");
		peer.tell("conn.close", { c: 3, at: nowUs(), final: [4, 0], how: "fin" });
		await until(() => bridge.of("loss").length === 1, "the loss is told");
		t.like(bridge.of("loss")[0], { bytes: 4, cause: "unjoined" });
	}));

test("an agent that comes back keeps its connections: what passed meanwhile is a gap, what it does not tell again is over", (t) =>
	withBridge({}, async (bridge) => {
		const first = await Peer.agent(bridge.path);
		first.open(1);
		first.open(2);
		first.plain(1, 0, 0, "abc");
		await until(() => bridge.of("bytes").length === 1, "the bytes came");
		first.end();
		await until(() => bridge.counters.jvms_connected === 0, "it is away");
		const second = await Peer.agent(bridge.path);
		second.open(1, { offsets: [10, 0] });
		second.tell("conn.sync", {});
		second.plain(1, 0, 10, "xyz");
		await until(() => bridge.of("bytes").length === 2, "more bytes came");
		t.is(bridge.of("open").length, 2);
		t.deepEqual(
			bridge.of("gap").map(({ conn, offset, length, cause }) => [conn, offset, length, cause]),
			[[1, 3, 7, "source-lost"]],
		);
		t.deepEqual(
			bridge.of("close").map(({ conn }) => conn),
			[2],
		);
		t.like(bridge.counters, { sessions: 2, sessions_resumed: 1, jvms_connected: 1, connections_open: 1 });
	}));

test("an agent that does not come back in time: its connections end", (t) =>
	withBridge({ reconnect_grace_ms: 0 }, async (bridge) => {
		const peer = await Peer.agent(bridge.path);
		peer.open(1);
		peer.plain(1, 0, 0, "abc");
		await until(() => bridge.of("bytes").length === 1, "the bytes came");
		peer.end();
		await until(() => bridge.of("close").length === 1, "it is closed");
		t.deepEqual(
			bridge.of("end").map(({ how, finalOffset }) => [how, finalOffset]),
			[
				["unknown", 3],
				["unknown", 0],
			],
		);
	}));

test("many JVMs at once keep apart", (t) =>
	withBridge({}, async (bridge) => {
		const peers = await Promise.all(
			Array.from({ length: 20 }, (_, n) => Peer.agent(bridge.path, { instance: `instance-${n}` })),
		);
		for (const [n, peer] of peers.entries()) {
			peer.open(1, { l: ["127.0.0.1", 20_000 + n] });
			for (let i = 0; i < 10; i++) peer.plain(1, 0, i * 2, String(n).padStart(2, "0"));
		}
		await until(() => bridge.of("bytes").length === 200, "all bytes came");
		for (const open of bridge.of("open")) {
			const own = bridge.of("bytes").filter(({ conn }) => conn === open.conn);
			const text = Buffer.concat(own.map(({ data }) => data)).toString();
			t.is(
				text,
				String(open.client.port - 20_000)
					.padStart(2, "0")
					.repeat(10),
			);
		}
		t.is(bridge.counters.jvms_connected, 20);
	}));

test("credit comes back when the engine is done, and not before", (t) =>
	withBridge({ credit_bytes: 1 << 18 }, async (bridge) => {
		const peer = await Peer.agent(bridge.path);
		bridge.hold();
		peer.open(1);
		const payload = Buffer.alloc(32_768, 1);
		for (let i = 0; i < 7; i++) peer.data([[1, 0, i * payload.length, nowUs(), 0, -1, payload.length, 0]], payload);
		await until(() => bridge.counters.rows === 7, "all were read");
		t.is(peer.credit, 0);
		bridge.release();
		await until(() => peer.credit >= 3 * (payload.length + 64), "credit comes back");
		t.is(peer.error, null);
	}));

test("a clock of the kernel's own is understood as such, another one by its difference", (t) =>
	withBridge({}, async (bridge) => {
		const monotonicUs = Number(process.hrtime.bigint() / 1000n);
		const same = await Peer.agent(bridge.path, { clock: { kind: "monotonic", nowUs: monotonicUs } });
		same.open(1, { at: monotonicUs });
		const other = await Peer.agent(bridge.path, {
			instance: "22222222",
			clock: { kind: "monotonic", nowUs: 1_000_000 },
		});
		other.open(1, { at: 1_000_000, l: ["127.0.0.1", 9] });
		await until(() => bridge.of("open").length === 2, "both came");
		for (const { tsUs } of bridge.of("open")) t.true(Math.abs(tsUs - nowUs()) < 5_000_000);
	}));

test("over TCP the token decides, and the process is believed only where the socket is its own", (t) =>
	withBridge({ listen: "127.0.0.1:0", token: "0123456789abcdef" }, async (bridge) => {
		const wrong = await Peer.connect(bridge.path);
		wrong.send({ id: 1, method: "initialize", params: hello({ token: "0123456789abcdeX" }) });
		await until(() => wrong.isClosed, "it is closed");
		t.like(wrong.error, { code: -32001 });
		const right = await Peer.agent(bridge.path, { token: "0123456789abcdef" });
		right.open(1);
		const liar = await Peer.agent(bridge.path, { token: "0123456789abcdef", instance: "22222222", pid: 1 });
		liar.open(1, { l: ["127.0.0.1", 9] });
		await until(() => bridge.of("open").length === 2, "both came");
		t.is(bridge.of("open").find(({ client }) => client.port === 40_001)?.process?.pid, process.pid);
		t.is(bridge.of("open").find(({ client }) => client.port === 9)?.process, null);
		t.is(bridge.counters.refused_refused, 1);
	}));

test("the socket's folder belongs to nobody else, and a socket in use or another file is not taken away", async (t) => {
	const folder = mkdtempSync(join(tmpdir(), "polytap-java-"));
	const open = async (options: object) => {
		const source = plugin.create(plugin.config.parse(options), {
			name: "jvm",
			diagnostics: { warn: () => {}, info: () => {} },
			host: null,
		});
		await source.open(new AbortController().signal);
		return source;
	};
	const path = join(folder, "made/java.sock");
	const source = await open({ listen: path });
	t.is(statSync(dirname(path)).mode & 0o777, 0o700);
	t.is(statSync(path).mode & 0o777, 0o600);
	await t.throwsAsync(open({ listen: path }), { message: /in use/ });
	await source.close();
	const others = await open({ listen: join(folder, "more/java.sock"), users: [65_534] });
	t.is(statSync(join(folder, "more")).mode & 0o777, 0o711);
	t.is(statSync(join(folder, "more/java.sock")).mode & 0o777, 0o666);
	await others.close();
	await t.throwsAsync(open({ listen: join(tmpdir(), "polytap-java-test.sock") }), { message: /written by others/ });
	// one that its owner left behind
	const stale = join(folder, "stale.sock");
	const server = createServer();
	await new Promise<void>((resolve) => server.listen(stale, resolve));
	server.unref();
	await t.throwsAsync(open({ listen: stale }), { message: /in use/ });
	await new Promise((resolve) => server.close(resolve));
	await (await open({ listen: stale })).close();
	rmSync(folder, { recursive: true });
});

test("addresses are written as the engine has them", (t) => {
	t.deepEqual(endpointOf(["0:0:0:0:0:ffff:7f00:1", 1]), { address: "127.0.0.1", port: 1 });
	t.deepEqual(endpointOf(["fe80:0:0:0:0:0:0:1%eth0", 1]), { address: "fe80::1", port: 1 });
	t.is(endpointOf(["localhost", 1]), null);
	t.is(endpointOf(["", 1]), null);
});
