import test from "ava";
import { type ParserPlugin, WAIT } from "../../../core/index.js";
import { Harness } from "./harness.js";
import { lineParser } from "./line-parser.js";

test("a request and its response become one exchange", (t) => {
	const h = new Harness().open().bytes(0, 0, "get\n").bytes(1, 0, "=ok 5\nhello");
	t.deepEqual(h.lines, ["get→ok ok"]);
	const [x] = h.exchanges;
	t.is(x!.id.slice(16), "000003e800000000");
	t.is(x!.idScope, "network");
	t.is(x!.durationUs, 10);
	t.is(x!.response!.bytes, 11);
	t.deepEqual(x!.response!.body, {
		bytes: 5,
		captured: 5,
		completeness: "complete",
		gaps: [],
		encoding: "utf8",
		data: "hello",
	});
	t.deepEqual(x!.observedBy, [
		{ source: "test", type: "test", vantage: "server", startedAt: x!.startedAt, durationUs: 10 },
	]);
});

test("bytes that trickle in one by one give the same exchange", (t) => {
	const whole = "one\ntwo\n";
	const answer = "=a 3\nxyz=b\n";
	const h = new Harness().open();
	for (let i = 0; i < whole.length; i++) h.bytes(0, i, whole[i]!);
	for (let i = 0; i < answer.length; i++) h.bytes(1, i, answer[i]!);
	t.deepEqual(h.lines, ["one→a ok", "two→b ok"]);
	t.is(h.exchanges[0]!.response!.body.data, "xyz");
	t.is(h.exchanges[1]!.request!.startedAt, "2023-11-14T22:13:20.000050Z");
});

test("a chunk out of order waits for the one before it", (t) => {
	const h = new Harness().open().bytes(0, 0, "get\n").bytes(1, 6, "hello").bytes(1, 0, "=ok 5\n");
	t.deepEqual(h.lines, ["get→ok ok"]);
	t.is(h.exchanges[0]!.response!.body.data, "hello");
	t.is(h.counters.bytes_missing, 0);
});

test("a second copy of bytes is dropped by position", (t) => {
	const h = new Harness().open().bytes(0, 0, "get\n").bytes(0, 0, "get\n").bytes(0, 2, "t\n").bytes(1, 0, "=ok\n");
	t.deepEqual(h.lines, ["get→ok ok"]);
	t.is(h.counters.bytes_duplicate, 6);
});

test("a hole inside a body becomes a gap with its exact range after the merge window", (t) => {
	const h = new Harness().open().bytes(0, 0, "get\n").bytes(1, 0, "=ok 10\nab").bytes(1, 14, "hij");
	t.deepEqual(h.lines, []);
	h.pass(60_000);
	t.deepEqual(h.lines, ["get→ok ok"]);
	const { body } = h.exchanges[0]!.response!;
	t.deepEqual(body, {
		bytes: 10,
		captured: 5,
		completeness: "gap",
		gaps: [{ from: 2, to: 7, cause: "missed" }],
		encoding: "utf8",
		data: "abhij",
	});
	t.is(h.counters.bytes_missing_missed, 5);
});

test("a gap that the source names keeps its cause, also at the end of a message", (t) => {
	const h = new Harness().open().bytes(0, 0, "get\n").bytes(1, 0, "=ok 10\nab").gap(1, 9, 8, "sendfile").pass(60_000);
	t.deepEqual(h.exchanges[0]!.response!.body.gaps, [{ from: 2, to: 10, cause: "sendfile" }]);
});

test("a named gap is healed by bytes that come within the merge window", (t) => {
	const h = new Harness().open().bytes(0, 0, "get\n").bytes(1, 0, "=ok 4\n").gap(1, 6, 4, "sendfile");
	h.bytes(1, 6, "abcd").pass(60_000);
	t.is(h.exchanges[0]!.response!.body.completeness, "complete");
	t.is(h.counters.bytes_missing, 0);
});

