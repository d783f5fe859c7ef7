import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { Delivery } from "../../../core/delivery/delivery.js";
import type { Releasable } from "../../../core/delivery/releasable.js";
import type { Exchange, Sink } from "../../../core/index.js";
import { numbered, sampleExchange } from "../sample-exchange.js";

const options = {
	whenFull: "drop_oldest",
	maxExchanges: 1000,
	maxBytes: 2 ** 30,
	batchExchanges: 10,
	batchBytes: 2 ** 30,
	writeTimeoutMs: 10_000,
	maxRetries: 0,
	retryMs: 1,
	retryMaxMs: 30_000,
	batchMs: 0,
} as const;

const listener = { queueFull: () => {}, writeFailed: () => {} };

function sinkOf(write: Sink["write"]): Sink {
	return { maxInFlight: 1, open: async () => {}, close: async () => {}, write };
}

function releasable(onRelease: () => void): Exchange & Releasable {
	return { ...sampleExchange(), holders: 0, heldBytes: 5, release: onRelease };
}

test("every sink gets everything, and one that fails or hangs leaves the others alone", async (t) => {
	const got: string[] = [];
	const delivery = new Delivery(listener);
	delivery.add(
		"good",
		sinkOf(async (batch) => void got.push(...batch.map((one) => one.summary.operation))),
		options,
	);
	delivery.add(
		"failing",
		sinkOf(async () => {
			throw new Error("no");
		}),
		options,
	);
	delivery.add(
		"hanging",
		sinkOf(() => new Promise(() => {})),
		options,
	);
	for (const exchange of numbered(50)) delivery.emit(exchange);
	await delivery.flush(2_000);
	t.is(got.length, 50);
	const counters = delivery.counters();
	t.is(counters.good?.written, 50);
	t.is(counters.failing?.failed, 50);
	t.is(counters.hanging?.dropped_at_stop, 50);
});

test("an exchange is released once, after the last sink is done with it", async (t) => {
	let released = 0;
	let slowDone = false;
	const delivery = new Delivery(listener);
	delivery.add(
		"fast",
		sinkOf(async () => {}),
		options,
	);
	delivery.add(
		"slow",
		sinkOf(async () => {
			await delay(20);
			t.is(released, 0);
			slowDone = true;
		}),
		options,
	);
	delivery.emit(releasable(() => released++));
	await delivery.flush(60_000);
	t.true(slowDone);
	t.is(released, 1);
});

test("with one sink, and with none, it is released too", async (t) => {
	let released = 0;
	const one = new Delivery(listener);
	one.add(
		"only",
		sinkOf(async () => {}),
		options,
	);
	one.emit(releasable(() => released++));
	await one.flush(60_000);
	t.is(released, 1);
	new Delivery(listener).emit(releasable(() => released++));
	t.is(released, 2);
});
