/** One exchange, several observers, one record: by position, across translation, never across namespaces, within bounds. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import test from "ava";
import { Correlation } from "../../../core/correlation/correlation.js";
import type { EngineOptions } from "../../../core/engine/options.js";
import type { OpenEvent } from "../../../core/index.js";
import { Harness } from "../engine/harness.js";

const WINDOW_US = 200_000;
const A = { address: "10.0.0.1", port: 40_000 };
const B = { address: "10.0.0.2", port: 80 };

/** The harness's engine with a second source, `proxy`, and the correlation behind it. */
class Two extends Harness {
	readonly proxy: number;

	constructor(options: Partial<EngineOptions> = {}) {
		super({ merge: "window", correlationWindowUs: WINDOW_US, ...options });
		this.proxy = this.engine.addSource("proxy", "sidecar-legacy");
		this.engine.stage = new Correlation(this.engine, (exchange) => this.exchanges.push(exchange));
	}

	/** What follows is told by this source. */
	by(source: "test" | "proxy", tell: () => unknown): this {
		const own = this.source;
		Object.assign(this, { source: source === "proxy" ? this.proxy : own });
		tell();
		Object.assign(this, { source: own });
		return this;
	}

	ebpf(conn = 1, more: Partial<OpenEvent> = {}): this {
		return this.open(conn, "server", { client: A, server: B, ...more });
	}

	sidecar(conn = 1, more: Partial<OpenEvent> = {}): this {
		return this.by("proxy", () => this.open(conn, "proxy", { client: A, server: B, bases: null, ...more }));
	}

	exchange(source: "test" | "proxy", at = 0, answerAt = 0, conn = 1, body = "hello"): this {
		return this.by(source, () =>
			this.bytes(0, at, "get\n", conn).bytes(1, answerAt, `=ok ${body.length}\n${body}`, conn),
		);
	}

	get seenBy(): string[] {
		return this.exchanges.map(({ observedBy }) => observedBy.map(({ source }) => source).join("+"));
	}
}

test("both saw it: one record, the server's bytes, both observers, no matter who comes first", (t) => {
	for (const order of [["test", "proxy"] as const, ["proxy", "test"] as const]) {
		const h = new Two().ebpf().sidecar();
		for (const source of order) h.exchange(source);
		t.deepEqual(h.seenBy, ["test+proxy"]);
		const [x] = h.exchanges;
		t.is(x!.idScope, "network");
		t.is(x!.id.slice(16), "000003e800000000");
		t.is(x!.response!.body.data, "hello");
		t.is(h.counters.correlation_merged, 1);
		t.is(h.counters.correlation_held, 0);
	}
});

test("it waits for the other one no longer than the window, and is known again afterwards", (t) => {
	const h = new Two().ebpf().sidecar().exchange("test");
	t.deepEqual(h.seenBy, []);
	h.pass(WINDOW_US - 1000);
	t.deepEqual(h.seenBy, []);
	h.pass(1000);
	t.deepEqual(h.seenBy, ["test"]);
	h.exchange("proxy").pass(WINDOW_US);
	t.deepEqual(h.seenBy, ["test", "proxy"]);
	t.deepEqual(h.exchanges[1]!.flags, ["seen-before"]);
	t.is(h.exchanges[1]!.annotations["polytap.same_as"], h.exchanges[0]!.id);
	t.is(h.counters.correlation_late, 1);
	t.is(h.counters.correlation_alone, 1);
});

test("a connection that nobody else sees is waited for once", (t) => {
	const h = new Two().ebpf().exchange("test");
	t.deepEqual(h.seenBy, []);
	h.pass(WINDOW_US);
	h.exchange("test", 4, 11);
	t.deepEqual(h.seenBy, ["test", "test"]);
	// and again when somebody comes
	h.sidecar().exchange("test", 8, 22);
	t.is(h.exchanges.length, 2);
	// what it did not see from its first byte on waits for that a while
	h.exchange("proxy", 8, 22).pass(60_000);
	t.deepEqual(h.seenBy, ["test", "test", "test+proxy"]);
});