test("a hole that nothing will fill is not waited for, unless another end brings the bytes", (t) => {
	const alone = new Harness().open().bytes(0, 0, "get\n").bytes(1, 0, "=ok 10\nab");
	alone.feed({
		kind: "gap",
		conn: 1,
		dir: 1,
		tsUs: alone.nowUs,
		offset: 9,
		length: 8,
		cause: "ring-full",
		isFinal: true,
	});
	t.is(alone.exchanges.length, 1);
	t.deepEqual(alone.exchanges[0]!.response?.body.gaps, [{ from: 2, to: 10, cause: "ring-full" }]);
	const both = new Harness().open(1, "client").open(2, "server");
	both.bytes(0, 0, "get\n", 1).bytes(0, 0, "get\n", 2).bytes(1, 0, "=ok 10\nab", 1);
	both.feed({
		kind: "gap",
		conn: 1,
		dir: 1,
		tsUs: both.nowUs,
		offset: 9,
		length: 8,
		cause: "ring-full",
		isFinal: true,
	});
	both.bytes(1, 0, "=ok 10\nabcdefghij", 2).pass(60_000);
	t.is(both.exchanges[0]!.response?.body.data, "abcdefghij");
});

test("two causes in one hole stay two gaps", (t) => {
	const h = new Harness().open().bytes(0, 0, "get\n").bytes(1, 0, "=ok 10\n");
	h.gap(1, 7, 3, "ring-full").gap(1, 12, 2, "splice").bytes(1, 14, "hij").pass(60_000);
	t.deepEqual(h.exchanges[0]!.response!.body.gaps, [
		{ from: 0, to: 3, cause: "ring-full" },
		{ from: 3, to: 5, cause: "missed" },
		{ from: 5, to: 7, cause: "splice" },
	]);
});

test("a response that overtakes its request still answers it", (t) => {
	const h = new Harness().open().bytes(0, 0, "one\n").bytes(1, 0, "=a\n").bytes(1, 3, "=b\n").bytes(0, 4, "two\n");
	t.deepEqual(h.lines, ["one→a ok", "two→b ok"]);
});

test("a response without a request counts as unmatched when the merge window is over", (t) => {
	const h = new Harness().open().bytes(0, 0, "one\n").bytes(1, 0, "=a\n").bytes(1, 3, "=b\n");
	t.is(h.exchanges.length, 1);
	h.pass(60_000);
	t.deepEqual(h.lines, ["one→a ok", "→b partial"]);
	t.is(h.exchanges[1]!.request, null);
	t.is(h.exchanges[1]!.id.slice(16), "000007d380000000");
});

test("a response without a request holds the ones behind it no longer than the merge window, also where requests go on", (t) => {
	const h = new Harness().open().bytes(0, 0, "one\n").bytes(1, 0, "=a\n").gap(0, 4, 4, "ring-full").pass(60_000);
	h.bytes(1, 3, "=b\n");
	for (let i = 0; i < 20; i++) {
		h.bytes(0, 8 + i * 4, "and\n")
			.bytes(1, 6 + i * 3, "=c\n")
			.pass(10_000);
	}
	t.deepEqual(h.lines.slice(0, 3), ["one→a ok", "→b partial", "and→c ok"]);
	t.is(h.lines.length, 22);
});

test("who waits is asked again when the other direction was shown more, also where nothing of that was consumed", (t) => {
	let shown = 0;
	let shownBefore = -1;
	const parser: ParserPlugin = {
		...lineParser,
		create: () => ({
			data: (dir, bytes, out) => {
				if (dir === 1) {
					// not whole yet, and tells enough
					shown = bytes.length;
					return 0;
				}
				if (shown < 2 && !out.mustProceed) return WAIT;
				shownBefore = shown;
				return bytes.length;
			},
			gap: () => false,
			resync: () => ({ skip: 0 }),
			end: () => {},
		}),
	};
	const h = new Harness({}, [parser]).open().bytes(0, 0, "get\n").bytes(1, 0, "=").bytes(1, 1, "o").bytes(1, 2, "k");
	t.is(shownBefore, 2);
	t.deepEqual(h.failures, []);
});

