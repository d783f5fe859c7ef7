import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { Outlet, type OutletOptions } from "../../../core/delivery/outlet.js";
import type { Releasable } from "../../../core/delivery/releasable.js";
import { type Exchange, Partial as PartialWrite, Permanent, Retryable, type Sink } from "../../../core/index.js";
import { numbered, sampleExchange } from "../sample-exchange.js";
import { exchangeOf, numberOf } from "./spool/harness.js";

/** Never waited for in full, however busy the machine is. */
const LONG_MS = 60_000;

const options: OutletOptions = {
	whenFull: "drop_oldest",
	maxExchanges: 100,
	maxBytes: 2 ** 30,
	batchExchanges: 10,
	batchBytes: 2 ** 30,
	writeTimeoutMs: 10_000,
	maxRetries: 3,
	retryMs: 1,
	retryMaxMs: 30_000,
	batchMs: 0,
};

type Write = (batch: readonly Exchange[], signal: AbortSignal) => Promise<void>;

function outletOf(write: Write, overrides: Partial<OutletOptions> = {}, maxInFlight = 1, keepsOrder = false) {
	const plain: Sink = { maxInFlight, open: async () => {}, close: async () => {}, write };
	const sink: Sink = keepsOrder ? { ...plain, keepsOrder } : plain;
	const told: string[] = [];
	const outlet = new Outlet(
		"s",
		sink,
		{ ...options, ...overrides },
		{
			queueFull: (name, dropped) => told.push(`${name} full ${dropped}`),
			writeFailed: (name, count, error) => told.push(`${name} failed ${count} ${(error as Error).message}`),
		},
	);
	return { outlet, told };
}

function offer(outlet: Outlet, exchanges: readonly Exchange[]): void {
	for (const exchange of exchanges) outlet.offer(exchange);
}

test("writes all, in order, in batches", async (t) => {
	const batches: string[][] = [];
	const { outlet } = outletOf(async (batch) => {
		batches.push(batch.map((exchange) => exchange.summary.operation));
		await delay(1);
	});
	offer(outlet, numbered(35));
	await outlet.flush(LONG_MS);
	t.deepEqual(
		batches.flat(),
		numbered(35).map((exchange) => exchange.summary.operation),
	);
	t.true(batches.every((batch) => batch.length <= 10));
	const { offered, written, waiting } = outlet.counters();
	t.deepEqual({ offered, written, waiting }, { offered: 35, written: 35, waiting: 0 });
});

test("a part of a batch is written at the next tick", async (t) => {
	let written = 0;
	const { outlet } = outletOf(async (batch) => void (written += batch.length));
	offer(outlet, numbered(3));
	await delay(5);
	t.is(written, 0);
	outlet.tick(performance.now());
	for (let i = 0; i < 4_000 && written === 0; i++) await delay(5);
	t.is(written, 3);
});

for (const keepsOrder of [false, true])
	test(`never more writes at once than the sink wants, ${keepsOrder ? "of all" : "of different"} connections`, async (t) => {
		let now = 0;
		let most = 0;
		const connections: string[] = [];
		const { outlet } = outletOf(
			async (batch) => {
				const mine = new Set(batch.map(({ connection }) => connection.id));
				if (!keepsOrder) t.false(connections.some((id) => mine.has(id)));
				connections.push(...mine);
				most = Math.max(most, ++now);
				await delay(2);
				now--;
				for (const id of mine) connections.splice(connections.indexOf(id), 1);
			},
			{},
			3,
			keepsOrder,
		);
		for (let number = 0; number < 80; number++) outlet.offer(exchangeOf(number, 20));
		await outlet.flush(LONG_MS);
		t.is(most, 3);
		t.is(outlet.counters().written, 80);
	});

