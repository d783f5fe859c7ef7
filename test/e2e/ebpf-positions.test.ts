/** Every byte at its position, from both ends of a connection: ends, wraps, late joins, sizes. */
import type { ExecutionContext } from "ava";
import { Capture, type Flow, live, type Stream } from "./support/ebpf-harness.js";
import { pause } from "./support/program.js";
import { type Pair, peerPair, play } from "./support/tcp-peer.js";

/** Longer than the source waits for an application that still holds a closed connection. */
const HELD_MS = 1300;
const MIB = 1 << 20;

async function begin(t: ExecutionContext, config: object = {}, listenAt?: string, connectTo?: string) {
	const pair = await peerPair(listenAt, connectTo);
	const capture = await Capture.start({ targets: [{ ports: [pair.port] }], vantage: "both", ...config });
	t.teardown(async () => {
		await capture.stop();
		await pair.stop();
	});
	return { pair, capture };
}

function whole(t: ExecutionContext, stream: Stream, length: number, message: string): void {
	t.is(stream.text, length === 0 ? "" : `0+${length}`, message);
	t.is(stream.sums.twice, 0, message);
	t.is(stream.wrongAt, -1, message);
}

/** Both ends told the same: so many bytes up and down. */
function bothWhole(t: ExecutionContext, capture: Capture, pair: Pair, up: number, down: number): [Flow, Flow] {
	const client = capture.flow("client", pair.clientPort);
	const server = capture.flow("server", pair.clientPort);
	for (const flow of [client, server]) {
		whole(t, flow.up, up, `${flow.open.role} up`);
		whole(t, flow.down, down, `${flow.open.role} down`);
	}
	t.deepEqual(client.open.bases, server.open.bases);
	t.true(client.open.roleKnown && server.open.roleKnown);
	return [client, server];
}

/** The source may wait for an application that still holds a closed connection. */
async function allClosed(t: ExecutionContext, capture: Capture, flows: readonly Flow[]): Promise<void> {
	await capture.until(() => flows.every(({ isClosed }) => isClosed), "the connections are told as closed");
	t.true(flows.every(({ isClosed }) => isClosed));
}

live("data and FIN together, read in one call", async (t) => {
	const { pair, capture } = await begin(t);
	await pair.connect();
	await play(pair, "c:write 5000", "c:shutdown", "s:read 20000 = 5000", "s:read 20000 = 0", "s:write 3000");
	await play(pair, "c:read 20000 = 3000", "s:close", "c:read 20000 = 0", "c:close");
	await capture.settle();
	for (const flow of bothWhole(t, capture, pair, 5000, 3000)) {
		t.is(flow.up.end, "fin 5000", flow.open.role);
		t.is(flow.down.end, "fin 3000", flow.open.role);
	}
});

live("data and FIN together, read in several calls", async (t) => {
	const { pair, capture } = await begin(t);
	await pair.connect();
	await play(pair, "c:write 5000", "c:write 5000", "c:shutdown", "s:read 1 = 1", "s:read 2999 = 2999");
	await play(pair, "s:read 7000 = 7000", "s:read 1 = 0", "s:write 10", "s:shutdown", "c:read 9 = 9", "c:read 9 = 1");
	await play(pair, "c:read 1 = 0", "s:close", "c:close");
	await capture.settle();
	const flows = bothWhole(t, capture, pair, 10_000, 10);
	await allClosed(t, capture, flows);
});

live("a close before the other end has read: bytes and positions of what it reads then", async (t) => {
	const { pair, capture } = await begin(t);
	await pair.connect();
	await play(pair, "c:write 100", "c:shutdown", "s:read 1000 = 100", "s:write 3000", "s:close");
	await play(pair, "c:read 1000 = 1000", "c:read 5000 = 2000", "c:read 1 = 0", "c:close");
	await capture.settle();
	const [client, server] = bothWhole(t, capture, pair, 100, 3000);
	t.is(server.down.end, "fin 3000");
	// the client's connection was over before it had read: what it read is told when it lets go
	t.is(client.down.end, "fin 3000");
	await allClosed(t, capture, [client, server]);
	t.is(capture.flows.length, 2);
});

