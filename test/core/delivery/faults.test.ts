/** Short versions of the fault runs; the long ones are in fault-runs.ts. */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { Delivery } from "../../../core/delivery/delivery.js";
import { type Exchange, Retryable, type Sink } from "../../../core/index.js";
import { kills, outage } from "./fault-runs.js";
import { exchangeOf, freshFolder, numberOf, until } from "./spool/harness.js";

test("a sink that is away for 3 s at 2,000 exchanges/s gets all of them afterwards, each once, in order", async (t) => {
	const run = await outage(3_000, 2_000);
	t.is(run.warnings, "");
	t.is(run.exchanges, run.count);
	t.is(run.duplicates, 0);
	t.is(run.wrongIds, 0);
	t.is(run.outOfOrder, 0);
	t.true(run.before < run.count / 2);
	t.true((run.counters.spooled ?? 0) > 4_000);
});

test("kill -9 five times: nothing acknowledged is lost, and copies have the same id", async (t) => {
	let seed = 5;
	const random = () => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
	const run = await kills(5, 2_000, random);
	t.is(run.warnings, "");
	t.true(run.acknowledged > 500, `${run.acknowledged}`);
	t.is(run.lost, 0);
	t.is(run.wrongIds, 0);
	t.is(run.outOfOrder, 0);
});

test("a full disk is told and counted, other sinks get everything, and nothing that came out is out of order", async (t) => {
	const disk = freshFolder();
	mkdirSync(disk, { recursive: true });
	const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=3m,mode=0700", "tmpfs", disk]);
	if (mounted.status !== 0) {
		process.stderr.write("SKIPPED: a full disk: mounting a tmpfs needs root\n");
		t.log("SKIPPED: mounting a tmpfs needs root");
		t.pass();
		return;
	}
	try {
		for (const whenFull of ["drop_newest", "drop_oldest"] as const) {
			const told: string[] = [];
			const got: Record<string, Exchange[]> = { healthy: [], away: [] };
			let isDown = true;
			const sinkOf = (name: string): Sink => ({
				maxInFlight: 2,
				open: async () => {},
				close: async () => {},
				write: async (batch) => {
					if (name === "away" && isDown) throw new Retryable("away");
					got[name]!.push(...batch);
				},
			});
			const delivery = new Delivery({
				queueFull: (sink) => told.push(`${sink}: queue full`),
				writeFailed: (sink) => told.push(`${sink}: failed`),
				spoolFull: (sink, reason) => told.push(`${sink}: ${reason}`),
				spoolFailed: (sink, error) => told.push(`${sink}: spool failed ${String(error)}`),
			});
			const options = {
				maxExchanges: 500,
				maxBytes: 2 ** 30,
				whenFull,
				batchExchanges: 20,
				batchBytes: 2 ** 30,
				batchMs: 0,
				writeTimeoutMs: 10_000,
				maxRetries: Number.POSITIVE_INFINITY,
				retryMs: 2,
				retryMaxMs: 20,
			};
			const spool = await delivery.openSpool("away", {
				path: join(disk, whenFull),
				maxBytes: 2 ** 26,
				syncMs: 5,
				whenFull,
			});
			delivery.add("healthy", sinkOf("healthy"), options);
			delivery.add("away", sinkOf("away"), options, null, spool);
			const count = 6_000;
			const tick = () => delivery.tick(performance.now());
			for (let number = 0; number < count; number++) {
				delivery.emit(exchangeOf(number, 7, "x".repeat(500)));
				if (number % 20 !== 19) continue;
				for (let turn = 0; turn < 200 && got.healthy!.length < number; turn++) {
					tick();
					await delay(1);
				}
			}
			t.true(
				told.some((line) => line.startsWith("away: the disk has no room")),
				told.join("; "),
			);
			t.true(
				told.every((line) => line.startsWith("away: ") && !line.includes("spool failed")),
				told.join("; "),
			);
			isDown = false;
			t.true(await until(() => delivery.counters().away!.spool_waiting === 0, tick));
			await delivery.flush(30_000);
			t.is(got.healthy!.length, count);
			const { written = 0, dropped_queue_full = 0, spool_dropped = 0, spool_stalls = 0 } = delivery.counters().away!;
			t.is(got.away!.length, written);
			t.is(written + dropped_queue_full + spool_dropped, count);
			t.true(written > 500 && written < count && spool_stalls > 0);
			for (let connection = 0; connection < 7; connection++) {
				const own = got.away!.map(numberOf).filter((number) => number % 7 === connection);
				t.deepEqual(
					own,
					[...new Set(own)].sort((a, b) => a - b),
				);
			}
		}
	} finally {
		spawnSync("umount", [disk]);
	}
});
