/** An outlet with a spool: what goes through the disk, when, and that nothing is lost, doubled or out of order. */
import { setTimeout as delay } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { Outlet, type OutletOptions } from "../../../core/delivery/outlet.js";
import type { SpoolOptions } from "../../../core/delivery/spool/spool.js";
import { type Exchange, Permanent, Retryable, type Sink } from "../../../core/index.js";
import { exchangeOf, freshFolder, numberOf, openSpool, until } from "./spool/harness.js";

const LONG_MS = 60_000;
const CONNECTIONS = 17;

const options: OutletOptions = {
	whenFull: "drop_newest",
	maxExchanges: 400,
	maxBytes: 2 ** 30,
	batchExchanges: 20,
	batchBytes: 2 ** 30,
	batchMs: 0,
	writeTimeoutMs: 10_000,
	maxRetries: Number.POSITIVE_INFINITY,
	retryMs: 1,
	retryMaxMs: 20,
};

interface Setting {
	readonly write: Sink["write"];
	readonly folder?: string;
	readonly maxInFlight?: number;
	readonly keepsOrder?: true;
	readonly options?: Partial<OutletOptions>;
	readonly spool?: Partial<SpoolOptions>;
}

async function outletWith(setting: Setting) {
	const { spool, told } = await openSpool(setting.folder ?? freshFolder(), setting.spool);
	const sink: Sink = {
		maxInFlight: setting.maxInFlight ?? 1,
		open: async () => {},
		close: async () => {},
		write: setting.write,
		...(setting.keepsOrder ? { keepsOrder: true } : {}),
	};
	const listener = {
		queueFull: (_: string, dropped: number) => told.push(`queue full ${dropped}`),
		writeFailed: (_: string, count: number, error: unknown) =>
			told.push(`write failed ${count} ${(error as Error).message}`),
	};
	return { outlet: new Outlet("s", sink, { ...options, ...setting.options }, listener, spool), spool, told };
}

/** Offers numbers `from` to `to`, with turns and ticks between them, no faster than this machine's disk takes them. */
async function traffic(outlet: Outlet, from: number, to: number, mostTurns = 2_000): Promise<void> {
	for (let number = from; number < to; number++) {
		outlet.offer(exchangeOf(number, CONNECTIONS));
		if (number % 20 !== 19) continue;
		for (let turn = 0; turn === 0 || (outlet.queue.count > 40 && turn < mostTurns); turn++) {
			outlet.tick(performance.now());
			await delay(1);
		}
	}
	outlet.tick(performance.now());
}

function inOrderOnce(t: ExecutionContext, seen: readonly Exchange[], count: number): void {
	const numbers = seen.map(numberOf);
	t.is(new Set(numbers).size, count);
	t.is(numbers.length, count);
	for (let connection = 0; connection < CONNECTIONS; connection++) {
		const own = numbers.filter((number) => number % CONNECTIONS === connection);
		t.deepEqual(
			own,
			[...own].sort((a, b) => a - b),
		);
	}
}

/** Nothing is unaccounted for. */
function balanced(t: ExecutionContext, counters: Readonly<Record<string, number>>): void {
	const of = (...names: string[]) => names.reduce((sum, name) => sum + (counters[name] ?? 0), 0);
	t.is(
		of("offered", "spool_found"),
		of(
			"written",
			"failed",
			"dropped_queue_full",
			"dropped_at_stop",
			"waiting",
			"spool_waiting",
			"spool_dropped",
			"spool_lost",
			"spool_too_large",
		),
	);
}

test("a sink that takes what comes: nothing goes through the disk", async (t) => {
	const seen: Exchange[] = [];
	const { outlet, told } = await outletWith({ write: async (batch) => void seen.push(...batch) });
	await traffic(outlet, 0, 2_000);
	await outlet.flush(LONG_MS);
	inOrderOnce(t, seen, 2_000);
	const counters = outlet.counters();
	t.is(counters.spooled, 0);
	t.is(counters.spool_bytes_written, 0);
	t.deepEqual(told, []);
	balanced(t, counters);
});

for (const [name, sink] of [
	["one lane", {}],
	["four lanes", { maxInFlight: 4 }],
	["a sink that keeps its order", { maxInFlight: 4, keepsOrder: true }],
] as const)
	test(`a sink that is down for a while gets all afterwards, once and in order, then directly again: ${name}`, async (t) => {
		const seen: Exchange[] = [];
		let isDown = false;
		let last: Promise<void> = Promise.resolve();
		const { outlet, told } = await outletWith({
			...sink,
			write: async (batch) => {
				const turn = last.then(() => delay(1));
				if ("keepsOrder" in sink) last = turn;
				await turn;
				if (isDown) throw new Retryable("down");
				seen.push(...batch);
			},
		});
		await traffic(outlet, 0, 1_000);
		isDown = true;
		await traffic(outlet, 1_000, 5_000);
		t.true(seen.length <= 1_000);
		const { dropped_queue_full, spool_waiting = 0, waiting = 0 } = outlet.counters();
		t.is(dropped_queue_full, 0);
		t.true(spool_waiting > 3_000);
		t.true(waiting < 400);
		balanced(t, outlet.counters());
		isDown = false;
		await traffic(outlet, 5_000, 6_000);
		t.true(
			await until(
				() => seen.length === 6_000,
				() => outlet.tick(performance.now()),
			),
		);
		t.true(
			await until(
				() => outlet.counters().spool_waiting === 0,
				() => outlet.tick(performance.now()),
			),
		);
		await delay(5);
		outlet.tick(performance.now());
		const { spooled } = outlet.counters();
		await traffic(outlet, 6_000, 7_000);
		await outlet.flush(LONG_MS);
		inOrderOnce(t, seen, 7_000);
		t.is(outlet.counters().spooled, spooled, "the last ones went by the disk");
		t.deepEqual(told, []);
		balanced(t, outlet.counters());
	});