live("an application that reads a closed connection much later makes no second connection", async (t) => {
	const { pair, capture } = await begin(t);
	await pair.connect();
	await play(pair, "c:write 100", "c:shutdown", "s:read 1000 = 100", "s:write 3000", "s:close", "c:read 1000 = 1000");
	await pause(HELD_MS * 2);
	await play(pair, "c:read 5000 = 2000", "c:close");
	await capture.settle();
	t.is(capture.flows.length, 2);
	t.is(capture.counters().sockets_open, 0);
	bothWhole(t, capture, pair, 100, 3000);
});

live("an application that reads a closed connection slowly is captured to the end", async (t) => {
	const { pair, capture } = await begin(t);
	await pair.connect();
	await play(pair, "c:write 100", "c:shutdown", "s:read 1000 = 100", "s:write 5000", "s:close");
	for (let i = 0; i < 5; i++) {
		await play(pair, "c:read 1000 = 1000");
		await pause(HELD_MS / 2);
	}
	await play(pair, "c:close");
	const [client] = bothWhole(t, capture, pair, 100, 5000);
	await allClosed(t, capture, [client]);
});

live("one descriptor connected twice: two connections", async (t) => {
	const { pair, capture } = await begin(t);
	await pair.connect();
	const first = pair.clientPort;
	await play(pair, "c:write 100", "s:read 1000 = 100", "s:write 3", "c:read 3 = 3", "c:disconnect");
	await capture.settle();
	// what follows is read at once: the second connection's bytes must not come before the first's end
	capture.hold();
	await play(pair, "s:close");
	await pause(HELD_MS);
	const second = await pair.client.do(`reconnect 127.0.0.1 ${pair.port}`);
	await play(pair, "s:accept = 0", "c:write 70", "s:read 100 = 70", "s:write 9", "c:read 9 = 9", "c:close", "s:close");
	capture.release();
	await capture.settle();
	t.is(capture.flows.length, 4);
	for (const role of ["client", "server"] as const) {
		t.is(capture.flow(role, first).up.text, "0+100");
		t.is(capture.flow(role, first).down.text, "0+3");
		t.is(capture.flow(role, second).up.text, "0+70");
		t.is(capture.flow(role, second).down.text, "0+9");
		t.is(capture.flow(role, second).up.end, "fin 70");
		t.true(capture.flow(role, first).isClosed);
	}
});

live("a reset: final positions of what was read and sent", async (t) => {
	const { pair, capture } = await begin(t);
	await pair.connect();
	await play(pair, "c:write 1000", "s:read 400 = 400", "s:write 50", "c:read 50 = 50", "c:reset", "s:close");
	await capture.settle();
	const client = capture.flow("client", pair.clientPort);
	const server = capture.flow("server", pair.clientPort);
	t.is(client.up.text, "0+1000");
	t.is(client.up.end, "reset 1000");
	t.is(client.down.end, "reset 50");
	t.is(server.up.text, "0+400");
	t.is(server.down.end, "reset 50");
	t.regex(server.up.end, /^reset (null|400)$/);
	await allClosed(t, capture, [client, server]);
});

live("MSG_PEEK counts once, MSG_WAITALL whole, zero-length writes never, MSG_TRUNC as a named gap", async (t) => {
	const { pair, capture } = await begin(t);
	await pair.connect();
	await play(pair, "c:write 100", "s:peek 1000 = 100", "s:peek 10 = 10", "s:read 1000 = 100", "c:write 0 = 0");
	await play(
		pair,
		"c:send 0 = 0",
		"c:write 50",
		"c:write 50",
		"s:waitall 100 = 100",
		"c:write 70",
		"s:trunc 1000 = 70",
	);
	await play(pair, "c:write 30", "s:read 100 = 30", "c:shutdown", "s:read 1 = 0", "s:close", "c:read 1 = 0", "c:close");
	await capture.settle();
	const server = capture.flow("server", pair.clientPort);
	const client = capture.flow("client", pair.clientPort);
	whole(t, client.up, 300, "client up");
	t.is(server.up.text, "0+200 200+70:not-readable 270+30");
	t.is(server.up.wrongAt, -1);
	t.is(server.up.end, "fin 300");
	t.is(server.down.end, "fin 0");
});

