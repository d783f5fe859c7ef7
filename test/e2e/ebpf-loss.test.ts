/** Nothing is lost without being counted: overload, several writers, long streams; and who is captured at all. */
import { once } from "node:events";
import { chmod, copyFile } from "node:fs/promises";
import { createServer, connect as netConnect } from "node:net";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { Engine } from "../../core/engine/engine.js";
import type { CaptureEvent } from "../../core/index.js";
import { Capture, type CaptureOptions, live } from "./support/ebpf-harness.js";
import { compilePeer, type Pair, peerPair, play, TcpPeer } from "./support/tcp-peer.js";

const KIB = 1024;
const MIB = KIB * KIB;
const GIB = KIB * MIB;

async function begin(
	t: ExecutionContext,
	config: object = {},
	options: CaptureOptions = {},
): Promise<{ pair: Pair; capture: Capture }> {
	const pair = await peerPair();
	const capture = await Capture.start({ targets: [{ ports: [pair.port] }], vantage: "both", ...config }, options);
	t.teardown(async () => {
		await capture.stop();
		await pair.stop();
	});
	return { pair, capture };
}

live("overload: what the calls returned is captured or a gap, in each direction of each connection", async (t) => {
	const { pair, capture } = await begin(t, { ring_bytes: 65_536 });
	const up = [300_000, 300_000, 1000, 777_777];
	const down = [1000, 400_000, 70, 500_000];
	const ports: number[] = [];
	for (const slot of [1, 2, 3, 4]) {
		await pair.connect(slot);
		ports.push(pair.clientPort);
		await play(pair, "c:write 1", "s:read 1 = 1", "s:write 1", "c:read 1 = 1");
	}
	await capture.settle();
	capture.hold();
	for (const [i, slot] of [1, 2, 3, 4].entries()) {
		await play(pair, `c:slot ${slot}`, `s:slot ${slot}`);
		const moved = await Promise.all([
			pair.client.do(`write ${up[i]}`),
			pair.server.do(`readall ${up[i]}`),
			pair.server.do(`write ${down[i]}`),
			pair.client.do(`readall ${down[i]}`),
		]);
		t.deepEqual(moved, [up[i], up[i], down[i], down[i]]);
	}
	capture.release();
	await capture.settle();
	// connections whose last records found no room: the close tells
	for (const slot of [1, 2]) await play(pair, `c:slot ${slot}`, `s:slot ${slot}`, "c:close", "s:read 1 = 0", "s:close");
	// and a record that finds room again: the next one tells
	for (const slot of [3, 4])
		await play(pair, `c:slot ${slot}`, `s:slot ${slot}`, "c:write 5", "s:read 5 = 5", "s:write 6", "c:read 6 = 6");
	await capture.settle();
	let captured = 0;
	let gaps = 0;
	for (const [i, port] of ports.entries())
		for (const role of ["client", "server"] as const) {
			const flow = capture.flow(role, port);
			const extra = i < 2 ? [1, 1] : [6, 7];
			for (const dir of [0, 1] as const) {
				const stream = flow.streams[dir];
				const { bytes, gaps: missing, twice, holes } = stream.sums;
				const where = `connection ${i} ${role} direction ${dir}: ${stream.text}`;
				t.is(bytes + missing, (dir === 0 ? up : down)[i]! + extra[dir]!, where);
				t.is(twice, 0, where);
				t.is(holes, 0, where);
				t.is(stream.wrongAt, -1, where);
				t.true(
					stream.causes.every((cause) => cause === "ring-full"),
					where,
				);
				captured += bytes;
				gaps += missing;
			}
		}
	const counters = await capture.stop();
	t.true(gaps > 1_000_000, `only ${gaps} bytes were lost`);
	t.is(counters.ring_full_bytes, gaps);
	t.is(counters.bytes, captured);
	t.is(counters.bytes_seen, captured + gaps);
	t.log(`${captured} bytes captured, ${gaps} in gaps`);
});

