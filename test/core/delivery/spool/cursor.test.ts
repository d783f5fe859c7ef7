import { readFileSync, writeFileSync } from "node:fs";
import test from "ava";
import { Cursor, SLOT_BYTES } from "../../../../core/delivery/spool/cursor.js";
import { Progress } from "../../../../core/delivery/spool/progress.js";
import { freshFolder } from "./harness.js";

async function written(path: string, ...all: Progress[]): Promise<void> {
	const { cursor } = await Cursor.open(path);
	for (const progress of all) await cursor.write(progress);
	await cursor.close();
}

test("the last one that was written whole counts", async (t) => {
	const path = freshFolder();
	await written(path, new Progress(5), new Progress(7, [9, 10, 20]), new Progress(8, [20]));
	const { cursor, progress } = await Cursor.open(path);
	await cursor.close();
	t.true(cursor.isWhole);
	t.is(progress.next, 8);
	t.deepEqual(progress.runs(), [12, 1]);
	// the slot of the last one is torn
	const bytes = readFileSync(path);
	t.is(bytes.length, 2 * SLOT_BYTES);
	bytes.fill(0xee, SLOT_BYTES + 9, SLOT_BYTES + 12);
	writeFileSync(path, bytes);
	const before = await Cursor.open(path);
	await before.cursor.close();
	t.is(before.progress.next, 7);
	t.true(before.progress.isDone(10));
});

test("none whole: it starts at the beginning and says so", async (t) => {
	const path = freshFolder();
	await written(path, new Progress(5));
	writeFileSync(path, Buffer.alloc(2 * SLOT_BYTES, 7));
	const { cursor, progress } = await Cursor.open(path);
	await cursor.close();
	t.false(cursor.isWhole);
	t.is(progress.next, 0);
});

test("more than a slot holds: what is left out is not done, and nothing else", async (t) => {
	const path = freshFolder();
	const scattered = Array.from({ length: 40_000 }, (_, index) => 11 + 2 * index);
	await written(path, new Progress(10, scattered));
	const { cursor, progress } = await Cursor.open(path);
	await cursor.close();
	t.is(progress.next, 10);
	let known = 0;
	for (let sequence = 10; sequence < 80_100; sequence++)
		if (progress.isDone(sequence)) {
			known++;
			t.is(sequence % 2, 1);
		}
	t.true(known > 5_000 && known < 40_000);
});