live("joined late: idle, with traffic, and after the listener was closed", async (t) => {
	const pair = await peerPair();
	t.teardown(() => pair.stop());
	const ports: number[] = [];
	for (const slot of [1, 2, 3]) {
		await pair.connect(slot);
		ports.push(pair.clientPort);
	}
	// slot 1: nothing yet; 2: traffic both ways; 3: one way only
	await play(
		pair,
		"c:slot 2",
		"s:slot 2",
		"c:write 70000",
		"s:readall 70000 = 70000",
		"s:write 200",
		"c:read 200 = 200",
	);
	await play(pair, "c:slot 3", "s:slot 3", "s:write 5000", "c:readall 5000 = 5000");
	await play(pair, "s:slot 0", "s:unlisten");
	const capture = await Capture.start({ targets: [{ ports: [pair.port] }], vantage: "both" });
	t.teardown(async () => void (await capture.stop()));
	for (const slot of [1, 2, 3]) {
		await play(pair, `c:slot ${slot}`, `s:slot ${slot}`, "c:write 1000", "s:readall 1000 = 1000", "s:write 500");
		await play(pair, "c:readall 500 = 500", "c:close", "s:read 1 = 0", "s:close");
	}
	await capture.settle();
	const before = [
		[0, 0],
		[70_000, 200],
		[0, 5000],
	];
	for (const [i, [up, down]] of before.entries()) {
		const client = capture.flow("client", ports[i]!);
		const server = capture.flow("server", ports[i]!);
		t.deepEqual(client.open.bases, server.open.bases);
		for (const flow of [client, server]) {
			const where = `connection ${i} ${flow.open.role}`;
			t.true(flow.open.roleKnown, where);
			t.is(flow.open.server.port, pair.port, where);
			t.is(flow.up.text, `${up}+1000`, where);
			t.is(flow.down.text, `${down}+500`, where);
			t.is(flow.up.wrongAt, -1, where);
			t.is(flow.down.wrongAt, -1, where);
			t.is(flow.up.end, `fin ${up! + 1000}`, where);
			t.is(flow.down.end, `fin ${down! + 500}`, where);
		}
	}
});

