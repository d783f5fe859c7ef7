/** Every system call that moves bytes of a TCP socket: what was sent and received, byte by byte, or a gap with its cause. */
import { existsSync } from "node:fs";
import type { ExecutionContext } from "ava";
import { Capture, live } from "./support/ebpf-harness.js";
import { runProgram } from "./support/program.js";
import { type Pair, peerPair, play } from "./support/tcp-peer.js";

const KIB = 1024;
/** Not the one of node_modules/.bin. */
const NFT = "/usr/sbin/nft";

async function begin(t: ExecutionContext, config: object = {}): Promise<{ pair: Pair; capture: Capture }> {
	const pair = await peerPair();
	const capture = await Capture.start({
		targets: [{ ports: [pair.port] }],
		vantage: "both",
		ring_bytes: 32 * KIB * KIB,
		...config,
	});
	t.teardown(async () => {
		await capture.stop();
		await pair.stop();
	});
	return { pair, capture };
}

/** What the client's end told of its sends and the server's of its receives. */
function sides(capture: Capture, port: number): { sent: string; received: string; wrongAt: number[] } {
	const { up: sent } = capture.flow("client", port);
	const { up: received } = capture.flow("server", port);
	return { sent: sent.text, received: received.text, wrongAt: [sent.wrongAt, received.wrongAt] };
}

live("calls that have a buffer: every byte, at both ends", async (t) => {
	const { pair, capture } = await begin(t, { wire: "never" });
	const cases: [send: string, receive: string, bytes: number][] = [
		["write 300", "read 300", 300],
		["send 300", "recv 300", 300],
		["sendto 300", "recvfrom 300", 300],
		["writev 1 300", "readv 1 300", 300],
		["writev 3 50", "readv 3 50", 150],
		["writev 8 1000", "readv 8 1000", 8000],
		["writev 9 10", "readv 9 10", 90],
		["writev 20 37", "readv 20 37", 740],
		["writev 8 1025", "readall 8200", 8200],
		["writev 3 30000", "readall 90000", 90_000],
		["writev 2 100000", "readall 200000", 200_000],
		["writev 20 9000", "readall 180000", 180_000],
		["write 200", "readv 3 100", 200],
		["pwritev2 3 100", "preadv2 3 100", 300],
		["pwritev2 20 300", "preadv2 20 300", 6000],
		["sendmsg 1 500", "recvmsg 1 500", 500],
		["sendmsg 4 200", "recvmsg 4 200", 800],
		["sendmsg 20 900", "recvmsg 20 900", 18_000],
		["sendmmsg 1 700", "recvmmsg 1 700", 700],
	];
	for (const [send, receive, bytes] of cases) {
		await pair.connect();
		await play(pair, `c:${send} = ${bytes}`, `s:${receive} = ${bytes}`, "c:write 5", "s:read 5 = 5");
		await capture.settle();
		const whole = `0+${bytes + 5}`;
		t.deepEqual(
			sides(capture, pair.clientPort),
			{ sent: whole, received: whole, wrongAt: [-1, -1] },
			`${send}, ${receive}`,
		);
	}
});

live("several messages in one call: a gap that says so, and the stream goes on", async (t) => {
	const { pair, capture } = await begin(t, { wire: "never" });
	await pair.connect();
	await play(pair, "c:write 10", "s:read 10 = 10", "c:sendmmsg 3 100 = 300", "s:recvmmsg 3 100 = 300");
	await play(pair, "c:write 20", "s:read 20 = 20");
	await capture.settle();
	const told = "0+10 10+300:not-readable 310+20";
	t.deepEqual(sides(capture, pair.clientPort), { sent: told, received: told, wrongAt: [-1, -1] });
});

live("MSG_ZEROCOPY", async (t) => {
	const { pair, capture } = await begin(t, { wire: "never" });
	await pair.connect();
	const sent = await pair.client.do("zerocopy 40000");
	if (sent !== 40_000) t.log(`NOT TESTED: MSG_ZEROCOPY gives ${sent}`);
	else await play(pair, "s:readall 40000 = 40000");
	await play(pair, "c:write 5", "s:read 5 = 5");
	await capture.settle();
	const whole = `0+${Math.max(sent, 0) + 5}`;
	t.deepEqual(sides(capture, pair.clientPort), { sent: whole, received: whole, wrongAt: [-1, -1] });
});