test("where both directions wait, the one that was not asked since is asked again, once", (t) => {
	const seen: string[] = [];
	let isLost = false;
	const parser: ParserPlugin = {
		...lineParser,
		create: () => ({
			data: (dir, bytes, out) => {
				seen.push(`${dir} ${bytes.length} ${out.mustProceed}`);
				if (dir === 1) isLost = true;
				// the first waits for what the second finds out, which waits for what the first says then
				const mayGoOn = dir === 0 ? isLost : seen.at(-2) === "0 4 false" && seen.length > 3;
				return mayGoOn || out.mustProceed ? bytes.length : WAIT;
			},
			gap: () => false,
			resync: () => ({ skip: 0 }),
			end: () => {},
		}),
	};
	const h = new Harness({}, [parser]).open().bytes(0, 0, "get\n").bytes(1, 0, "=ok\n");
	t.deepEqual(seen, ["0 4 false", "1 4 false", "0 4 false", "1 4 false"]);
	h.pass(60_000);
	t.is(seen.length, 4);
	t.deepEqual(h.failures, []);
});

test("responses pair by tag in any order", (t) => {
	const h = new Harness().open().bytes(0, 0, "one#1\ntwo#2\n").bytes(1, 0, "=b#2\n=a#1\n");
	t.deepEqual(h.lines, ["two→b ok", "one→a ok"]);
});

test("a request that nobody answers is emitted once, and a late answer refers to it", (t) => {
	const h = new Harness({ requestTimeoutUs: 1_000_000 }).open().bytes(0, 0, "one\n").pass(3_000_000);
	t.deepEqual(h.lines, ["one→ unanswered"]);
	h.bytes(1, 0, "=a\n").bytes(0, 4, "two\n").bytes(1, 3, "=b\n");
	t.deepEqual(h.lines, ["one→ unanswered", "→a partial", "two→b ok"]);
	t.is(h.exchanges[1]!.parentId, h.exchanges[0]!.id);
});

test("a lost response does not shift the pairing", (t) => {
	const h = new Harness().open().bytes(0, 0, "one\n").gap(1, 0, 3, "ring-full");
	h.bytes(0, 4, "two\n").bytes(1, 3, "=b\n").bytes(0, 8, "three\n").bytes(1, 6, "=c\n").pass(60_000);
	t.deepEqual(h.lines, ["one→ partial", "two→b ok", "three→c ok"]);
});

test("a lost request does not shift the pairing", (t) => {
	const h = new Harness().open().bytes(0, 0, "one\n").bytes(1, 0, "=a\n");
	h.gap(0, 4, 4, "ring-full").bytes(1, 3, "=b\n").bytes(0, 8, "three\n").bytes(1, 6, "=c\n").pass(60_000).pass(60_000);
	t.deepEqual(h.lines, ["one→a ok", "→b partial", "three→c ok"]);
});

test("the answer to a request that was lost at the very start goes to nobody else", (t) => {
	const h = new Harness().open().gap(0, 0, 4, "ring-full").bytes(1, 0, "=a\n").bytes(0, 4, "two\n").bytes(1, 3, "=b\n");
	h.pass(60_000).pass(60_000);
	t.deepEqual(h.lines, ["→a partial", "two→b ok"]);
});

test("an answer that was under way at a late join goes to nobody", (t) => {
	const h = new Harness().open(1, "server").bytes(1, 900, "=a\n").bytes(0, 500, "two\n").bytes(1, 903, "=b\n");
	h.pass(60_000).pass(60_000);
	t.deepEqual(h.lines, ["→a partial", "two→b ok"]);
});