test("order per connection is kept: what is complete waits for what came before it", (t) => {
	const h = new Two().ebpf().sidecar().exchange("test", 0, 0, 1, "first").exchange("test", 4, 11, 1, "other");
	h.exchange("proxy", 4, 11, 1, "other");
	t.deepEqual(h.seenBy, []);
	h.pass(WINDOW_US);
	t.deepEqual(h.seenBy, ["test", "test+proxy"]);
	t.is(h.exchanges[0]!.response!.body.data, "first");
});

test("off: each source's record by itself; late: nothing waits, and the second one says so", (t) => {
	const off = new Two({ merge: "off" }).ebpf().sidecar().exchange("proxy").exchange("test");
	t.deepEqual(off.seenBy, ["proxy", "test"]);
	t.deepEqual(off.exchanges[1]!.flags, []);
	const late = new Two({ merge: "late" }).ebpf().sidecar().exchange("proxy").exchange("test");
	t.deepEqual(late.seenBy, ["proxy", "test"]);
	t.deepEqual(late.exchanges[1]!.flags, ["seen-before"]);
	t.is(late.exchanges[1]!.annotations["polytap.same_as"], late.exchanges[0]!.id);
});

test("the whole body is the record's, whoever has it, and a hole is never filled from another source", (t) => {
	const h = new Two().ebpf().sidecar();
	h.by("test", () => h.bytes(0, 0, "get\n").bytes(1, 0, "=ok 5\nhe").gap(1, 8, 3, "ring-full").pass(60_000));
	h.exchange("proxy");
	const [x] = h.exchanges;
	t.deepEqual(h.seenBy, ["proxy+test"]);
	t.is(x!.response!.body.data, "hello");
	t.is(x!.idScope, "local");
	t.is((x!.annotations["polytap.other_ids"] as readonly string[]).length, 1);
});

test("observers that disagree on the size of what both saw whole: flagged", (t) => {
	const h = new Two().ebpf().sidecar().exchange("test", 0, 0, 1, "hello").exchange("proxy", 0, 0, 1, "hell");
	t.deepEqual(h.exchanges[0]!.flags, ["observers-differ"]);
	t.is(h.exchanges[0]!.response!.body.data, "hello");
	t.is(h.counters.correlation_differing, 1);
});

test("loopback: one namespace's addresses are not another's, and unknown is not equal", (t) => {
	const lo = { client: { address: "127.0.0.1", port: 1 }, server: { address: "127.0.0.1", port: 2 } };
	for (const [a, b, together] of [
		[7, 7, true],
		[7, 8, false],
		[7, null, false],
		[null, null, false],
	] as const) {
		const h = new Two().ebpf(1, { ...lo, netns: a }).sidecar(1, { ...lo, netns: b });
		h.exchange("test").exchange("proxy").pass(WINDOW_US);
		t.deepEqual(h.seenBy, together ? ["test+proxy"] : ["test", "proxy"], `${a} and ${b}`);
	}
	// elsewhere addresses are what they are, whatever namespace they are seen from
	const h = new Two().ebpf(1, { netns: 7 }).sidecar(1, { netns: 8 }).exchange("test").exchange("proxy");
	t.deepEqual(h.seenBy, ["test+proxy"]);
});

test("across address translation: equal pairs of sequence numbers are one connection, also of one source", (t) => {
	const outside = { client: A, server: { address: "192.0.2.1", port: 443 } };
	const h = new Two().open(1, "client", outside).ebpf(2);
	h.bytes(0, 0, "get\n", 1).bytes(0, 0, "get\n", 2).bytes(1, 0, "=ok\n", 2).bytes(1, 0, "=ok\n", 1);
	t.deepEqual(
		h.exchanges.map(({ observedBy, connection }) => [
			observedBy.map(({ vantage }) => vantage).join(),
			connection.server.port,
		]),
		[["server,client", 80]],
	);
	// of another pair it is another connection
	const other = new Two().open(1, "client", outside).ebpf(2, { bases: [1000, 2001] });
	other.bytes(0, 0, "get\n", 1).bytes(0, 0, "get\n", 2).bytes(1, 0, "=ok\n", 2).bytes(1, 0, "=ok\n", 1);
	other.pass(WINDOW_US);
	t.is(other.exchanges.length, 2);
});

