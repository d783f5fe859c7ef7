import test from "ava";
import { ebpfOptions } from "../../../sources/ebpf/options.js";
import * as layout from "../../../sources/ebpf/record-layout.js";
import { pathHash, targetsBytes } from "../../../sources/ebpf/targets.js";

test("rules as the kernel reads them", (t) => {
	const { targets } = ebpfOptions.parse({
		targets: [{ ports: [80, 65535] }, { pids: [7], name: "fifteen-letters", exclude: true }],
	});
	const bytes = targetsBytes(targets, 9);
	const out = new DataView(bytes.buffer);
	t.is(bytes.length, layout.TARGETS_BYTES);
	t.is(out.getUint32(layout.TARGETS_GENERATION, true), 9);
	t.is(out.getUint32(layout.TARGETS_RULE_COUNT, true), 2);
	t.is(out.getUint32(layout.TARGETS_PORTS_ONLY, true), 0);
	const [first, second] = [layout.TARGETS_RULES, layout.TARGETS_RULES + layout.RULE_BYTES];
	t.is(out.getUint32(first + layout.RULE_PORT_COUNT, true), 2);
	t.is(out.getUint16(first + layout.RULE_PORTS, true), 80);
	t.is(out.getUint16(first + layout.RULE_PORTS + 2, true), 65535);
	t.is(out.getUint32(first + layout.RULE_EXCLUDE, true), 0);
	t.is(out.getUint32(second + layout.RULE_PID_COUNT, true), 1);
	t.is(out.getUint32(second + layout.RULE_PIDS, true), 7);
	t.is(out.getUint32(second + layout.RULE_HAS_COMM, true), 1);
	t.is(out.getUint32(second + layout.RULE_EXCLUDE, true), 1);
	const name = Buffer.from(bytes.subarray(second + layout.RULE_COMM, second + layout.RULE_COMM + 16));
	t.is(name.toString("latin1"), "fifteen-letters\0");
});

test("rules of ports alone are known for both ends before the first byte", (t) => {
	const { targets } = ebpfOptions.parse({ targets: [{ ports: [80] }, { ports: [81], exclude: true }] });
	const out = new DataView(targetsBytes(targets, 1).buffer);
	t.is(out.getUint32(layout.TARGETS_PORTS_ONLY, true), 1);
});

test("rules about Unix sockets", (t) => {
	const { targets } = ebpfOptions.parse({
		targets: [{ ports: [80] }, { unix: ["/run/a.sock", "@b"] }, { unix: ["*", "/run/c"], name: "app" }],
	});
	const out = new DataView(targetsBytes(targets, 1).buffer);
	const at = (index: number): number => layout.TARGETS_RULES + index * layout.RULE_BYTES;
	t.is(out.getUint32(layout.TARGETS_UNIX_RULES, true), 2);
	t.is(out.getUint32(at(0) + layout.RULE_IS_UNIX, true), 0);
	t.is(out.getUint32(at(1) + layout.RULE_IS_UNIX, true), 1);
	t.is(out.getUint32(at(1) + layout.RULE_PATH_COUNT, true), 2);
	t.is(out.getBigUint64(at(1) + layout.RULE_PATHS, true), pathHash("/run/a.sock"));
	t.is(out.getBigUint64(at(1) + layout.RULE_PATHS + 8, true), pathHash("@b"));
	t.is(out.getUint32(at(2) + layout.RULE_PATH_COUNT, true), 0);
	t.is(
		new DataView(targetsBytes(targets, 1, true).buffer).getUint32(layout.TARGETS_UNIX_RULES, true),
		layout.UNIX_WALKING,
	);
});

test("rules about UDP", (t) => {
	const { targets } = ebpfOptions.parse({
		targets: [{ udp: [53, 5353] }, { ports: [53] }, { udp: [5353], exclude: true }],
	});
	const out = new DataView(targetsBytes(targets, 1).buffer);
	const at = (index: number): number => layout.TARGETS_RULES + index * layout.RULE_BYTES;
	t.is(out.getUint32(layout.TARGETS_UDP_RULES, true), 2);
	t.deepEqual(
		[0, 1, 2].map((index) => out.getUint32(at(index) + layout.RULE_IS_UDP, true)),
		[1, 0, 1],
	);
	t.is(out.getUint32(at(0) + layout.RULE_PORT_COUNT, true), 2);
	t.is(out.getUint16(at(0) + layout.RULE_PORTS + 2, true), 5353);
	for (const beside of [{ ports: [53] }, { pids: [1] }, { name: "a" }, { unix: ["*"] }, { protocol: "dns" }])
		t.false(ebpfOptions.safeParse({ targets: [{ udp: [53], ...beside }] }).success);
});

test("a path's hash is FNV-1a, an abstract name begins with a zero byte", (t) => {
	t.is(pathHash("a"), 0xaf63dc4c8601ec8cn);
	t.not(pathHash("@a"), pathHash("a"));
});

for (const [what, options] of [
	["no targets", {}],
	["an empty list of targets", { targets: [] }],
	["a rule without a condition", { targets: [{ exclude: true }] }],
	["an unknown key", { targets: [{ ports: [1], protocl: "http" }] }],
	["a port that is none", { targets: [{ ports: [65536] }] }],
	["a ring that is no power of two", { targets: [{ ports: [1] }], ring_bytes: 5000 }],
] as const)
	test(`refused: ${what}`, (t) => {
		t.false(ebpfOptions.safeParse(options).success);
	});
