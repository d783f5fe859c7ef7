import test from "ava";
import { Batch } from "../../../core/delivery/batch.js";
import { Lane, laneOf } from "../../../core/delivery/lane.js";
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
