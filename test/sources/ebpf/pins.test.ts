import test from "ava";
import { type CaptureEvent, KernelClock, Processes } from "../../../core/index.js";

import { ebpfOptions } from "../../../sources/ebpf/options.js";
import { PINS_BYTES, Pins } from "../../../sources/ebpf/pins.js";

import * as layout from "../../../sources/ebpf/record-layout.js";
import { Translator } from "../../../sources/ebpf/translator.js";
import { record } from "./records.js";

type Rules = Parameters<typeof ebpfOptions.parse>[0];

const targetsOf = (...targets: readonly object[]) => ebpfOptions.parse({ targets } as Rules).targets;

test("the first rule that fits names the protocol; the host may write others at any time", (t) => {
	const memory = new SharedArrayBuffer(PINS_BYTES);
	const [host, worker] = [new Pins(memory), new Pins(memory)];
	t.is(worker.protocolOf(3307, 1, null), null);
	host.write(
		targetsOf(
			{ ports: [3307], protocol: "mysql", pids: [7] },
			{ ports: [3307, 3308], protocol: "postgresql", name: "pg" },
			{ ports: [3308], protocol: "http/1.1" },
			{ ports: [80] },
		),
	);
	t.is(worker.protocolOf(3307, 7, null), "mysql");
	t.is(worker.protocolOf(3307, 8, "pg"), "postgresql");
	t.is(worker.protocolOf(3307, 8, "other"), null);
	t.is(worker.protocolOf(3308, 8, null), "http/1.1");
	t.is(worker.protocolOf(80, 7, null), null);
	host.write(targetsOf({ ports: [80], protocol: "redis" }));
	t.is(worker.protocolOf(80, 7, null), "redis");
	t.is(worker.protocolOf(3307, 7, null), null);
});

test("the largest rules that the options allow fit", (t) => {
	const rule = {
		ports: Array.from({ length: 32 }, (_, i) => 65_535 - i),
		pids: Array.from({ length: 16 }, (_, i) => 4_194_304 - i),
		name: "\u0001".repeat(15),
		protocol: "\u0001".repeat(64),
	};
	const memory = new SharedArrayBuffer(PINS_BYTES);
	new Pins(memory).write(targetsOf(...Array.from({ length: 16 }, () => rule)));
	t.is(new Pins(memory).protocolOf(65_535, 4_194_304, rule.name), rule.protocol);
});

test("a rule that names a protocol needs ports, and captures", (t) => {
	const isFine = (rule: object): boolean => ebpfOptions.safeParse({ targets: [rule] }).success;
	t.true(isFine({ ports: [1], protocol: "redis" }));
	t.false(isFine({ pids: [1], protocol: "redis" }));
	t.false(isFine({ ports: [1], protocol: "redis", exclude: true }));
	t.false(isFine({ ports: [1], protocol: "" }));
});

test("the open of a pinned connection says so, whichever end was looked at first", (t) => {
	const pins = new Pins(new SharedArrayBuffer(PINS_BYTES));
	const openOf = (fields: Parameters<typeof record>[0]): CaptureEvent | undefined => {
		const batch: CaptureEvent[] = [];
		new Translator(new Processes(), new KernelClock(), false, false, pins).payload(record(fields), 0, batch);
		return batch[0];
	};
	t.false("protocol" in openOf({ data: "x" })!);
	pins.write(targetsOf({ ports: [80], protocol: "redis" }));
	t.like(openOf({ data: "x" }), { kind: "open", protocol: "redis", server: { port: 80 } });
	// the record's local port is 80: here it is the client's
	t.false("protocol" in openOf({ data: "x", role: layout.ROLE_CLIENT })!);
	pins.write(targetsOf({ ports: [4000], protocol: "mysql" }));
	t.false("protocol" in openOf({ data: "x" })!);
	// roles are a guess: either port may be the server's
	t.like(openOf({ data: "x", role: layout.ROLE_UNKNOWN }), { roleKnown: false, protocol: "mysql" });
});
