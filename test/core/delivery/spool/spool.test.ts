import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { exchangeOf, freshFolder, numberOf, openSpool, readAll, until } from "./harness.js";

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
const segmentsOf = (path: string) => readdirSync(path).filter((name) => name.endsWith(".spool"));

test("what goes in comes out, equal and in order, and what is done leaves no file", async (t) => {
	const path = freshFolder();
	const { spool, told } = await openSpool(path);
	const given = range(0, 3_000).map((number) => exchangeOf(number, 7, `body ${number} "ä\u0000\n`));
	for (const exchange of given) t.true(spool.append(exchange) >= 0);
	t.true(await spool.settle());
	t.is(spool.undone, 3_000);
	t.deepEqual(await readAll(spool), given);
	t.is(spool.undone, 0);
	await spool.close();
	t.deepEqual(segmentsOf(path), []);
	t.deepEqual(told, []);
	t.is(spool.counters().spool_acknowledged, 3_000);
});

test("it survives being closed in the middle: the rest comes out, once, whatever order it was done in", async (t) => {
	const path = freshFolder();
	const first = await openSpool(path);
	for (const number of range(0, 2_000)) first.spool.append(exchangeOf(number));
	await first.spool.settle();
	const isDone = (number: number) => number < 500 || number % 3 === 0;
	await readAll(first.spool, isDone);
	await first.spool.close();
	const second = await openSpool(path);
	const left = range(0, 2_000).filter((number) => !isDone(number));
	t.is(second.spool.counters().spool_found, left.length);
	t.deepEqual((await readAll(second.spool)).map(numberOf), left);
	await second.spool.close();
	t.deepEqual([...first.told, ...second.told], []);
});

test("what was not written yet is read from memory", async (t) => {
	const { spool } = await openSpool(freshFolder());
	for (const number of range(0, 10)) spool.append(exchangeOf(number));
	t.is(await spool.read(), null);
	spool.seal();
	t.deepEqual((await readAll(spool)).map(numberOf), range(0, 10));
	await spool.close();
});

test("files are their owner's alone, and one process has them", async (t) => {
	const path = freshFolder();
	const { spool } = await openSpool(path);
	spool.append(exchangeOf(1));
	await spool.settle();
	t.is(statSync(path).mode & 0o777, 0o700);
	for (const name of readdirSync(path)) t.is(statSync(join(path, name)).mode & 0o777, 0o600, name);
	await t.throwsAsync(openSpool(path), { code: "SPOOL_LOCKED" });
	await spool.close();
	const again = await openSpool(path);
	await again.spool.close();
});

test("a folder that holds something else is left alone", async (t) => {
	const path = freshFolder();
	const { spool } = await openSpool(path);
	await spool.close();
	const file = join(path, "..", "some-file");
	writeFileSync(file, "x");
	await t.throwsAsync(openSpool(join(path, "..")), { code: "SPOOL_UNUSABLE", message: /holds files and is no spool/ });
	await t.throwsAsync(openSpool(file), { code: "SPOOL_UNUSABLE" });
});

test("a later version is not touched", async (t) => {
	const path = freshFolder();
	const { spool } = await openSpool(path);
	spool.append(exchangeOf(1));
	await spool.close();
	const { segmentHeader } = await import("../../../../core/delivery/spool/format.js");
	const { crc32 } = await import("node:zlib");
	const header = segmentHeader(0);
	header.writeUInt16LE(9, 8);
	header.writeUInt32LE(crc32(header.subarray(0, 28)), 28);
	const file = join(path, segmentsOf(path)[0]!);
	const bytes = Buffer.concat([header, readFileSync(file).subarray(32)]);
	writeFileSync(file, bytes);
	await t.throwsAsync(openSpool(path), { code: "SPOOL_UNUSABLE", message: /version 9/ });
	t.deepEqual(readFileSync(file), bytes);
});