test("an observer that joined in the middle: sequence numbers tell the position", (t) => {
	const h = new Two().ebpf().sidecar(1, { bases: [1004, 2011], fromStart: false });
	h.exchange("test", 4, 11).by("proxy", () => h.bytes(0, 0, "get\n").bytes(1, 0, "=ok 5\nhello"));
	h.pass(60_000).pass(WINDOW_US);
	t.deepEqual(h.seenBy, ["test+proxy"]);
});

test("addresses that are used again are another connection, whatever else of the first one comes", (t) => {
	const h = new Two().ebpf(1).sidecar(1).exchange("test").exchange("proxy");
	h.close([4, 11], "fin", 1).by("proxy", () => h.close([4, 11], "fin", 1));
	h.pass(60_000);
	h.ebpf(2, { bases: [5000, 6000] })
		.sidecar(2)
		.exchange("proxy", 0, 0, 2, "again")
		.exchange("test", 0, 0, 2, "again");
	t.deepEqual(h.seenBy, ["test+proxy", "test+proxy"]);
	t.deepEqual(
		h.exchanges.map(({ response }) => response!.body.data),
		["hello", "again"],
	);
});

test("processes and TLS that only one of them knows are in the record", (t) => {
	const process = {
		pid: 7,
		name: "client",
		executable: null,
		cgroup: null,
		container: null,
		pod: null,
		runtime: null,
		unit: null,
		uid: null,
	};
	const tls = { library: "openssl", version: "1.3", cipher: null, serverName: "a.test", alpn: null };
	const h = new Two().ebpf().sidecar();
	h.by("proxy", () => h.feed({ kind: "identify", conn: 1, client: process, server: null, tls }));
	h.exchange("test").exchange("proxy");
	t.is(h.exchanges[0]!.connection.client.process?.pid, 7);
	t.is(h.exchanges[0]!.connection.tls?.serverName, "a.test");
});

test("the two legs of a hop: two records, linked, with the hop's own time", (t) => {
	const up = { client: { address: "10.0.0.3", port: 50_000 }, server: { address: "10.0.0.4", port: 8080 } };
	const h = new Two().sidecar(2).sidecar(3, up);
	h.by("proxy", () => {
		for (const [conn, leg] of [[2, "downstream"] as const, [3, "upstream"] as const])
			for (const dir of [0, 1] as const)
				h.feed({
					kind: "annotate",
					conn,
					dir,
					fromOffset: 0,
					toOffset: 1000,
					attributes: { "proxy.leg": leg, "proxy.hop": "x-1" },
				});
		h.bytes(0, 0, "get\n", 2).bytes(0, 0, "get\n", 3).bytes(1, 0, "=ok\n", 3).bytes(1, 0, "=ok\n", 2);
	});
	h.pass(WINDOW_US);
	const [upstream, downstream] = [...h.exchanges].sort((a, b) => b.connection.client.port - a.connection.client.port);
	t.is(h.exchanges.length, 2);
	t.is(upstream!.annotations["proxy.other_leg"], downstream!.id);
	t.is(downstream!.annotations["proxy.other_leg"], upstream!.id);
	for (const { annotations } of [upstream!, downstream!])
		t.like(annotations, { "proxy.request_added_us": 10, "proxy.response_added_us": 10, "proxy.added_us": 20 });
	t.is(h.counters.correlation_legs_linked, 1);
});