test("an answer and the request after it are lost: the next answer goes to neither", (t) => {
	const h = new Harness().open().bytes(0, 0, "one\n").bytes(1, 0, "=a\n").bytes(0, 4, "two\n");
	// `=b` and `three` are lost
	h.gap(1, 3, 3, "ring-full").gap(0, 8, 6, "ring-full").bytes(1, 6, "=c\n").bytes(0, 14, "four\n").bytes(1, 9, "=d\n");
	h.pass(60_000).pass(60_000);
	t.deepEqual(h.lines, ["one→a ok", "two→ partial", "→c partial", "four→d ok"]);
});

test("a whole request is lost behind others: its answer is not the next one's", (t) => {
	const h = new Harness().open();
	for (let i = 0; i < 3; i++) h.bytes(0, i * 4, "one\n").bytes(1, i * 3, "=a\n");
	h.bytes(1, 9, "=x\n").gap(0, 12, 4, "ring-full").bytes(0, 16, "two\n").bytes(1, 12, "=b\n").pass(60_000).pass(60_000);
	t.deepEqual(h.lines.slice(3), ["→x partial", "two→b ok"]);
});

test("an end that comes before the other vantage's bytes waits for them", (t) => {
	const h = new Harness().open(1, "client").open(2, "server");
	h.bytes(0, 0, "one\n", 2)
		.bytes(0, 0, "one\n", 1)
		.close([4, 3], "fin", 2)
		.bytes(1, 0, "=a\n", 1)
		.close([4, 3], "fin", 1);
	h.pass(60_000);
	t.deepEqual(h.lines, ["one→a ok"]);
});

test("a close gives what waits: unanswered, aborted after a reset", (t) => {
	const fin = new Harness().open().bytes(0, 0, "one\n").close([4, 0]);
	t.deepEqual(fin.lines, ["one→ unanswered"]);
	const reset = new Harness().open().bytes(0, 0, "one\n").bytes(1, 0, "=a 9\nxx").close([4, 7], "reset");
	t.deepEqual(reset.lines, ["one→a aborted"]);
	t.deepEqual(reset.exchanges[0]!.response!.body.gaps, [{ from: 2, to: null, cause: "reset" }]);
});

test("a message that its sender ended in the middle is aborted", (t) => {
	const h = new Harness().open().bytes(0, 0, "one\n").bytes(1, 0, "=a 9\nxx").close([4, 7], "fin");
	t.deepEqual(h.lines, ["one→a aborted"]);
	t.deepEqual(h.exchanges[0]!.response!.body.gaps, [{ from: 2, to: null, cause: "reset" }]);
	t.is(h.counters.bytes_missing, 0);
});

test("responses that are held when the connection ends all come out", (t) => {
	const h = new Harness().open().bytes(1, 0, "=a\n").bytes(1, 3, "=b\n=c\n").close([0, 9]);
	t.deepEqual(h.lines, ["→a partial", "→b partial", "→c partial"]);
});

test("a close with a final offset names the bytes at the end that never came", (t) => {
	const h = new Harness().open().bytes(0, 0, "one\n").bytes(1, 0, "=a 9\nxx").close([4, 14]).pass(60_000);
	t.deepEqual(h.exchanges[0]!.response!.body.gaps, [{ from: 2, to: 9, cause: "missed" }]);
	t.is(h.counters.bytes_missing, 7);
	t.is(h.counters.connections_open, 0);
});

test("a late join starts at the next message and loses nothing that was whole", (t) => {
	const h = new Harness().open().bytes(0, 5000, "one\n").bytes(1, 9000, "=a\n").pass(60_000);
	t.deepEqual(h.lines, ["one→a ok"]);
	t.is(h.counters.bytes_missing, 0);
	t.is(h.exchanges[0]!.id.slice(16, 24), (6000).toString(16).padStart(8, "0"));
});

