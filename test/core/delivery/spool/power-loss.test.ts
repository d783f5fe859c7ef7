/**
 * What a loss of power may leave of a spool: what was synced is as it was; of what was not, the file's length and each sector
 * on its own may have reached the disk or not, in any order. Whatever it was, what was acknowledged comes out, once, in order and
 * as it went in, nothing comes out that never went in, and the spool goes on.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { SLOT_BYTES } from "../../../../core/delivery/spool/cursor.js";
import type { Spool } from "../../../../core/delivery/spool/spool.js";
import { exchangeOf, folderInMemory, numberOf, openSpool, readAll, until } from "./harness.js";

const SECTOR_BYTES = 512;
/** What happens to be where a sector was not written. */
const FILLS = ["zeros", "ones", "an old block"] as const;
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
const segmentsOf = (path: string) => readdirSync(path).filter((name) => name.endsWith(".spool"));

/** Files by name. */
type Snapshot = ReadonlyMap<string, Buffer>;

function snapshot(path: string): Snapshot {
	return new Map(readdirSync(path).map((name) => [name, readFileSync(join(path, name))]));
}

function laidOut(files: Snapshot): string {
	const path = folderInMemory();
	mkdirSync(path, { mode: 0o700 });
	for (const [name, bytes] of files) writeFileSync(join(path, name), bytes);
	return path;
}

/** One block, in the file and not synced. */
async function putBlock(spool: Spool, numbers: readonly number[]): Promise<void> {
	const before = spool.counters().spool_bytes_written ?? 0;
	for (const number of numbers) spool.append(exchangeOf(number));
	spool.seal();
	await until(
		() => (spool.counters().spool_bytes_written ?? 0) > before,
		() => {},
	);
}

const SYNCED = 6;
const PUT = 12;
/** Numbers of the last block. */
const LAST = [10, 11] as const;

/** A segment of which numbers below `SYNCED` are synced, and what it is with three more blocks of two that are not. */
async function halfSynced() {
	const path = folderInMemory();
	const { spool } = await openSpool(path, { syncMs: 60_000 });
	for (const first of range(0, SYNCED / 2)) await putBlock(spool, [2 * first, 2 * first + 1]);
	await spool.settle();
	const synced = snapshot(path);
	/** Where each of the three ends. */
	const ends: number[] = [];
	const name = segmentsOf(path)[0]!;
	for (const first of range(SYNCED / 2, PUT / 2)) {
		await putBlock(spool, [2 * first, 2 * first + 1]);
		ends.push(readFileSync(join(path, name)).length);
	}
	const put = snapshot(path);
	await spool.close();
	return { synced, put, name, ends };
}

/** Opens what is left, goes on with it, and holds what comes out against what went in. Returns the numbers that came. */
async function comesOut(t: ExecutionContext, files: Snapshot, what: string, isDone = (_: number) => false) {
	const path = laidOut(files);
	const { spool } = await openSpool(path);
	spool.append(exchangeOf(1_000));
	await spool.settle();
	const all = await readAll(spool, () => false);
	await spool.close();
	rmSync(path, { recursive: true });
	for (const exchange of all) t.deepEqual(exchange, exchangeOf(numberOf(exchange)), what);
	const numbers = all.map(numberOf);
	t.is(numbers.at(-1), 1_000, `${what}: it goes on`);
	const old = numbers.slice(0, -1);
	t.deepEqual(
		old,
		[...new Set(old)].sort((a, b) => a - b),
		`${what}: once, in order`,
	);
	t.true(
		old.every((number) => number < PUT),
		what,
	);
	t.deepEqual(
		old.filter((number) => number < SYNCED),
		range(0, SYNCED).filter((number) => !isDone(number)),
		`${what}: what was acknowledged`,
	);
	return old;
}

test("the file ends at any byte of what was not synced", async (t) => {
	const { synced, put, name, ends } = await halfSynced();
	const bytes = put.get(name)!;
	const from = synced.get(name)!.length;
	for (let length = from; length <= bytes.length; length++) {
		// all of the last block, around the others' beginnings, and some places of the others
		const isNear = [from, ...ends].some((end) => Math.abs(length - end) <= 40);
		if (length < ends[1]! && !isNear && length % 97 !== 0) continue;
		const old = await comesOut(t, new Map(put).set(name, bytes.subarray(0, length)), `${length} of ${bytes.length}`);
		t.is(old.length, SYNCED + 2 * ends.filter((end) => end <= length).length, `${length} of ${bytes.length}`);
	}
});

