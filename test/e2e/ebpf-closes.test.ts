/** The end of a connection is told whatever happens, and never before its bytes. */
import { Capture, live } from "./support/ebpf-harness.js";
import { peerPair, play } from "./support/tcp-peer.js";

const CONNECTIONS = 120;

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
		await pair.connect();
		ports.push(pair.clientPort);
		// the first batch is under way when the reader stops
		if (i === 1) capture.hold();
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