test("one connection is written in its order, whatever fails and however long it takes", async (t) => {
	let seed = 7;
	const random = () => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
	const seen: Exchange[] = [];
	const { outlet } = outletOf(
		async (batch) => {
			await delay(random() * 4);
			const chance = random();
			if (chance < 0.3) throw new Retryable("busy");
			const taken = chance < 0.4 ? batch.length >> 1 : batch.length;
			seen.push(...batch.slice(0, taken));
			if (taken < batch.length)
				throw new PartialWrite(
					"half of it",
					batch.map((_, index) => index).filter((index) => index >= taken),
					true,
				);
		},
		{ maxRetries: 1_000, maxExchanges: 10_000 },
		4,
	);
	for (let number = 0; number < 1_000; number++) outlet.offer(exchangeOf(number, 13));
	await outlet.flush(LONG_MS);
	t.is(seen.length, 1_000);
	for (let connection = 0; connection < 13; connection++) {
		const numbers = seen.map(numberOf).filter((number) => number % 13 === connection);
		t.deepEqual(
			numbers,
			[...numbers].sort((a, b) => a - b),
		);
	}
});

test("a sink that keeps its order itself gets what failed again from the first failure on, in order", async (t) => {
	const got: number[] = [];
	let last: Promise<void> = Promise.resolve();
	let underWay = 0;
	let isBroken = false;
	let calls = 0;
	const { outlet } = outletOf(
		async (batch) => {
			const number = calls++;
			underWay++;
			const turn = last.then(async () => {
				await delay(1);
				isBroken ||= number % 5 === 2;
				if (isBroken) throw new Retryable("not now");
				got.push(...batch.map(numberOf));
			});
			last = turn
				.catch(() => undefined)
				.then(() => {
					if (--underWay === 0) isBroken = false;
				});
			await turn;
		},
		{ maxRetries: 1_000, maxExchanges: 10_000 },
		4,
		true,
	);
	for (let number = 0; number < 300; number++) outlet.offer(exchangeOf(number));
	await outlet.flush(LONG_MS);
	t.deepEqual(
		got,
		Array.from({ length: 300 }, (_, number) => number),
	);
});

test("a part of a batch waits for more as long as it may", async (t) => {
	let written = 0;
	const { outlet } = outletOf(async (batch) => void (written += batch.length), { batchMs: 1_000 });
	offer(outlet, numbered(3));
	outlet.tick(5_000);
	outlet.tick(5_500);
	await delay(20);
	t.is(written, 0);
	outlet.tick(6_000);
	for (let i = 0; i < 4_000 && written === 0; i++) await delay(5);
	t.is(written, 3);
});

test("a retryable failure is tried again, a bounded number of times", async (t) => {
	let calls = 0;
	const heals = outletOf(async () => {
		if (++calls < 3) throw new Retryable("busy");
	});
	offer(heals.outlet, numbered(4));
	await heals.outlet.flush(LONG_MS);
	t.is(calls, 3);
	t.is(heals.outlet.counters().written, 4);
	t.is(heals.outlet.counters().retries, 2);

	const never = outletOf(async () => {
		throw new Retryable("busy");
	});
	offer(never.outlet, numbered(4));
	await never.outlet.flush(LONG_MS);
	t.is(never.outlet.counters().failed, 4);
	t.is(never.outlet.counters().retries, 3);
	t.deepEqual(never.told, ["s failed 4 busy"]);
});

test("a permanent failure, or any other exception, costs its batch only", async (t) => {
	let calls = 0;
	const { outlet, told } = outletOf(async () => {
		calls++;
		if (calls === 1) throw new Permanent("refused");
		if (calls === 2) throw new TypeError("a bug");
	});
	offer(outlet, numbered(30));
	await outlet.flush(LONG_MS);
	t.is(outlet.counters().failed, 20);
	t.is(outlet.counters().written, 10);
	t.deepEqual(told, ["s failed 10 refused", "s failed 10 a bug"]);
});