test("any sectors of what was not synced are missing", async (t) => {
	const { synced, put, name } = await halfSynced();
	const bytes = put.get(name)!;
	const from = synced.get(name)!.length;
	const sectors = range(Math.floor(from / SECTOR_BYTES), Math.ceil(bytes.length / SECTOR_BYTES));
	let seed = 20_261_126;
	const random = () => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
	const seen = new Set<number>();
	for (let round = 0; round < 400; round++) {
		const left = Buffer.from(bytes);
		const fill = FILLS[round % FILLS.length]!;
		// from one sector to nearly all
		const part = random();
		const missing = sectors.filter((_, index) => random() < part || index === round % sectors.length);
		for (const sector of missing) {
			const [start, end] = [Math.max(from, sector * SECTOR_BYTES), Math.min((sector + 1) * SECTOR_BYTES, bytes.length)];
			if (fill === "an old block") bytes.copy(left, start, 32, 32 + end - start);
			else left.fill(fill === "zeros" ? 0 : 0xff, start, end);
		}
		const what = `${fill} in sectors ${missing.join(", ")} of ${sectors.join(", ")}`;
		seen.add((await comesOut(t, new Map(put).set(name, left), what)).length);
	}
	// not all the same: some lost one block, some all three
	t.true(seen.size >= 3, [...seen].join());
});

test("the whole of an older block where a new one should be does not come out again, and takes nothing with it", async (t) => {
	const { synced, put, name } = await halfSynced();
	const left = Buffer.from(put.get(name)!);
	const from = synced.get(name)!.length;
	for (let at = from; at < left.length; at += from - 32) left.copy(left, at, 32, Math.min(from, 32 + left.length - at));
	t.deepEqual(await comesOut(t, new Map(put).set(name, left), "old blocks"), range(0, SYNCED));
});

test("the cursor is older or newer than the log, or one of its slots is torn", async (t) => {
	const { synced, put, name } = await halfSynced();
	const path = laidOut(put);
	const { spool } = await openSpool(path, { syncMs: 60_000 });
	const older = snapshot(path).get("cursor")!;
	// all but two of the synced ones are done, and the last block, which the log may then have lost
	await readAll(spool, (number) => number < SYNCED - 2 || number >= LAST[0]);
	await spool.close();
	const newer = snapshot(path).get("cursor")!;
	const torn = Buffer.from(newer);
	const slot = [0, 1].find(
		(one) =>
			!newer
				.subarray(one * SLOT_BYTES, (one + 1) * SLOT_BYTES)
				.equals(older.subarray(one * SLOT_BYTES, (one + 1) * SLOT_BYTES)),
	);
	torn.fill(0, (slot ?? 0) * SLOT_BYTES + 12, (slot ?? 0) * SLOT_BYTES + SECTOR_BYTES);
	const isDone = (number: number) => number < SYNCED - 2 || number >= LAST[0];
	for (const [what, cursor, done] of [
		["an older cursor", older, () => false],
		["a torn cursor", torn, () => false],
		["a newer cursor", newer, isDone],
	] as const)
		for (const log of [put, synced]) {
			const files = new Map(put).set(name, log.get(name)!).set("cursor", cursor);
			const old = await comesOut(t, files, `${what}, ${log === put ? "the whole log" : "its synced part"}`, done);
			const kept = log === put ? range(0, PUT) : range(0, SYNCED);
			t.deepEqual(
				old,
				kept.filter((number) => !done(number)),
				what,
			);
		}
});

test("a segment's name is not there yet, or there again", async (t) => {
	const path = folderInMemory();
	const { spool } = await openSpool(path, { syncMs: 60_000, maxBytes: 2 ** 16 });
	const states: Snapshot[] = [];
	for (const number of range(0, PUT)) {
		spool.append(exchangeOf(number, 1, "x".repeat(3_000)));
		await spool.settle();
		states.push(snapshot(path));
	}
	const names = segmentsOf(path);
	t.true(names.length >= 4, names.join());
	const whole = states.at(-1)!;
	// the newest one's name was never synced: what it holds was not acknowledged then
	const firstOf = (name: string) => Number(name.slice(0, 16));
	const without = new Map(whole);
	without.delete(names.at(-1)!);
	const young = await openSpool(laidOut(without));
	t.deepEqual((await readAll(young.spool)).map(numberOf), range(0, firstOf(names.at(-1)!)));
	await young.spool.close();
	// the oldest ones were read and removed; one of them is there again
	await readAll(spool, (number) => number < firstOf(names[2]!));
	await until(
		() => segmentsOf(path).length < names.length - 1,
		() => spool.tick(performance.now()),
	);
	await spool.close();
	for (const again of names.slice(0, 2)) {
		const files = new Map(snapshot(path)).set(again, whole.get(again)!);
		const old = await openSpool(laidOut(files));
		t.deepEqual((await readAll(old.spool)).map(numberOf), range(firstOf(names[2]!), PUT), again);
		t.deepEqual(old.told, []);
		await old.spool.close();
	}
});