live("four threads write one socket: every byte is accounted for", async (t) => {
	const emitted: string[] = [];
	const engine = new Engine({}, [], (exchange) => {
		emitted.push(exchange.kind);
	});
	const source = engine.addSource("test", "ebpf");
	const tap = (batch: readonly CaptureEvent[]) => engine.ingest(source, batch, Date.now() * 1000);
	const { pair, capture } = await begin(t, { ring_bytes: 64 * MIB, vantage: "client" }, { tap, isPattern: false });
	await pair.connect();
	const delivered = pair.server.do("sink 100000000 65536");
	const sent = await pair.client.do("threads 4 3000 200");
	await play(pair, "c:close");
	t.is(await delivered, sent);
	await play(pair, "s:close");
	await capture.settle();
	const { up } = capture.flow("client", pair.clientPort);
	const { bytes, gaps, twice, holes, end } = up.sums;
	t.log(`sent ${sent}: ${bytes} bytes, ${gaps} in gaps, ${twice} at a position twice, ${holes} at none`);
	t.is(up.end, `fin ${sent}`);
	// where two calls cannot be told apart a gap says so, and packets may fill it again
	t.is(end, sent);
	t.is(holes, 0);
	t.is(bytes + gaps - twice, sent);
	engine.tick(Date.now() * 1000 + 60_000_000);
	engine.sourceEnded(source, Date.now() * 1000 + 60_000_000);
	const counters = engine.counters();
	t.log(
		Object.entries(counters)
			.filter(([, value]) => value !== 0)
			.map(([name, value]) => `${name}=${value}`)
			.join(" "),
	);
	t.deepEqual(emitted, ["connection"]);
	t.is(counters.connections_opened, 1);
	// the engine's books: each position is captured or missing
	const { bytes_captured: seen = 0, bytes_missing: lost = 0 } = counters;
	t.is(seen + lost, sent);
	// a record of one thread may pass that of another: what is late is no hole, and what stays one has its reason
	t.is(counters.bytes_missing_position_conflict ?? 0, lost);
	t.is(counters.connections_open, 0);
	t.is(counters.bytes_held, 0);
});

live("5 GiB in one stream: exact positions beyond 32 bits", async (t) => {
	const { pair, capture } = await begin(t, { ring_bytes: 16 * MIB }, { isPattern: false });
	const total = 5 * GIB;
	await pair.connect();
	const from = Date.now();
	const [sent, read] = await Promise.all([
		pair.client.do(`pour ${total} ${MIB}`, 300_000),
		pair.server.do(`sink ${total} ${MIB}`, 300_000),
	]);
	const seconds = (Date.now() - from) / 1000;
	t.deepEqual([sent, read], [total, total]);
	// the ring has room again
	await capture.settle();
	await play(pair, "s:write 3", "c:read 3 = 3", "c:close", "s:read 1 = 0", "s:close");
	await capture.settle();
	for (const role of ["client", "server"] as const) {
		const { up, down } = capture.flow(role, pair.clientPort);
		const { bytes, gaps, twice, holes } = up.sums;
		t.log(`${role}: ${bytes} bytes, ${gaps} in gaps, ${up.ranges.length} ranges, ${seconds.toFixed(1)} s`);
		t.is(bytes + gaps, total, role);
		t.is(twice, 0, role);
		t.is(holes, 0, role);
		t.true(
			up.causes.every((cause) => cause === "ring-full"),
			role,
		);
		t.is(up.end, `fin ${total}`, role);
		t.is(down.text, "0+3", role);
	}
});

live("vantage auto: bytes once, both identities", async (t) => {
	const { pair, capture } = await begin(t, { vantage: "auto" });
	await pair.connect();
	await play(pair, "c:write 1000", "s:readall 1000 = 1000", "s:write 2000", "c:readall 2000 = 2000", "c:write 5");
	await play(pair, "s:read 5 = 5", "c:close", "s:read 1 = 0", "s:close");
	await capture.settle();
	const server = capture.flow("server", pair.clientPort);
	const client = capture.flow("client", pair.clientPort);
	t.is(server.up.text, "0+1005");
	t.is(server.down.text, "0+2000");
	t.is(client.up.text, "");
	t.is(client.down.text, "");
	t.deepEqual(client.open.bases, server.open.bases);
	t.is(client.open.process?.pid, pair.client.pid);
	t.is(server.open.process?.pid, pair.server.pid);
	t.true(server.isClosed);
	t.is((await capture.stop()).bytes_seen, 3005);
});

live("vantage auto with a rule for a process: the client too, until the server is seen", async (t) => {
	const pair = await peerPair();
	const capture = await Capture.start({ targets: [{ pids: [pair.client.pid, pair.server.pid] }] });
	t.teardown(async () => {
		await capture.stop();
		await pair.stop();
	});
	await pair.connect();
	await play(pair, "c:write 1000", "s:readall 1000 = 1000", "s:write 2000", "c:readall 2000 = 2000", "c:write 5");
	await play(pair, "s:read 5 = 5", "c:close", "s:read 1 = 0", "s:close");
	await capture.settle();
	const server = capture.flow("server", pair.clientPort);
	t.is(server.up.text, "0+1005");
	t.is(server.down.text, "0+2000");
	const client = capture.flow("client", pair.clientPort);
	t.is(client.up.text, "0+1000");
	t.is(client.down.text, "");
});