live("sendfile without packets: a gap with its cause", async (t) => {
	const { pair, capture } = await begin(t, { wire: "never" });
	await pair.connect();
	const [sent, read] = await Promise.all([pair.client.do("sendfile 300000"), pair.server.do("readall 300000")]);
	t.deepEqual([sent, read], [300_000, 300_000]);
	await play(pair, "c:write 5", "s:read 5 = 5");
	await capture.settle();
	const { sent: told, received, wrongAt } = sides(capture, pair.clientPort);
	t.is(told, "0+300000:sendfile 300000+5");
	t.is(received, "0+300005");
	t.deepEqual(wrongAt, [-1, -1]);
});

live("sendfile: the first is a gap, later connections of the process come whole from packets", async (t) => {
	const { pair, capture } = await begin(t);
	for (const round of [0, 1, 2, 3]) {
		await pair.connect();
		await play(pair, "c:write 50", "s:read 50 = 50", "s:write 7", "c:read 7 = 7");
		const [sent, read] = await Promise.all([pair.server.do("sendfile 300000"), pair.client.do("readall 300000")]);
		t.deepEqual([sent, read], [300_000, 300_000]);
		await play(pair, "s:write 11", "c:read 11 = 11", "s:close", "c:read 1 = 0", "c:close");
		await capture.settle();
		if (round === 0) await capture.watchesPackets();
		const { down } = capture.flow("server", pair.clientPort);
		t.is(down.wrongAt, -1);
		t.is(down.end, "fin 300018");
		t.is(down.sums.holes, 0);
		t.is(down.sums.end, 300_018);
		if (round === 0)
			t.deepEqual(
				down.causes.filter((cause) => cause === "sendfile"),
				["sendfile"],
			);
		else t.is(down.filled, "0+300018", `round ${round}`);
		const seen = capture.flow("client", pair.clientPort).down;
		t.is(seen.text, "0+300018");
		t.is(seen.wrongAt, -1);
	}
});

live("wire always: every send from packets", async (t) => {
	const { pair, capture } = await begin(t, { wire: "always" });
	await pair.connect();
	await play(pair, "c:write 50", "s:read 50 = 50");
	const [sent, read] = await Promise.all([pair.server.do("write 500000"), pair.client.do("readall 500000")]);
	t.deepEqual([sent, read], [500_000, 500_000]);
	await play(pair, "s:writev 3 9", "c:read 27 = 27", "c:write 60", "s:read 60 = 60");
	await capture.settle();
	const server = capture.flow("server", pair.clientPort);
	t.is(server.down.filled, "0+500027");
	t.is(server.down.wrongAt, -1);
	t.is(server.up.text, "0+110");
});

live("splice out and in: a gap of splice at the sender, a hole that the end shows at the receiver", async (t) => {
	const { pair, capture } = await begin(t, { wire: "never" });
	await pair.connect();
	await play(pair, "c:write 10", "s:read 10 = 10");
	const [sent, read] = await Promise.all([pair.client.do("splice-out 100000"), pair.server.do("readall 100000")]);
	t.deepEqual([sent, read], [100_000, 100_000]);
	await play(pair, "c:write 1000", "s:splice-in 1000 = 1000", "c:write 20", "s:read 20 = 20");
	await play(pair, "c:write 400", "s:splice-in 400 = 400", "c:close", "s:read 1 = 0", "s:close");
	await capture.settle();
	const client = capture.flow("client", pair.clientPort).up;
	t.is(client.text, "0+10 10+100000:splice 100010+1420");
	t.is(client.end, "fin 101430");
	const server = capture.flow("server", pair.clientPort).up;
	t.is(server.filled, "0+100010 101010+20");
	t.is(server.end, "fin 101430");
	t.deepEqual([client.wrongAt, server.wrongAt], [-1, -1]);
});

