import test from "ava";
import { Delivery } from "../../../core/delivery/delivery.js";
import type { Releasable } from "../../../core/delivery/releasable.js";
import type { Exchange } from "../../../core/index.js";
import { Redactor } from "../../../core/redaction/redactor.js";
import { compileFilter } from "../../../core/routing/filter.js";
import { sampleExchange, sampleMessage } from "../sample-exchange.js";

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

const errors: unknown[] = [];
const listener = {
	queueFull: () => {},
	writeFailed: () => {},
	redactionFailed: (error: unknown) => errors.push(error),
};

function sinkInto(got: Exchange[]) {
	return {
		maxInFlight: 1,
		open: async () => {},
		close: async () => {},
		write: async (batch: readonly Exchange[]) => void got.push(...batch),
	};
}

function made(path: string, onRelease = () => {}): Exchange & Releasable {
	const request = sampleMessage({ attributes: { "url.path": path }, headers: [["Cookie", "secret"]] });
	return { ...sampleExchange({ request }), holders: 0, heldBytes: 5, release: onRelease };
}

test("each sink gets what its filter wants, redacted, although the filter saw more; what nobody wants is released", async (t) => {
	const delivery = new Delivery(listener, Redactor.of([{ attributes: ["url.path"] }]));
	const all: Exchange[] = [];
	const orders: Exchange[] = [];
	const none: Exchange[] = [];
	delivery.add("orders", sinkInto(orders), options, compileFilter({ paths: ["/orders/**"] }));
	delivery.add("none", sinkInto(none), options, compileFilter({ ports: [1] }));
	let released = 0;
	for (const path of ["/a", "/orders/1", "/orders/2"]) delivery.emit(made(path, () => released++));
	t.is(released, 3);
	delivery.add("all", sinkInto(all), options);
	delivery.emit(made("/b"));
	await delivery.flush(1_000);
	t.deepEqual([orders.length, none.length, all.length], [2, 0, 1]);
	t.false(JSON.stringify([orders, all]).match(/secret|orders\/[12]/) !== null);
	const counters = delivery.counters();
	t.deepEqual([counters.orders?.offered, counters.orders?.filtered], [2, 2]);
	t.deepEqual([counters.none?.offered, counters.none?.filtered], [0, 4]);
	t.is(counters.all?.filtered, undefined);
});

test("where a filter or redaction throws the exchange goes nowhere, is released and counted", async (t) => {
	const delivery = new Delivery(listener, Redactor.of([]));
	const got: Exchange[] = [];
	delivery.add("out", sinkInto(got), options);
	let released = 0;
	const bad = made("/", () => released++);
	Object.defineProperty(bad, "annotations", {
		get: () => {
			throw new Error("no");
		},
	});
	delivery.emit(bad);
	delivery.emit(made("/", () => released++));
	await delivery.flush(1_000);
	t.is(got.length, 1);
	t.is(released, 2);
	t.is(errors.length, 1);
	t.is(delivery.redactionCounters().redaction_failed, 1);
});