for (const vantage of ["client", "server"] as const)
	live(`vantage ${vantage}: bytes of that end only`, async (t) => {
		const { pair, capture } = await begin(t, { vantage });
		await pair.connect();
		await play(pair, "c:write 1000", "s:readall 1000 = 1000", "s:write 20", "c:read 20 = 20", "c:close", "s:close");
		await capture.settle();
		const flow = capture.flow(vantage, pair.clientPort);
		t.is(flow.up.text, "0+1000");
		t.is(flow.down.text, "0+20");
		const other = capture.flow(vantage === "client" ? "server" : "client", pair.clientPort);
		t.is(other.up.text + other.down.text, "");
	});

live("targets: ports, process ids, names, exclusions, and changes while a connection is open", async (t) => {
	const folder = await compilePeer();
	const named = join(folder, "other-name");
	await copyFile(join(folder, "tcp-peer"), named);
	await chmod(named, 0o755);
	const pair = await peerPair();
	const other = new TcpPeer(named);
	const capture = await Capture.start({ targets: [{ ports: [1] }], vantage: "both" });
	t.teardown(async () => {
		await capture.stop();
		await pair.stop();
		await other.stop();
	});
	await pair.connect();
	const port = pair.clientPort;
	let at = 0;
	const told = async (targets: object[]): Promise<string[]> => {
		capture.host.setTargets({ targets });
		await play(pair, "c:write 10", "s:read 10 = 10");
		await capture.settle();
		at += 10;
		return capture.flows
			.filter(({ open, up }) => open.client.port === port && up.ranges.some(({ offset }) => offset === at - 10))
			.map(({ open }) => open.role)
			.sort();
	};
	const { pid: client } = pair.client;
	const { pid: server } = pair.server;
	t.deepEqual(await told([{ ports: [1] }]), []);
	t.deepEqual(await told([{ ports: [pair.port] }]), ["client", "server"]);
	t.deepEqual(await told([{ ports: [1, pair.port] }]), ["client", "server"]);
	// a client's own port is nobody's target
	t.deepEqual(await told([{ ports: [port] }]), []);
	t.deepEqual(await told([{ pids: [client] }]), ["client"]);
	t.deepEqual(await told([{ pids: [1, server] }]), ["server"]);
	t.deepEqual(await told([{ pids: [server], ports: [1] }]), []);
	t.deepEqual(await told([{ pids: [server], ports: [1] }, { pids: [client] }]), ["client"]);
	t.deepEqual(await told([{ name: "tcp-peer" }]), ["client", "server"]);
	t.deepEqual(await told([{ name: "tcp-pee" }]), []);
	t.deepEqual(await told([{ ports: [pair.port] }, { pids: [client], exclude: true }]), ["server"]);
	t.deepEqual(await told([{ pids: [client], exclude: true }, { ports: [pair.port] }]), ["server"]);
	t.deepEqual(await told([{ ports: [pair.port], exclude: true }, { name: "tcp-peer" }]), []);
	t.deepEqual(await told([{ ports: [pair.port] }]), ["client", "server"]);

	// a name of the other program, one end only
	capture.host.setTargets({ targets: [{ name: "other-name" }] });
	await pair.server.do("slot 2");
	const otherPort = await other.do(`connect 127.0.0.1 ${pair.port}`);
	t.is(await pair.server.do("accept"), 0);
	t.is(await other.do("write 77"), 77);
	t.is(await pair.server.do("read 100"), 77);
	await capture.settle();
	t.is(capture.flow("client", otherPort).up.text, "0+77");
	t.is(capture.flow("client", otherPort).open.process?.name, "other-name");
	t.is(capture.flows.filter(({ open }) => open.client.port === otherPort).length, 1);
});

live("its own process is never captured", async (t) => {
	const listener = createServer((socket) => socket.on("data", (data) => socket.write(data)));
	listener.listen(0, "127.0.0.1");
	await once(listener, "listening");
	const address = listener.address();
	const port = typeof address === "object" && address !== null ? address.port : 0;
	const { pair, capture } = await begin(t, { targets: [{ ports: [port] }, { pids: [process.pid] }] });
	t.teardown(() => listener.close());
	const socket = netConnect(port, "127.0.0.1");
	socket.write("x".repeat(500));
	const [echo] = await once(socket, "data");
	t.true(echo.length > 0);
	socket.destroy();
	// and yet the capture works: another process at the same port
	t.true((await pair.client.do(`connect 127.0.0.1 ${port}`)) > 0);
	await play(pair, "c:write 9", "c:sink 9 9 = 9", "c:close");
	await capture.settle();
	t.is(capture.flows.length, 1);
	t.is(capture.flows[0]?.open.process?.pid, pair.client.pid);
	t.is(capture.flows[0]?.up.text, "0+9");
	t.is(capture.flows[0]?.down.text, "0+9");
});
