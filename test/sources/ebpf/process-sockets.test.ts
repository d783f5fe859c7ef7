import { createServer } from "node:net";
import test from "ava";
import { addInet, addUnix, type ProcessSocket, SocketLists } from "../../../sources/ebpf/process-sockets.js";

type Sockets = Parameters<typeof addInet>[0];

const INET = 2;
const INET6 = 10;
const rows: readonly (readonly [
	title: string,
	line: string,
	family: number,
	transport: "tcp" | "udp",
	expected: Omit<ProcessSocket, "pid" | "fd"> | null,
])[] = [
	[
		"a listener",
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0",
		INET,
		"tcp",
		{ transport: "tcp", state: "listening", local: { address: "127.0.0.1", port: 8080 }, remote: null },
	],
	[
		"a connection",
		"   1: 0A00000A:1538 0B00000A:C822 01 00000000:00000000 00:00000000 00000000   105        0 4712 1 0 20 4 30 10 -1",
		INET,
		"tcp",
		{
			transport: "tcp",
			state: "established",
			local: { address: "10.0.0.10", port: 5432 },
			remote: { address: "10.0.0.11", port: 51234 },
		},
	],
	[
		"IPv6",
		"   2: 00000000000000000000000001000000:0050 B80D0120000000000000000001000000:C001 08 0:0 0:0 0 0 0 4713 1",
		INET6,
		"tcp",
		{
			transport: "tcp",
			state: "close-wait",
			local: { address: "::1", port: 80 },
			remote: { address: "2001:db8::1", port: 49153 },
		},
	],
	[
		"IPv4 in IPv6",
		"   3: 0000000000000000FFFF00000100007F:0050 0000000000000000FFFF00000100007F:C001 01 0:0 0:0 0 0 0 4714 1",
		INET6,
		"tcp",
		{
			transport: "tcp",
			state: "established",
			local: { address: "127.0.0.1", port: 80 },
			remote: { address: "127.0.0.1", port: 49153 },
		},
	],
	[
		"a datagram socket",
		" 100: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4715 2 0",
		INET,
		"udp",
		{ transport: "udp", state: "unconnected", local: { address: "0.0.0.0", port: 53 }, remote: null },
	],
	[
		"what waits for its time without a process",
		"   4: 0100007F:1F90 0100007F:C822 06 00000000:00000000 03:00000F9A 00000000     0        0 0 3 0",
		INET,
		"tcp",
		null,
	],
	["nothing", "", INET, "tcp", null],
];

for (const [title, line, family, transport, expected] of rows)
	test(`/proc/net/${transport}: ${title}`, (t) => {
		const sockets: Sockets = new Map();
		addInet(sockets, line, family, transport);
		t.deepEqual([...sockets.values()], expected === null ? [] : [expected]);
	});

const unix: readonly (readonly [title: string, line: string, state: string | null, path: string])[] = [
	["a listener", "0: 00000002 00000000 00010000 0001 01 23456 /run/my app.sock", "listening", "/run/my app.sock"],
	["a connection", "0: 00000003 00000000 00000000 0001 03 23457 /run/a.sock", "established", "/run/a.sock"],
	["the unnamed end", "0: 00000003 00000000 00000000 0001 03 23458", "established", ""],
	["datagrams", "0: 00000002 00000000 00000000 0002 01 23459 /run/systemd/notify", null, ""],
];

for (const [title, line, state, path] of unix)
	test(`/proc/net/unix: ${title}`, (t) => {
		const sockets: Sockets = new Map();
		addUnix(sockets, line);
		t.deepEqual(
			[...sockets.values()].map((socket) => [socket.state, socket.local.address]),
			state === null ? [] : [[state, path]],
		);
	});

test("of this very process", async (t) => {
	const server = createServer();
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.teardown(() => server.close());
	const { port } = server.address() as { port: number };
	const found = new SocketLists().of(process.pid)?.find(({ local }) => local.port === port);
	t.is(found?.state, "listening");
	t.is(found?.local.address, "127.0.0.1");
	t.is(found?.pid, process.pid);
	t.is(new SocketLists().of(2 ** 22 + 1), null, "there is no such process");
});