test("nothing grows: at the cap the oldest goes on as it is, counted", (t) => {
	const h = new Two({ maxConnections: 20_000, correlationWindowUs: 10_000_000 });
	for (let conn = 1; conn <= 17_000; conn++) {
		h.ebpf(conn, { client: { address: "10.0.0.1", port: conn }, bases: [conn, conn] });
		h.exchange("test", 0, 0, conn, "");
		h.close([4, 6], "fin", conn);
	}
	t.true((h.counters.correlation_held ?? 0) <= 16_384);
	t.is((h.counters.correlation_held ?? 0) + h.exchanges.length, 17_000);
	t.true((h.counters.correlation_evicted ?? 0) >= 616);
	h.engine.sourceEnded(h.source, h.nowUs);
	h.engine.sourceEnded(h.proxy, h.nowUs);
	t.is(h.exchanges.length, 17_000);
	t.is(h.counters.bytes_held, 0);
});

test("a connection that all have closed is known for ten seconds more, and then costs nothing", (t) => {
	const h = new Two().ebpf().sidecar().exchange("test").close([4, 11]).pass(60_000).pass(9_000_000);
	t.is(h.counters.correlation_connections_held, 1);
	h.exchange("proxy").pass(WINDOW_US);
	t.deepEqual(h.exchanges[1]!.flags, ["seen-before"]);
	// one of its two sources still has it
	h.pass(20_000_000);
	t.is(h.counters.correlation_connections_held, 1);
	h.by("proxy", () => h.close([4, 11]))
		.pass(60_000)
		.pass(9_900_000);
	t.is(h.counters.correlation_connections_held, 1);
	h.pass(300_000);
	t.is(h.counters.correlation_connections_held, 0);
	t.is(h.counters.correlation_connections_forgotten, 0);
	// the same addresses again
	h.ebpf(2, { bases: [7_000, 9_000] })
		.sidecar(2)
		.exchange("test", 0, 0, 2)
		.exchange("proxy", 0, 0, 2);
	t.deepEqual(h.seenBy, ["test", "proxy", "test+proxy"]);
});

test("ends that turn out to be the other way round leave nothing behind", (t) => {
	const h = new Two().ebpf(1, { roleKnown: false }).sidecar();
	h.exchange("test").exchange("proxy").close([4, 11]);
	h.by("proxy", () => h.close([4, 11]))
		.pass(60_000)
		.pass(11_000_000);
	t.is(h.counters.correlation_connections_held, 0);
	const turned = new Two().ebpf(1, { client: B, server: A, roleKnown: false });
	turned.ebpf(2).exchange("test", 0, 0, 2).close([4, 11], "fin", 2).close([11, 4]).pass(60_000).pass(11_000_000);
	t.is(turned.exchanges[0]!.connection.client.port, A.port);
	t.is(turned.counters.correlation_connections_held, 0);
});

test("connections that come and go, hours of them: memory is that of the last seconds", (t) => {
	setFlagsFromString("--expose-gc");
	const gc = runInNewContext("gc") as () => void;
	const h = new Two();
	const heap = () => {
		h.exchanges.length = 0;
		gc();
		return process.memoryUsage().heapUsed / 2 ** 20;
	};
	const comeAndGo = (from: number, to: number) => {
		for (let conn = from; conn < to; conn++) {
			const port = 1_024 + (conn % 60_000);
			h.ebpf(conn, { client: { address: "10.0.0.1", port }, bases: [conn, conn] }).exchange("test", 0, 0, conn, "");
			h.close([4, 6], "fin", conn).pass(1_000);
		}
	};
	comeAndGo(0, 11_000);
	const before = heap();
	comeAndGo(11_000, 36_000);
	const grown = heap() - before;
	t.true((h.counters.correlation_connections_held ?? 0) < 12_000);
	// what is kept of 25,000 would show
	t.true(grown < 16, `${grown} MiB more`);
});

test("connections beyond the cap are forgotten, counted, and what they say still comes out", (t) => {
	const h = new Two({ maxConnections: 8 });
	for (let conn = 1; conn <= 50; conn++) {
		h.ebpf(conn, { client: { address: "10.0.0.1", port: conn }, bases: [conn, conn] });
		h.exchange("test", 0, 0, conn);
	}
	h.pass(WINDOW_US);
	t.is(h.exchanges.length, 50);
	t.is(h.counters.correlation_connections_forgotten, 42);
});