for (const [name, listenAt, connectTo, client, server] of [
	["IPv4", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1"],
	["IPv4, another loopback address", "127.1.2.3", "127.1.2.3", /^127\./, "127.1.2.3"],
	["IPv6", "::1", "::1", "::1", "::1"],
	["an IPv6 socket that accepts IPv4", "::", "127.0.0.1", "127.0.0.1", "127.0.0.1"],
	["IPv4-mapped at both ends", "::ffff:127.0.0.1", "::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1"],
] as const)
	live(`addresses: ${name}`, async (t) => {
		const { pair, capture } = await begin(t, {}, listenAt, connectTo);
		await pair.connect();
		await play(pair, "c:write 10", "s:read 10 = 10", "s:write 20", "c:read 20 = 20", "c:close", "s:close");
		await capture.settle();
		for (const { open } of bothWhole(t, capture, pair, 10, 20)) {
			if (typeof client === "string") t.is(open.client.address, client);
			else t.regex(open.client.address, client);
			t.is(open.server.address, server);
			t.is(open.client.port, pair.clientPort);
			t.is(open.server.port, pair.port);
			t.is(open.process?.pid, open.role === "client" ? pair.client.pid : pair.server.pid);
			t.is(open.process?.name, "tcp-peer");
			t.regex(open.process?.executable ?? "", /tcp-peer$/);
		}
	});

live("a stream across the wrap of its sequence numbers", async (t) => {
	const pair = await peerPair();
	t.teardown(() => pair.stop());
	// outside of the range that the kernel gives out
	const port = 10_000 + (process.pid % 10_000);
	const clientPort = port + 10_000;
	const capture = await Capture.start({ targets: [{ ports: [port, clientPort] }], vantage: "both" });
	t.teardown(async () => void (await capture.stop()));
	const [a, b] = [2 ** 32 - 100, 2 ** 32 - 50];
	const made = await pair.client.do(`repair 127.0.0.1 ${clientPort} ${port} ${a} ${b} 0`);
	if (made < 0) {
		t.log(`NOT TESTED: TCP_REPAIR is not permitted here (${made})`);
		console.error(`SKIPPED the wrap of sequence numbers: TCP_REPAIR gives ${made}`);
		t.pass();
		return;
	}
	await play(pair, `s:repair 127.0.0.1 ${port} ${clientPort} ${b} ${a} 1`, "c:repaired", "s:repaired");
	await play(
		pair,
		"c:write 99",
		"s:read 1000 = 99",
		"c:write 1",
		"s:read 1000 = 1",
		"c:write 1000",
		"s:readall 1000 = 1000",
	);
	await play(
		pair,
		"s:write 49",
		"c:read 1000 = 49",
		"s:write 2000",
		"c:readall 2000 = 2000",
		"s:write 7",
		"c:read 7 = 7",
	);
	await play(pair, "c:shutdown", "s:read 1 = 0", "s:close", "c:read 1 = 0", "c:close");
	await capture.settle();
	t.is(capture.flows.length, 2);
	for (const flow of capture.flows) {
		// a repaired socket has no handshake that tells who called
		const isUp = flow.open.process?.pid === pair.client.pid ? flow.open.role === "client" : flow.open.role === "server";
		const [up, down] = isUp ? [flow.up, flow.down] : [flow.down, flow.up];
		t.is(up.text, "0+1100", flow.open.role);
		t.is(down.text, "0+2056", flow.open.role);
		t.is(up.end, "fin 1100");
		t.is(down.end, "fin 2056");
		t.deepEqual([...(flow.open.bases ?? [])].sort(), [a, b].sort());
	}
});

live("sizes in one write", async (t) => {
	const { pair, capture } = await begin(t, { ring_bytes: 64 * MIB });
	await pair.connect();
	let total = 0;
	const sizes = [1, 64, 65_537, MIB, 10 * MIB];
	for (let size = 65_439; size <= 65_441; size++) sizes.push(size);
	for (let size = 65_533; size <= 65_537; size++) sizes.push(size);
	for (const size of sizes) {
		const [wrote, read] = await Promise.all([pair.client.do(`write ${size}`), pair.server.do(`readall ${size}`)]);
		t.is(wrote, size);
		t.is(read, size);
		total += size;
	}
	await play(pair, "c:close", "s:read 1 = 0", "s:close");
	await capture.settle();
	bothWhole(t, capture, pair, total, 0);
	const counters = await capture.stop();
	t.is(counters.ring_full_records, 0);
	t.is(counters.bytes_seen, 2 * total);
});

live("every size around the record classes, up to 10,000 bytes", async (t) => {
	const { pair, capture } = await begin(t, { ring_bytes: 64 * MIB });
	await pair.connect();
	const sizes: number[] = [];
	for (const edge of [160, 224, 320, 448, 640, 1024, 1600, 2560, 4192, 8288])
		for (const by of [-1, 0, 1]) sizes.push(edge - 96 + by);
	for (const size of sizes) await play(pair, `c:write ${size} = ${size}`, `s:readall ${size} = ${size}`);
	await capture.settle();
	bothWhole(
		t,
		capture,
		pair,
		sizes.reduce((sum, size) => sum + size, 0),
		0,
	);
});
