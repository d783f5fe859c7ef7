/** The end of a connection is told whatever happens, and never before its bytes. */
import { Capture, live } from "./support/ebpf-harness.js";
import { pause } from "./support/program.js";
import { type Pair, peerPair, play } from "./support/tcp-peer.js";

const CONNECTIONS = 120;

async function comeAndGo(pair: Pair): Promise<number> {
	await pair.connect();
	const port = pair.clientPort;
	await play(
		pair,
		"c:write 10",
		"s:read 10 = 10",
		"s:write 20",
		"c:read 20 = 20",
		"c:close",
		"s:read 1 = 0",
		"s:close",
	);
	return port;
}

live("closes that find no room in their ring are kept until somebody comes for them", async (t) => {
	const pair = await peerPair();
	const capture = await Capture.start({
		targets: [{ ports: [pair.port] }],
		vantage: "both",
		control_ring_bytes: 4096,
	});
	t.teardown(async () => {
		await capture.stop();
		await pair.stop();
	});
	const ports: number[] = [];
	for (let i = 0; i < CONNECTIONS; i++) {
		// the first batch is under way when the reader stops
		if (i === 1) capture.hold();
		ports.push(await comeAndGo(pair));
	}
	capture.release();
	await capture.settle();
	t.is(capture.flows.length, 2 * CONNECTIONS);
	for (const port of ports)
		for (const role of ["client", "server"] as const) {
			const flow = capture.flow(role, port);
			t.true(flow.isClosed);
			t.is(`${flow.up.text} ${flow.up.end}`, "0+10 fin 10");
			t.is(`${flow.down.text} ${flow.down.end}`, "0+20 fin 20");
		}
	const counters = await capture.stop();
	t.true((counters.control_ring_full_records ?? 0) > CONNECTIONS, "the ring was large enough");
	t.is(counters.sockets_open, 0);
});

live("closes that nobody could keep are found by a look at the sockets that are there", async (t) => {
	t.timeout(180_000);
	const pair = await peerPair();
	const capture = await Capture.start({ targets: [{ ports: [pair.port] }], vantage: "both", control_ring_bytes: 4096 });
	t.teardown(async () => {
		await capture.stop();
		await pair.stop();
	});
	capture.hold();
	// there is room for 256 and what the ring takes
	for (let i = 0; i < 3 * CONNECTIONS; i++) await comeAndGo(pair);
	await pair.connect();
	await play(pair, "c:write 10", "s:read 10 = 10");
	const openPort = pair.clientPort;
	capture.release();
	await capture.settle();
	const lost = capture.counters().closes_lost ?? 0;
	t.true(lost > 2 * CONNECTIONS, `${lost} closes were lost`);
	for (let i = 0; i < 600 && capture.counters().sockets_open !== 2; i++) await pause(100);
	const { sockets_open, sockets_swept } = capture.counters();
	t.is(sockets_open, 2, "only those that are open are known");
	t.is(sockets_swept, lost);
	const closed = capture.flows.filter(({ open }) => open.client.port !== openPort);
	t.is(closed.length, 6 * CONNECTIONS);
	t.true(closed.every(({ isClosed }) => isClosed));
	const unnoticed = closed.filter(({ up, down }) => up.end === "unknown null" && down.end === "unknown null");
	t.is(unnoticed.length, lost);
	t.true(unnoticed.every(({ up, down }) => up.causes.includes("source-lost") || down.causes.includes("source-lost")));
	t.is(capture.flow("client", openPort).isClosed, false);
	await play(pair, "s:write 20", "c:read 20 = 20", "c:close", "s:read 1 = 0", "s:close");
	for (let i = 0; i < 600 && capture.counters().sockets_open !== 0; i++) await pause(100);
	t.is(`${capture.flow("server", openPort).down.text} ${capture.flow("server", openPort).down.end}`, "0+20 fin 20");
});