test("a sink that throws at once instead of rejecting is no different", async (t) => {
	const { outlet } = outletOf(() => {
		throw new Error("not even a promise");
	});
	t.notThrows(() => offer(outlet, numbered(10)));
	await outlet.flush(LONG_MS);
	t.is(outlet.counters().failed, 10);
});

test("of a partial failure only the rest is tried again", async (t) => {
	const seen: string[][] = [];
	const { outlet } = outletOf(async (batch) => {
		seen.push(batch.map((exchange) => exchange.summary.operation));
		if (seen.length === 1) throw new PartialWrite("two were refused", [1, 3, 99], true);
	});
	offer(outlet, numbered(5));
	await outlet.flush(LONG_MS);
	t.deepEqual(seen, [
		["0", "1", "2", "3", "4"],
		["1", "3"],
	]);
	t.is(outlet.counters().written, 5);

	const hopeless = outletOf(async () => {
		throw new PartialWrite("one was refused", [0], false);
	});
	offer(hopeless.outlet, numbered(5));
	await hopeless.outlet.flush(LONG_MS);
	t.is(hopeless.outlet.counters().written, 4);
	t.is(hopeless.outlet.counters().failed, 1);
});

test("a write that takes too long is aborted, and tried again", async (t) => {
	let calls = 0;
	const { outlet } = outletOf(
		(_, signal) =>
			++calls > 1
				? Promise.resolve()
				: new Promise((_resolve, reject) => {
						signal.addEventListener("abort", () => reject(signal.reason));
					}),
		{ writeTimeoutMs: 20 },
	);
	offer(outlet, numbered(10));
	await delay(5);
	outlet.tick(performance.now() + 1000);
	await outlet.flush(LONG_MS);
	t.is(outlet.counters().timeouts, 1);
	t.is(outlet.counters().written, 10);
});

test("a sink that hangs for ever: offering stays cheap, memory stays bounded, all is counted", async (t) => {
	let released = 0;
	const { outlet, told } = outletOf(() => new Promise(() => {}), { writeTimeoutMs: 10 });
	for (let count = 0; count < 10_000; count++) {
		const exchange: Exchange & Releasable = {
			...sampleExchange(),
			holders: 1,
			heldBytes: 0,
			release: () => released++,
		};
		outlet.offer(exchange);
		if (count === 20) {
			await delay(5);
			outlet.tick(performance.now() + 1000);
		}
	}
	outlet.tick(performance.now());
	t.is(outlet.queue.count, 100);
	const started = performance.now();
	await outlet.flush(50);
	t.true(performance.now() - started < 20_000);
	const counters = outlet.counters();
	t.is(counters.offered, 10_000);
	t.is(counters.waiting, 0);
	t.is((counters.dropped_queue_full ?? 0) + (counters.dropped_at_stop ?? 0), 10_000);
	t.is(counters.timeouts, 1);
	// The batch that the sink never answered may still be read by it.
	t.is(released, 9_990);
	t.true(told.length >= 1 && told.every((line) => line.startsWith("s full ")));
});

test("whoever reads a file waits for room", async (t) => {
	const { outlet } = outletOf(() => delay(1), { whenFull: "block", maxExchanges: 10 });
	let most = 0;
	for (const exchange of numbered(200)) {
		outlet.offer(exchange);
		most = Math.max(most, outlet.queue.count);
		if (outlet.full) await outlet.room();
	}
	await outlet.flush(LONG_MS);
	t.true(most <= 10);
	t.is(outlet.counters().written, 200);
	t.is(outlet.counters().dropped_queue_full, 0);
});

test("a wait before a retry does not hold up the end", async (t) => {
	const { outlet } = outletOf(
		async () => {
			throw new Retryable("busy");
		},
		{ retryMs: 30_000 },
	);
	offer(outlet, numbered(10));
	const started = performance.now();
	await outlet.flush(50);
	t.true(performance.now() - started < 20_000);
	const { failed = 0, dropped_at_stop = 0 } = outlet.counters();
	t.is(failed + dropped_at_stop, 10);
});
