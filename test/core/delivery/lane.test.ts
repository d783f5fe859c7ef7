import test from "ava";
import { Batch } from "../../../core/delivery/batch.js";
import { Lane, laneOf } from "../../../core/delivery/lane.js";
import { ConnectionFacts } from "../../../core/engine/facts.js";
import { sampleExchange } from "../sample-exchange.js";
import { exchangeOf } from "./spool/harness.js";

test("a connection has one lane, and many connections have them all", (t) => {
	const lanes = new Map<string, number>();
	for (let number = 0; number < 1_000; number++) {
		const exchange = exchangeOf(number, 50);
		const lane = laneOf(exchange, 4);
		t.is(lanes.get(exchange.connection.id) ?? lane, lane);
		lanes.set(exchange.connection.id, lane);
	}
	t.deepEqual([...new Set(lanes.values())].sort(), [0, 1, 2, 3]);
});

test("the engine's own connections and their plain copies have the same lane", (t) => {
	for (let port = 1; port < 200; port++) {
		const [client, server] = [
			{ address: "10.0.0.1", port },
			{ address: "10.0.0.2", port: 80 },
		];
		const facts = new ConnectionFacts({
			transport: "tcp",
			client,
			server,
			bases: [port, 7],
			layer: "transport",
			netns: null,
			fromStart: true,
			group: null,
		});
		const { id, transport } = facts;
		const plain = { id, transport, client: facts.client, server: facts.server, tls: null };
		t.is(laneOf(sampleExchange({ connection: facts }), 5), laneOf(sampleExchange({ connection: plain }), 5));
	}
});

test("what failed comes again in its order, one by one", (t) => {
	const lane = new Lane(0, 4);
	t.true(lane.hasRoom);
	for (const number of [2, 0, 1]) lane.add(Object.assign(new Batch([]), { number }));
	t.deepEqual(
		lane.retries.map(({ number }) => number),
		[0, 1, 2],
	);
	lane.underWay = 1;
	t.false(lane.hasRoom);
	lane.underWay = 0;
	t.true(lane.hasRoom);
	lane.isFailing = true;
	t.false(lane.hasRoom);
});