test("a sink that never answers: all is on the disk at the end, the end is quick, and the next one gets it", async (t) => {
	const folder = freshFolder();
	const hanging = await outletWith({ folder, write: () => new Promise(() => {}), maxInFlight: 2 });
	await traffic(hanging.outlet, 0, 1_500);
	const started = performance.now();
	await hanging.outlet.flush(3_000);
	t.true(performance.now() - started < 20_000);
	const counters = hanging.outlet.counters();
	t.is(counters.spool_waiting, 1_500);
	t.is(counters.dropped_at_stop, 0);
	balanced(t, counters);

	const seen: Exchange[] = [];
	const next = await outletWith({ folder, write: async (batch) => void seen.push(...batch), maxInFlight: 3 });
	t.is(next.outlet.counters().spool_found, 1_500);
	await traffic(next.outlet, 1_500, 2_000);
	await next.outlet.flush(LONG_MS);
	inOrderOnce(t, seen, 2_000);
	balanced(t, next.outlet.counters());
	t.deepEqual([...hanging.told, ...next.told], []);
});

test("a sink that is down at the end is not waited for; what it had taken does not come again", async (t) => {
	const folder = freshFolder();
	const seen: Exchange[] = [];
	let isDown = false;
	const write: Sink["write"] = async (batch) => {
		await delay(1);
		if (isDown) throw new Retryable("down");
		seen.push(...batch);
	};
	for (let run = 0; run < 5; run++) {
		isDown = false;
		const { outlet, told } = await outletWith({ folder, write, maxInFlight: 3 });
		await traffic(outlet, run * 500, run * 500 + 250);
		isDown = true;
		await traffic(outlet, run * 500 + 250, run * 500 + 500);
		const started = performance.now();
		await outlet.flush(LONG_MS);
		t.true(performance.now() - started < 20_000);
		t.is(outlet.counters().dropped_at_stop, 0);
		balanced(t, outlet.counters());
		t.deepEqual(told, []);
	}
	isDown = false;
	const { outlet } = await outletWith({ folder, write, maxInFlight: 3 });
	await outlet.flush(LONG_MS);
	inOrderOnce(t, seen, 2_500);
	t.is(outlet.counters().spool_waiting, 0);
});

test("with `always` everything goes through the disk, and still comes at once", async (t) => {
	const seen: Exchange[] = [];
	const { outlet } = await outletWith({
		write: async (batch) => void seen.push(...batch),
		options: { spoolAlways: true },
		maxInFlight: 2,
	});
	await traffic(outlet, 0, 3_000);
	t.true(
		await until(
			() => seen.length === 3_000,
			() => outlet.tick(performance.now()),
		),
	);
	t.is(outlet.counters().spooled, 3_000);
	await outlet.flush(LONG_MS);
	inOrderOnce(t, seen, 3_000);
	balanced(t, outlet.counters());
});

test("what a sink refuses for good is counted and does not come again", async (t) => {
	const folder = freshFolder();
	let calls = 0;
	const seen: Exchange[] = [];
	const { outlet, told } = await outletWith({
		folder,
		write: async (batch) => {
			if (calls++ === 0) throw new Retryable("busy");
			if (calls === 4) throw new Permanent("never");
			seen.push(...batch);
		},
	});
	await traffic(outlet, 0, 500);
	await outlet.flush(LONG_MS);
	const { failed = 0, written = 0 } = outlet.counters();
	t.true(failed > 0);
	t.is(failed + written, 500);
	t.is(seen.length, written);
	t.deepEqual(told, [`write failed ${failed} never`]);
	balanced(t, outlet.counters());
	const again = await outletWith({ folder, write: async () => t.fail() });
	t.is(again.outlet.counters().spool_found, 0);
	await again.outlet.flush(LONG_MS);
});

test("a spool that is full: the queue gives way by the same policy, all is counted, and order stays", async (t) => {
	for (const whenFull of ["drop_newest", "drop_oldest"] as const) {
		const seen: Exchange[] = [];
		let isDown = true;
		const { outlet, told } = await outletWith({
			write: async (batch) => {
				if (isDown) throw new Retryable("down");
				seen.push(...batch);
			},
			maxInFlight: 2,
			options: { whenFull },
			spool: { maxBytes: 2 ** 22, whenFull },
		});
		await traffic(outlet, 0, 8_000, 50);
		t.true(told.some((line) => line.startsWith("full: ")));
		isDown = false;
		const isThrough = () => outlet.queue.count === 0 && outlet.counters().spool_waiting === 0;
		t.true(await until(isThrough, () => outlet.tick(performance.now())));
		await outlet.flush(LONG_MS);
		const { written = 0, dropped_queue_full = 0, spool_dropped = 0 } = outlet.counters();
		inOrderOnce(t, seen, written);
		t.is(written + dropped_queue_full + spool_dropped, 8_000);
		t.true(written > 1_000 && written < 8_000);
		t.is(spool_dropped > 0, whenFull === "drop_oldest");
		const kept = seen.map(numberOf);
		t.is(kept.includes(7_999), whenFull === "drop_oldest");
		balanced(t, outlet.counters());
	}
});