live(
	"several messages in one call, a 32-bit call: later connections of the process come whole from packets",
	async (t) => {
		for (const [send, receive, bytes] of [
			["sendmmsg 3 100", "recvmmsg 3 100", 300],
			["write32 5000", "read32 5000", 5000],
		] as const) {
			const { pair, capture } = await begin(t);
			for (const round of [0, 1, 2]) {
				await pair.connect();
				try {
					await play(pair, `c:${send} = ${bytes}`, `s:${receive} = ${bytes}`);
				} catch (error) {
					if (!send.includes("32") || !String(error).includes("ended")) throw error;
					t.log("NOT TESTED: this kernel has no 32-bit calls");
					return;
				}
				await play(pair, "c:write 20", "s:read 20 = 20", "c:close", "s:read 1 = 0", "s:close");
				await capture.settle();
				if (round === 0) await capture.watchesPackets();
				const { up: sent } = capture.flow("client", pair.clientPort);
				const { up: received } = capture.flow("server", pair.clientPort);
				for (const { filled, causes, sums, wrongAt, end } of [sent, received]) {
					t.is(wrongAt, -1);
					t.is(end, `fin ${bytes + 20}`);
					t.deepEqual([sums.holes, sums.end], [0, bytes + 20], `${send}, round ${round}`);
					if (round === 0) t.deepEqual(causes, ["not-readable"]);
					else t.is(filled, `0+${bytes + 20}`, `${send}, round ${round}`);
				}
			}
		}
	},
);

live(
	"packets that are lost on their way, before and behind where they are looked at: each byte once in the end",
	async (t) => {
		const { pair, capture } = await begin(t, { wire: "always" });
		const table = `polytap_test_${process.pid}`;
		if (!existsSync(NFT)) {
			t.log("NOT TESTED: no nftables");
			t.pass();
			return;
		}
		const match = `tcp sport ${pair.port} meta length > 100 numgen random mod 10 < 2`;
		const drop = (hook: string): string =>
			`chain ${hook} {\ntype filter hook ${hook} priority 0\n${match} counter drop\n}`;
		await runProgram(NFT, [`table inet ${table} {\n${drop("output")}\n${drop("input")}\n}`], 60_000);
		t.teardown(() => runProgram(NFT, ["delete", "table", "inet", table], 60_000));
		const bytes = 2_000_000;
		for (const send of ["sendfile", "write"]) {
			await pair.connect();
			const [sent, read] = await Promise.all([
				pair.server.do(`${send} ${bytes}`, 120_000),
				pair.client.do(`readall ${bytes}`, 120_000),
			]);
			t.deepEqual([sent, read], [bytes, bytes]);
			await play(pair, "s:close", "c:read 1 = 0", "c:close");
			await capture.settle();
			for (const role of ["server", "client"] as const) {
				const { down } = capture.flow(role, pair.clientPort);
				t.is(down.filled, `0+${bytes}`, `${send}, ${role}`);
				t.is(down.wrongAt, -1);
			}
		}
		const { stdout } = await runProgram(NFT, ["list", "table", "inet", table], 60_000);
		t.regex(stdout, /packets [1-9]/, "nothing was dropped");
		const { wire_repeated_bytes = 0, wire_records_duplicate = 0 } = capture.counters();
		t.log(
			`repeated in the kernel ${wire_repeated_bytes} bytes, in user space ${wire_records_duplicate} records; ${stdout}`,
		);
		t.true(wire_repeated_bytes + wire_records_duplicate > 0);
	},
);

live("kernel TLS: what the calls say, at positions of their own; sendfile is a gap", async (t) => {
	const { pair, capture } = await begin(t);
	await pair.connect();
	await play(pair, "c:write 40", "s:read 40 = 40");
	const given = await pair.client.do("ktls 3");
	if (given !== 0) {
		t.log(`NOT TESTED: this kernel has no kernel TLS (${given})`);
		t.pass();
		return;
	}
	await play(pair, "s:ktls 3", "c:quiet", "s:quiet");
	await play(pair, "c:write 3000", "s:readall 3000 = 3000", "s:writev 3 900", "c:readall 2700 = 2700");
	await play(pair, "s:sendfile 20000", "c:readall 20000 = 20000", "c:write 70", "s:read 70 = 70", "c:alert = 2");
	await play(pair, "c:shutdown", "s:close", "c:close");
	await capture.settle();
	const flows = capture.flows.filter(({ open }) => open.client.port === pair.clientPort && open.bases === null);
	t.deepEqual(flows.map(({ open }) => open.role).sort(), ["client", "server"]);
	for (const { open, up, down } of flows) {
		t.is(up.text, "0+3070", open.role);
		t.is(down.text, open.role === "server" ? "0+2700 2700+20000:sendfile" : "0+22700");
		t.deepEqual([up.wrongAt, down.wrongAt], [-1, -1]);
	}
});
