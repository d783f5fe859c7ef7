/** What a source or a config says about the protocol: pins, port hints, and what TLS chose. */
import test from "ava";
import type { DetectHint, ParserPlugin } from "../../../core/index.js";
import http1 from "../../../parsers/http1/index.js";
import redis from "../../../parsers/redis/index.js";
import { bulk, command } from "../../parsers/redis/talk.js";
import { Harness } from "./harness.js";
import { lineParser } from "./line-parser.js";

const GET = command("GET", "k");

/** A parser that only watches what it is asked, and says no. */
function watching(protocol: string, asked: string[], answer: "yes" | "no" | "more" = "no"): ParserPlugin {
	return {
		...redis,
		protocol,
		detect: (_client, _server, { serverPort }: DetectHint) => {
			asked.push(`${protocol} ${serverPort}`);
			return answer;
		},
	};
}

test("a pin: nobody is asked, not even where the first bytes tell nothing, and every record says so", (t) => {
	const asked: string[] = [];
	const parsers = [watching("nosy", asked, "yes"), { ...redis, detect: watching("redis", asked).detect }];
	const h = new Harness({}, parsers).open(1, "server", { protocol: "redis" });
	// a command that no table knows would never be detected
	const odd = command("NO.SUCH", "k");
	h.bytes(0, 0, odd.slice(0, 3)).bytes(0, 3, odd.slice(3)).bytes(1, 0, "+OK\r\n");
	h.bytes(0, odd.length, GET)
		.bytes(1, 5, bulk("v"))
		.close([odd.length + GET.length, 5 + bulk("v").length]);
	t.deepEqual(h.failures, []);
	t.deepEqual(asked, []);
	t.deepEqual(h.lines, ["NO.SUCH ?→OK ok", "GET k→1 bytes ok"]);
	t.deepEqual(
		h.exchanges.map(({ protocol, flags }) => [protocol, ...flags]),
		[
			["redis", "protocol-pinned"],
			["redis", "protocol-pinned"],
		],
	);
	const [first, second] = h.exchanges.map((exchange) => JSON.stringify(exchange));
	t.not(first, second);
	t.is(h.counters.connections_pin_mismatched, 0);
});

test("a pinned parser that cannot read what comes: opaque, by name and counted; nobody else is asked", (t) => {
	const asked: string[] = [];
	const h = new Harness({}, [watching("nosy", asked, "yes"), http1, redis]).open(1, "server", { protocol: "redis" });
	const request = "POST /x HTTP/1.1\r\nHost: a\r\n\r\n";
	h.bytes(0, 0, request)
		.bytes(1, 0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		.close([request.length, 38])
		.pass(1e6);
	t.deepEqual(asked, []);
	t.is(h.exchanges.length, 1);
	const [record] = h.exchanges;
	t.is(record!.kind, "connection");
	t.is(record!.annotations["polytap.protocol.pinned"], "redis");
	t.regex(String(record!.annotations["polytap.opaque.reason"]), /^pin-mismatch:/);
	t.is(h.counters.connections_pin_mismatched, 1);
	t.is(h.counters.bytes_opaque, request.length + 38);
});

test("bytes that a pinned parser never came to the end of are named, too", (t) => {
	const h = new Harness({}, [redis]).open(1, "server", { protocol: "redis" });
	h.bytes(0, 0, "*1\r\n$4\r\nPI").close([10, 0]).pass(1e6);
	t.is(h.exchanges[0]?.annotations["polytap.opaque.reason"], "pin-mismatch:unread");
});

test("a pin to a parser that is not there: opaque", (t) => {
	const h = new Harness({}, [redis]).open(1, "server", { protocol: "gone" });
	h.bytes(0, 0, GET).bytes(1, 0, "$-1\r\n").close([GET.length, 5]).pass(1e6);
	t.is(h.exchanges.length, 1);
	t.is(h.exchanges[0]!.annotations["polytap.opaque.reason"], "pin-mismatch:no-such-parser");
	t.is(h.counters.bytes_opaque, GET.length + 5);
});

test("a pin where the roles are a guess: the parser itself says which end is the client", (t) => {
	const turned = { protocol: "redis", roleKnown: false, role: "wire" } as const;
	const h = new Harness({}, [redis]).open(1, "wire", turned);
	h.bytes(1, 0, GET).bytes(0, 0, "$-1\r\n").close([5, GET.length]).pass(1e6);
	t.deepEqual(h.lines, ["GET k→null ok"]);
	t.is(h.exchanges[0]!.connection.server.port, 50_000);
});

test("a pin, joined late and after a hole: found again as ever, never another guess", (t) => {
	const h = new Harness({ mergeWindowUs: 0 }, [http1, redis]).open(1, "server", {
		protocol: "redis",
		fromStart: false,
	});
	const tail = "lue\r\n";
	h.bytes(0, 0, tail + GET).bytes(1, 0, bulk("first"));
	for (let i = 0, at = tail.length + GET.length, answered = bulk("first").length; i < 3; i++) {
		h.pass(1000).bytes(0, at, GET).pass(1000).bytes(1, answered, bulk("later"));
		at += GET.length;
		answered += bulk("later").length;
	}
	h.pass(1e6);
	t.deepEqual(h.failures, []);
	t.true(h.exchanges.some(({ outcome, flags }) => outcome === "ok" && flags.includes("protocol-pinned")));
	t.deepEqual([...new Set(h.exchanges.map(({ protocol }) => protocol))], ["redis"]);
});

test("port hints: the parsers that are named for the server's port are asked first, and still have to recognise it", (t) => {
	const asked: string[] = [];
	const parsers = [watching("a", asked), watching("b", asked), watching("c", asked), lineParser];
	const hints = [
		{ protocol: "c", ports: [80, 81] },
		{ protocol: "b", ports: [81] },
	];
	const h = new Harness({ portHints: hints }, parsers);
	for (const [conn, port] of [
		[1, 80],
		[2, 81],
		[3, 82],
	] as const) {
		h.open(conn, "server", { server: { address: "127.0.0.1", port }, bases: [conn, conn] });
		h.bytes(0, 0, "hello\n", conn).bytes(1, 0, "=world 0\n", conn);
	}
	t.deepEqual(asked, ["c 80", "a 80", "b 80", "b 81", "c 81", "a 81", "a 82", "b 82", "c 82"]);
	t.is(h.exchanges.length, 3);
});

test("what TLS chose in a handshake that can be read is known to whoever looks at the plaintext above it", (t) => {
	const seen: (string | null)[] = [];
	const tls: ParserPlugin = {
		...lineParser,
		protocol: "tls",
		detect: (client) => (client[0] === 22 ? "yes" : "no"),
		create: () => ({
			data: (dir, bytes, out) => {
				if (dir === 1) {
					out.note("tls.next_protocol", "h2");
					out.opaque("encrypted");
				}
				return bytes.length;
			},
			gap: () => false,
			resync: () => ({ skip: 0 }),
			end: () => {},
		}),
	};
	const above: ParserPlugin = {
		...lineParser,
		protocol: "above",
		detect: (_client, _server, hint) => {
			seen.push(hint.alpn);
			return "no";
		},
	};
	const h = new Harness({}, [tls, above]).open(1);
	h.bytes(0, 0, "\x16hello").bytes(1, 0, "\x16hello").open(2, "server", { layer: "plaintext", lower: 1, bases: null });
	h.bytes(0, 0, "plain", 2);
	h.open(3, "server", { layer: "plaintext", lower: null, bases: null, client: { address: "127.0.0.1", port: 9 } });
	h.bytes(0, 0, "plain", 3);
	t.deepEqual(seen, ["h2", null]);
});