test("a sequence base near the wrap gives the right 32-bit id", (t) => {
	const h = new Harness()
		.open(1, "server", { bases: [2 ** 32 - 2, 7] })
		.bytes(0, 0, "one\ntwo\n")
		.bytes(1, 0, "=a\n=b\n");
	t.deepEqual(
		h.exchanges.map((x) => x.id.slice(16, 24)),
		["fffffffe", "00000002"],
	);
});

test("both ends are one connection: one record, observed by both, the server's times", (t) => {
	const h = new Harness().open(1, "client").open(2, "server");
	h.bytes(0, 0, "one\n", 1).bytes(0, 0, "one\n", 2).bytes(1, 0, "=a 2\nhi", 2).bytes(1, 0, "=a 2\nhi", 1);
	t.deepEqual(h.lines, ["one→a ok"]);
	const [x] = h.exchanges;
	t.deepEqual(
		x!.observedBy.map(({ vantage, durationUs }) => [vantage, durationUs]),
		[
			["client", 30],
			["server", 10],
		],
	);
	t.is(x!.durationUs, 10);
	t.is(h.counters.bytes_duplicate, 11);
	t.is(h.counters.connections_opened, 1);
});

test("a hole of one end is healed by the other", (t) => {
	const h = new Harness().open(1, "client").open(2, "server");
	h.bytes(0, 0, "one\n", 1).bytes(0, 0, "one\n", 2).bytes(1, 0, "=a 6\n", 2).bytes(1, 7, "cdef", 2);
	h.bytes(1, 0, "=a 6\nab", 1).bytes(1, 7, "cdef", 1);
	t.deepEqual(h.lines, ["one→a ok"]);
	t.is(h.exchanges[0]!.response!.body.data, "abcdef");
	t.is(h.counters.bytes_missing, 0);
});

test("two copies that differ become a gap", (t) => {
	const h = new Harness().open(1, "client").open(2, "server");
	h.bytes(0, 0, "get\n", 1).bytes(0, 0, "get\n", 2).bytes(1, 0, "=a 6\nabcdef", 2).bytes(1, 0, "=a 6\nabXXef", 1);
	const { body } = h.exchanges[0]!.response!;
	t.deepEqual(body.gaps, [{ from: 2, to: 4, cause: "position-conflict" }]);
	t.is(body.data, "abef");
	t.is(body.bytes, 6);
});

test("an exchange waits for the second vantage no longer than the merge window", (t) => {
	const h = new Harness().open(1, "client").open(2, "server");
	h.bytes(0, 0, "one\n", 1).bytes(0, 0, "one\n", 2).bytes(1, 0, "=a\n", 2);
	t.is(h.exchanges.length, 0);
	h.pass(60_000);
	t.deepEqual(h.lines, ["one→a ok"]);
});

const OWN = { expects: "this-end", bases: null } as const;
const BOTH = { expects: "both-ends", bases: null } as const;
const observers = (h: Harness) =>
	h.exchanges.map(({ observedBy }) =>
		observedBy
			.map(({ vantage }) => vantage)
			.sort()
			.join(" "),
	);

test("a vantage that was opened and whose bytes are expected is waited for", (t) => {
	const h = new Harness().open(1, "client", OWN).open(2, "server", OWN);
	h.bytes(0, 0, "one\n", 2).bytes(1, 0, "=a\n", 2);
	t.is(h.exchanges.length, 0);
	h.pass(40_000).bytes(0, 0, "one\n", 1).bytes(1, 0, "=a\n", 1);
	t.deepEqual(h.lines, ["one→a ok"]);
	t.deepEqual(observers(h), ["client server"]);
});

