import test from "ava";
import { type DiagnosisInput, diagnose } from "../../../../core/app/doctor/connections.js";
import type { ConnectionSight } from "../../../../core/app/doctor/sights.js";
import type { ProcessIdentity } from "../../../../core/index.js";
import { ebpfOptions } from "../../../../sources/ebpf/options.js";
import type { ProcessSocket } from "../../../../sources/ebpf/process-sockets.js";

const SERVER = { address: "127.0.0.1", port: 8080 };
const CLIENT = { address: "127.0.0.1", port: 50_000 };

const listener: ProcessSocket = { pid: 7, fd: 3, transport: "tcp", state: "listening", local: SERVER, remote: null };
const socket: ProcessSocket = { ...listener, fd: 4, state: "established", remote: CLIENT };
const process = {
	pid: 7,
	name: "app",
	executable: null,
	cgroup: null,
	container: null,
	pod: null,
	runtime: null,
	unit: null,
	uid: null,
} as ProcessIdentity;

function sight(more: Partial<ConnectionSight> = {}): ConnectionSight {
	return {
		transport: "tcp",
		client: { ...CLIENT, process: null },
		server: { ...SERVER, process },
		captured: 100,
		lost: {},
		exchanges: 2,
		protocol: "http/1.1",
		reason: null,
		tlsLibrary: null,
		...more,
	};
}

function only(more: Partial<DiagnosisInput>) {
	const found = diagnose({
		sockets: [socket],
		sights: [],
		tls: new Map(),
		jvms: new Map(),
		names: new Map([[7, "app"]]),
		configured: null,
		pids: [7],
		...more,
	});
	if (found[0] === undefined || found.length !== 1) throw new Error(`${found.length} connections`);
	return found[0];
}

const options = (targets: unknown, more: object = {}) => [ebpfOptions.parse({ targets, ...more })];

test("a connection that is captured", (t) => {
	const found = only({ sights: [sight()], configured: options([{ ports: [8080] }]) });
	t.is(found.protocol, "http/1.1");
	t.is(found.role, "server");
	t.deepEqual(found.bytes, { seen: 100, captured: 100, lost: {} });
	t.is(found.undecided, null);
	t.true(found.isTargeted);
	t.deepEqual(found.changes, []);
});

test("rules about datagrams say nothing of connections, and others nothing of datagrams", (t) => {
	const udp: ProcessSocket = { ...listener, transport: "udp", state: "unconnected" };
	t.false(only({ configured: options([{ udp: [8080] }, { unix: ["*"] }]) }).isTargeted);
	t.false(only({ sockets: [udp], configured: options([{ ports: [8080] }]) }).isTargeted);
	const found = only({ sockets: [udp], configured: options([{ udp: [8080] }]) });
	t.true(found.isTargeted);
	t.true(only({ sockets: [udp] }).changes.includes("targets: [{ udp: [8080] }]"));
});

test("one on which nothing passed", (t) => {
	const found = only({ sockets: [listener, socket].slice(1) });
	t.is(found.bytes.seen, 0);
	t.is(found.undecided, "nothing passed while it was watched");
	t.true(found.changes.some((change) => change.includes("--for")));
});

test("one that no parser knows", (t) => {
	const found = only({ sights: [sight({ protocol: null, reason: "undetected", exchanges: 0 })] });
	t.is(found.undecided, "no parser knows what is spoken");
	t.true(found.changes.some((change) => change.includes("protocol: NAME")));
});

test("one that lost bytes names what would help", (t) => {
	const found = only({ sights: [sight({ lost: { sendfile: 5, "ring-full": 3, "joined-late": 1 } })] });
	t.is(found.bytes.seen, 109);
	t.true(found.changes.some((change) => change.startsWith("`wire: auto`")));
	t.true(found.changes.some((change) => change.includes("ring_bytes")));
});

test("rules of a config: which connections they take", (t) => {
	const rows: readonly (readonly [rules: unknown, expected: boolean])[] = [
		[[{ ports: [8080] }], true],
		[[{ ports: [50_000] }], false],
		[[{ pids: [7] }], true],
		[[{ pids: [8] }], false],
		[[{ name: "app" }], true],
		[[{ name: "other" }], false],
		[[{ name: "app", ports: [1] }], false],
		[[{ ports: [8080] }, { pids: [7], exclude: true }], false],
	];
	for (const [rules, expected] of rows)
		t.is(only({ sights: [sight()], configured: options(rules) }).isTargeted, expected, JSON.stringify(rules));
	const left = only({ sights: [sight()], configured: options([{ ports: [1] }]) });
	t.true(left.changes[0]?.includes("ports: [8080]"));
});

test("TLS: what is missing to see its plaintext", (t) => {
	const encrypted = sight({ protocol: "tls", reason: "encrypted", exchanges: 0 });
	const rows: readonly (readonly [title: string, tls: DiagnosisInput["tls"], expected: RegExp])[] = [
		["no library", new Map([[7, { libraries: [], whyNot: "none of the 3 files" }]]), /none of the 3/],
		[
			"a library that was not called",
			new Map([[7, { libraries: [{ path: "/x", library: "openssl" }], whyNot: null }]]),
			/openssl is loaded, and no call/,
		],
		["no process", new Map(), /not known/],
	];
	for (const [title, tls, expected] of rows)
		t.regex(only({ sights: [encrypted], tls }).tls?.whyNot ?? "", expected, title);
	const seen = sight({ tlsLibrary: "openssl" });
	t.true(
		only({ sights: [seen], configured: options([{ ports: [8080] }], { tls: "off" }) }).changes.includes("tls: auto"),
	);
	t.deepEqual(only({ sights: [seen], configured: options([{ ports: [8080] }]) }).changes, []);
});

test("one that came and went is there as well, each of its ends that was asked about", (t) => {
	t.is(only({ sockets: [], sights: [sight()] }).state, "gone");
	const both = diagnose({
		sockets: [],
		sights: [sight({ client: { ...CLIENT, process } })],
		tls: new Map(),
		jvms: new Map(),
		names: new Map(),
		configured: null,
		pids: [],
	});
	t.deepEqual(
		both.map(({ role }) => role),
		["server", "client"],
	);
});

test("what listens comes last", (t) => {
	const found = diagnose({
		sockets: [listener, socket],
		sights: [],
		tls: new Map(),
		jvms: new Map(),
		names: new Map(),
		configured: null,
		pids: [7],
	});
	t.deepEqual(
		found.map(({ state }) => state),
		["established", "listening"],
	);
});