test("a torn end: every length that a killed process may leave, whole blocks come out and it goes on", async (t) => {
	const path = freshFolder();
	const first = await openSpool(path);
	for (const number of range(0, 50)) first.spool.append(exchangeOf(number));
	await first.spool.settle();
	const whole = statSync(join(path, segmentsOf(path)[0]!)).size;
	for (const number of range(50, 100)) first.spool.append(exchangeOf(number));
	await first.spool.close();
	const file = join(path, segmentsOf(path)[0]!);
	const bytes = readFileSync(file);
	for (let length = bytes.length; length >= 0; length -= length > whole - 40 && length < whole + 60 ? 1 : 997) {
		writeFileSync(file, bytes.subarray(0, Math.max(length, 0)));
		const { spool } = await openSpool(path);
		spool.append(exchangeOf(1_000));
		await spool.settle();
		const numbers = (await readAll(spool, () => false)).map(numberOf);
		const expected = length === bytes.length ? range(0, 100) : length >= whole ? range(0, 50) : [];
		t.deepEqual(numbers, [...expected, 1_000], `${length} of ${bytes.length} bytes`);
		await spool.close();
		truncateSync(file);
	}
});

test("damage in the middle costs its block, is counted to the record, and is told", async (t) => {
	const path = freshFolder();
	const first = await openSpool(path);
	const perBlock = 40;
	for (const number of range(0, 10 * perBlock)) {
		first.spool.append(exchangeOf(number));
		if (number % perBlock === perBlock - 1) await first.spool.settle();
	}
	await first.spool.close();
	const file = join(path, segmentsOf(path)[0]!);
	const good = readFileSync(file);
	const filled = (value: number, from: number, to: number) => (bytes: Buffer) => bytes.fill(value, from, to);
	const spliced = (to: number, from: number) => (bytes: Buffer) =>
		Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
	const damages: [string, (bytes: Buffer) => Buffer][] = [
		["one byte of a payload", filled(0xff, 200, 201)],
		["a damaged block header", filled(0xff, 32, 40)],
		["a damaged segment header", filled(0, 0, 32)],
		["zeros over several blocks", filled(0, 100, good.length >> 1)],
		["bytes that are missing", spliced(500, 777)],
		["bytes that are too many", spliced(500, 200)],
	];
	for (const [name, damage] of damages) {
		writeFileSync(file, damage(Buffer.from(good)));
		const { spool, told } = await openSpool(path);
		const numbers = (await readAll(spool, () => false)).map(numberOf);
		t.deepEqual(
			numbers,
			[...numbers].sort((a, b) => a - b),
			name,
		);
		t.is(new Set(numbers).size, numbers.length, name);
		const { spool_lost = 0 } = spool.counters();
		t.is(numbers.length + spool_lost, 10 * perBlock, name);
		t.is(spool_lost % perBlock, 0, name);
		if (name.includes("segment header")) t.is(spool_lost, 0);
		else t.true(spool_lost > 0 && told.length > 0 && told.every((line) => line.startsWith("damaged: ")), name);
		await spool.close();
		truncateSync(join(path, "cursor"));
	}
});

test("random bytes as segment and cursor: nothing throws, and what comes is delivered", async (t) => {
	let seed = 4_711;
	const random = () => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
	for (let round = 0; round < 60; round++) {
		const path = freshFolder();
		const made = await openSpool(path);
		for (const number of range(0, 20)) made.spool.append(exchangeOf(number));
		await made.spool.close();
		for (const name of [...segmentsOf(path), "cursor"]) {
			const bytes = readFileSync(join(path, name));
			for (let hits = 1 + random() * 30; hits > 0; hits--)
				bytes[Math.floor(random() * Math.min(bytes.length, 4_000))] = random() * 256;
			writeFileSync(
				join(path, name),
				bytes.subarray(0, random() < 0.5 ? bytes.length : Math.floor(random() * bytes.length)),
			);
		}
		const { spool } = await openSpool(path);
		spool.append(exchangeOf(99));
		await spool.settle();
		const numbers = (await readAll(spool)).map(numberOf);
		t.is(numbers.at(-1), 99);
		t.is(spool.undone, 0);
		await spool.close();
	}
});