test("the other end, of which nothing was told yet, is waited for where the source expects it", (t) => {
	const h = new Harness().open(2, "server", BOTH).bytes(0, 0, "one\n", 2).bytes(1, 0, "=a\n", 2);
	t.is(h.exchanges.length, 0);
	h.pass(40_000).open(1, "client", BOTH).bytes(0, 0, "one\n", 1).bytes(1, 0, "=a\n", 1);
	t.deepEqual(observers(h), ["client server"]);
	h.bytes(0, 4, "two\n", 1).bytes(0, 4, "two\n", 2).bytes(1, 3, "=b\n", 2);
	t.is(h.exchanges.length, 1);
	h.bytes(1, 3, "=b\n", 1);
	t.deepEqual(observers(h), ["client server", "client server"]);
});

test("it is waited for no longer than the merge window, and not again", (t) => {
	const h = new Harness().open(2, "server", BOTH);
	h.bytes(0, 0, "one\ntwo\n", 2).bytes(1, 0, "=a\n", 2).pass(20_000).bytes(1, 3, "=b\n", 2);
	t.is(h.exchanges.length, 0);
	h.pass(40_000);
	t.deepEqual(h.lines, ["one→a ok", "two→b ok"]);
	h.bytes(0, 8, "three\n", 2).bytes(1, 6, "=c\n", 2);
	t.deepEqual(observers(h), ["server", "server", "server"]);
});

test("it may come when the connection is over for the first one", (t) => {
	const h = new Harness()
		.open(2, "server", BOTH)
		.bytes(0, 0, "one\n", 2)
		.bytes(1, 0, "=a\n", 2)
		.close([4, 3], "fin", 2);
	t.is(h.exchanges.length, 0);
	h.pass(40_000).open(1, "client", BOTH).bytes(0, 0, "one\n", 1).bytes(1, 0, "=a\n", 1).close([4, 3], "fin", 1);
	t.deepEqual(h.lines, ["one→a ok"]);
	t.deepEqual(observers(h), ["client server"]);
	t.is(h.pass(60_000).counters.connections_open, 0);
	const alone = new Harness().open(2, "server", BOTH).bytes(0, 0, "one\n", 2).bytes(1, 0, "=a\n", 2);
	alone.close([4, 3], "fin", 2).pass(60_000);
	t.deepEqual(observers(alone), ["server"]);
	t.is(alone.counters.connections_open, 0);
});

test("nothing is waited for where nothing is expected", (t) => {
	const h = new Harness().open(2, "server", OWN).bytes(0, 0, "one\n", 2).bytes(1, 0, "=a\n", 2);
	t.deepEqual(observers(h), ["server"]);
	const identified = new Harness().open(1, "client").open(2, "server");
	identified.bytes(0, 0, "one\n", 2).bytes(1, 0, "=a\n", 2);
	t.deepEqual(observers(identified), ["server"]);
});

test("a vantage that comes when the connection is over changes nothing, and is counted", (t) => {
	const h = new Harness().open(1, "client").bytes(0, 0, "get\n", 1).bytes(1, 0, "=ok\n", 1).close([4, 4], "fin", 1);
	t.is(h.exchanges.length, 1);
	h.open(2, "server").bytes(0, 0, "get\n", 2).bytes(1, 0, "=ok\n!", 2).close([4, 5], "fin", 2).pass(200_000);
	t.is(h.exchanges.length, 1);
	t.is(h.counters.bytes_duplicate, 4);
	t.is(h.counters.bytes_orphaned, 5);
	t.is(h.counters.connections_open, 0);
});

test("roles that were guessed wrong are put right by detection", (t) => {
	const picky = { ...lineFrom("client") };
	const h = new Harness({}, [picky]).open(1, "server", { roleKnown: false });
	h.bytes(1, 0, "one\n").bytes(0, 0, "=a\n");
	t.deepEqual(h.lines, ["one→a ok"]);
	t.is(h.exchanges[0]!.connection.client.port, 80);
});

test("an unknown protocol is one connection record, with its bytes counted", (t) => {
	const h = new Harness().open().bytes(0, 0, "\x01\x02\x03\x04").bytes(1, 0, "\x05\x06").close([4, 2]);
	t.deepEqual(h.lines, ["connection tcp connection→unknown-protocol ok"]);
	t.is(h.exchanges[0]!.annotations["polytap.client_to_server.bytes_captured"], 4);
});

