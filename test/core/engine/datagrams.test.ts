import test from "ava";
import type { Direction } from "../../../core/index.js";
import dns from "../../../parsers/dns/index.js";
import http1 from "../../../parsers/http1/index.js";
import { a, message, RESPONSE } from "../../parsers/dns/talk.js";
import { Harness } from "./harness.js";

const question = (id: number): Buffer => message({ id, asked: "a.test" });
const answer = (id: number): Buffer => message({ id, asked: "a.test", bits: RESPONSE, answers: [a(192, 0, 2, id)] });

function say(harness: Harness, conn: number, dir: Direction, data: Uint8Array): void {
	harness.nowUs += 10;
	harness.feed({ kind: "datagram", conn, dir, tsUs: harness.nowUs, data: new Uint8Array(data) });
}
const udp = { transport: "udp", bases: null } as const;

test("datagrams reach a parser that is for them, each in one call", (t) => {
	const harness = new Harness({}, [http1, dns]).open(1, "server", udp);
	for (const id of [1, 2]) {
		say(harness, 1, 0, question(id));
		say(harness, 1, 1, answer(id));
	}
	t.deepEqual(
		harness.exchanges.map(({ summary, outcome, connection }) => [
			summary.operation,
			summary.result,
			outcome,
			connection.transport,
		]),
		[1, 2].map(() => ["A a.test", "NOERROR 1", "ok", "udp"]),
	);
	t.is(harness.engine.counters().datagrams, 4);
});

test("an answer that comes before its question waits for it, also behind another one", (t) => {
	const harness = new Harness({}, [dns]).open(1, "server", udp);
	say(harness, 1, 0, question(3));
	say(harness, 1, 1, answer(2));
	say(harness, 1, 1, answer(3));
	say(harness, 1, 0, question(2));
	t.deepEqual(harness.exchanges.map(({ outcome }) => outcome).sort(), ["ok", "ok"]);
});

test("both ends of a datagram are one; the same question asked again is another", (t) => {
	const harness = new Harness({}, [dns]).open(1, "client", udp).open(2, "server", udp);
	for (const conn of [1, 2]) say(harness, conn, 0, question(1));
	for (const conn of [1, 2]) say(harness, conn, 0, question(1));
	for (const conn of [2, 1]) say(harness, conn, 1, answer(1));
	harness.engine.tick(harness.nowUs + 100_000);
	harness.engine.sourceEnded(harness.source, harness.nowUs + 200_000);
	t.deepEqual(harness.exchanges.map(({ outcome }) => outcome).sort(), ["ok", "unanswered"]);
	const { datagrams, datagrams_duplicate: copies } = harness.engine.counters();
	t.deepEqual([datagrams, copies], [3, 3]);
	const answered = harness.exchanges.find(({ outcome }) => outcome === "ok");
	t.deepEqual(answered?.observedBy.map(({ vantage }) => vantage).sort(), ["client", "server"]);
});

test("what is for streams alone is not asked about datagrams", (t) => {
	const harness = new Harness({}, [http1]).open(1, "server", udp);
	say(harness, 1, 0, Buffer.from("GET / HTTP/1.1\r\n\r\n"));
	t.is(harness.exchanges.length, 0);
	t.is(harness.engine.counters().connections_opaque, 1);
});
