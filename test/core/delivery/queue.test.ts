import test from "ava";
import fc from "fast-check";
import { ExchangeQueue, type WhenFull } from "../../../core/delivery/queue.js";
import { type Releasable, weightOf } from "../../../core/delivery/releasable.js";
import type { Exchange } from "../../../core/index.js";
import { numbered, sampleBody, sampleExchange, sampleMessage } from "../sample-exchange.js";

function queue(whenFull: WhenFull, maxExchanges: number, maxBytes = 2 ** 30): ExchangeQueue {
	return new ExchangeQueue({ whenFull, maxExchanges, maxBytes });
}

const operations = (batch: readonly Exchange[]) => batch.map((exchange) => Number(exchange.summary.operation));

test("first in, first out, also when the ring grows while it is wrapped", (t) => {
	const under = queue("drop_oldest", 10_000);
	for (const exchange of numbered(1000)) under.push(exchange);
	t.deepEqual(operations(under.take(700, 2 ** 30)), operations(numbered(700)));
	for (const exchange of numbered(4000, 1000)) under.push(exchange);
	t.is(under.count, 4300);
	t.deepEqual(operations(under.take(5000, 2 ** 30)), operations(numbered(4300, 700)));
	t.is(under.bytes, 0);
});

test("drop_oldest keeps the newest, drop_newest the oldest", (t) => {
	const oldest = queue("drop_oldest", 3);
	const newest = queue("drop_newest", 3);
	for (const exchange of numbered(5)) {
		oldest.push(exchange);
		newest.push(exchange);
	}
	t.deepEqual(operations(oldest.take(9, 2 ** 30)), [2, 3, 4]);
	t.deepEqual(operations(newest.take(9, 2 ** 30)), [0, 1, 2]);
	t.is(oldest.dropped, 2);
	t.is(newest.dropped, 2);
	t.is(oldest.countHighWater, 3);
});

test("block takes everything and says that it is full", (t) => {
	const under = queue("block", 2);
	for (const exchange of numbered(5)) under.push(exchange);
	t.true(under.full);
	t.is(under.dropped, 0);
	t.is(under.take(9, 2 ** 30).length, 5);
	t.false(under.full);
});

test("bytes count too, and a single exchange beyond the limit still gets through", (t) => {
	const under = queue("drop_oldest", 100, 5000);
	const large = sampleExchange({ response: sampleMessage({ body: sampleBody("x".repeat(9000)) }) });
	under.push(sampleExchange());
	under.push(large);
	t.is(under.dropped, 1);
	t.deepEqual(under.take(9, 2 ** 30), [large]);
});

test("a batch ends before the byte that would be too much, but holds at least one", (t) => {
	const under = queue("drop_oldest", 100);
	const all = numbered(10);
	for (const exchange of all) under.push(exchange);
	t.is(under.take(100, weightOf(all[0]!) * 3).length, 3);
	t.is(under.take(100, 1).length, 1);
});

test("what is dropped or cleared is released exactly once", (t) => {
	let released = 0;
	const releasable = (): Exchange & Releasable => ({
		...sampleExchange(),
		holders: 1,
		heldBytes: 10,
		release: () => released++,
	});
	const under = queue("drop_oldest", 2);
	for (let count = 0; count < 5; count++) under.push(releasable());
	t.is(released, 3);
	t.is(under.clear(), 2);
	t.is(released, 5);
});

test("counts add up for any sequence of pushes and takes", (t) => {
	const step = fc.oneof(
		fc.record({ push: fc.integer({ min: 0, max: 3000 }) }),
		fc.record({ take: fc.integer({ min: 1, max: 40 }) }),
	);
	const policy = fc.constantFrom<WhenFull>("drop_oldest", "drop_newest", "block");
	fc.assert(
		fc.property(
			policy,
			fc.integer({ min: 1, max: 20 }),
			fc.array(step, { maxLength: 200 }),
			(whenFull, most, steps) => {
				const under = queue(whenFull, most, 20_000);
				let pushed = 0;
				let taken = 0;
				let last = -1;
				for (const one of steps) {
					if ("push" in one) {
						const body = sampleBody("y".repeat(one.push));
						const summary = { operation: String(pushed++), result: "" };
						under.push(sampleExchange({ summary, response: sampleMessage({ body }) }));
					} else {
						for (const number of operations(under.take(one.take, 10_000))) {
							if (number <= last) return false;
							last = number;
							taken++;
						}
					}
					if (whenFull !== "block" && under.count > most) return false;
					if (pushed !== taken + under.dropped + under.count) return false;
				}
				under.clear();
				return under.bytes === 0;
			},
		),
		{ seed: 20260102, numRuns: 200 },
	);
	t.pass();
});