test("an exception in a parser costs its connection only", (t) => {
	const h = new Harness().open().open(2, "server", { client: { address: "127.0.0.1", port: 50001 } });
	h.bytes(0, 0, "loop\n").bytes(0, 0, "one\n", 2).bytes(1, 0, "=a\n", 2);
	t.deepEqual(h.lines, ["one→a ok"]);
	t.is(h.failures.length, 1);
	t.is(h.counters.parser_failures, 1);
});

test("a body beyond the limit is truncated, its true length kept", (t) => {
	const h = new Harness({ maxBodyBytes: 4 }).open().bytes(0, 0, "one\n").bytes(1, 0, "=a 9\nabcdefghi");
	const { body } = h.exchanges[0]!.response!;
	t.like(body, { bytes: 9, captured: 4, completeness: "truncated", data: "abcd" });
	t.deepEqual(body.gaps, [{ from: 4, to: 9, cause: "limit" }]);
});

test("payload memory comes back when exchanges are released, and its cap is a named gap", (t) => {
	const h = new Harness({ maxHeldBytes: 512 * 1024 }).open();
	const size = 300_000;
	let request = 0;
	let response = 0;
	const once = (): void => {
		h.bytes(0, request, "get\n");
		request += 4;
		const head = `=ok ${size}\n`;
		h.bytes(1, response, head).bytes(1, response + head.length, new Uint8Array(size));
		response += head.length + size;
	};
	for (let i = 0; i < 20; i++) {
		once();
		(h.exchanges[i] as unknown as { release(): void }).release();
	}
	t.true(h.exchanges.every((x) => x.response!.body.completeness === "complete"));
	for (let i = 0; i < 4; i++) once();
	const last = h.exchanges.at(-1)!.response!.body;
	t.is(last.completeness, "gap");
	t.is(last.gaps[0]!.cause, "cap");
	t.is(last.bytes, size);
});

test("connections over the cap are ended and counted", (t) => {
	const h = new Harness({ maxConnections: 2 });
	for (let i = 1; i <= 3; i++) h.open(i, "server", { client: { address: "127.0.0.1", port: 50000 + i } });
	t.is(h.counters.connections_evicted, 1);
	t.is(h.counters.connections_open, 2);
});

test("captured and missing bytes add up to the final offsets", (t) => {
	const h = new Harness({ connectionRecords: true }).open();
	h.bytes(0, 0, "one\n")
		.bytes(1, 0, "=a 9\nxx")
		.gap(1, 7, 3, "ring-full")
		.bytes(1, 12, "yy")
		.close([4, 20])
		.pass(99_000);
	const record = h.exchanges.find((x) => x.kind === "connection")!;
	t.like(record.annotations, {
		"polytap.client_to_server.bytes_captured": 4,
		"polytap.server_to_client.bytes_captured": 9,
		"polytap.server_to_client.bytes_missing": 11,
		"polytap.server_to_client.bytes_missing.ring-full": 3,
		"polytap.server_to_client.bytes_missing.missed": 8,
	});
});

test("annotations reach the exchange whose bytes they speak of", (t) => {
	const h = new Harness().open();
	h.feed({ kind: "annotate", conn: 1, dir: 0, fromOffset: 4, toOffset: 8, attributes: { thread: "worker-1" } });
	h.bytes(0, 0, "one\ntwo\n").bytes(1, 0, "=a\n=b\n");
	t.deepEqual(
		h.exchanges.map((x) => x.annotations),
		[{}, { thread: "worker-1" }],
	);
});

/** Says yes only where the requests come from the side that is called so. */
function lineFrom(_side: "client"): typeof lineParser {
	return {
		...lineParser,
		detect: (client) => (client.length < 3 ? "more" : client[0] === 61 ? "no" : "yes"),
	};
}