test("the bound holds: what comes waits in memory, and goes in when the oldest segment is done", async (t) => {
	const path = freshFolder();
	const maxBytes = 2 ** 22;
	const { spool, told } = await openSpool(path, { maxBytes });
	let appended = 0;
	const body = "x".repeat(10_000);
	await until(
		() => {
			while (spool.hasRoom && appended < 2_000) spool.append(exchangeOf(appended++, 1, body));
			return told.length > 0;
		},
		() => spool.tick(performance.now()),
	);
	t.true(told.length > 0 && told.every((line) => /^full: it holds \d+ bytes$/.test(line)));
	t.false(spool.hasRoom);
	const { spool_bytes = 0, spool_dropped } = spool.counters();
	t.true(spool_bytes <= maxBytes && spool_bytes > maxBytes / 2);
	t.is(spool_dropped, 0);
	const numbers: number[] = [];
	while (spool.undone > 0) {
		numbers.push(...(await readAll(spool)).map(numberOf));
		spool.seal();
		spool.tick(performance.now());
	}
	t.deepEqual(numbers, range(0, appended));
	await spool.close();
});

test("the bound holds with drop_oldest: what was longest in it goes, counted, and order stays", async (t) => {
	const path = freshFolder();
	const maxBytes = 2 ** 22;
	const { spool, told } = await openSpool(path, { maxBytes, whenFull: "drop_oldest" });
	const body = "x".repeat(10_000);
	let appended = 0;
	await until(
		() => {
			while (spool.hasRoom && appended < 1_500) spool.append(exchangeOf(appended++, 1, body));
			return appended === 1_500;
		},
		() => spool.tick(performance.now()),
	);
	t.true(await spool.settle());
	const { spool_bytes_high_water = 0, spool_dropped = 0 } = spool.counters();
	t.true(spool_bytes_high_water <= maxBytes);
	t.true(spool_dropped > 0);
	t.true(told.some((line) => line.includes("the oldest")));
	t.deepEqual((await readAll(spool)).map(numberOf), range(spool_dropped, 1_500));
	await spool.close();
});

test("a record that is too large has no place, and others have", async (t) => {
	const { spool } = await openSpool(freshFolder(), { maxBytes: 2 ** 22 });
	t.is(spool.append(exchangeOf(0, 1, "x".repeat(2 ** 20))), -1);
	const large = exchangeOf(1, 1, "x".repeat(900_000));
	t.is(spool.append(large), 0);
	t.is(spool.append(exchangeOf(2)), 1);
	const cyclic = { ...exchangeOf(3), annotations: {} as Record<string, string> };
	Object.defineProperty(cyclic.annotations, "bad", {
		enumerable: true,
		get: () => {
			throw new Error("cannot be read");
		},
	});
	t.is(spool.append(cyclic), -1);
	await spool.settle();
	t.deepEqual((await readAll(spool)).map(numberOf), [1, 2]);
	await spool.close();
});

test("segments whose records are done are removed while others are still written", async (t) => {
	const path = freshFolder();
	const { spool } = await openSpool(path, { maxBytes: 2 ** 22, syncMs: 0 });
	const body = "x".repeat(10_000);
	let read = 0;
	for (let round = 0; round < 40; round++) {
		for (const number of range(round * 50, round * 50 + 50)) spool.append(exchangeOf(number, 1, body));
		await spool.settle();
		read += (await readAll(spool)).length;
		spool.tick(performance.now() + round);
	}
	t.is(read, 2_000);
	t.true(
		await until(
			() => segmentsOf(path).length <= 2,
			() => spool.tick(performance.now()),
		),
	);
	t.true(
		await until(
			() => segmentsOf(path).length === 0,
			() => spool.tick(performance.now() + 10_000),
		),
	);
	t.is(spool.counters().spool_bytes, 0);
	spool.append(exchangeOf(5_000));
	await spool.settle();
	t.deepEqual((await readAll(spool)).map(numberOf), [5_000]);
	await spool.close();
});
