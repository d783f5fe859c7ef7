import { execFileSync } from "node:child_process";
import {
	mkdtempSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	renameSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import test from "ava";
import {
	type Diagnostics,
	type Exchange,
	Partial as PartialWrite,
	Permanent,
	PolytapError,
} from "../../../core/index.js";
import jsonl, { jsonlConfig } from "../../../sinks/jsonl/index.js";
import { numbered, sampleBody, sampleExchange, sampleMessage } from "../../core/sample-exchange.js";

const silent: Diagnostics = { warn: () => {}, info: () => {} };
const signal = new AbortController().signal;

const folders: string[] = [];
test.after.always(() => {
	for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
	const folder = mkdtempSync(join(tmpdir(), "polytap-jsonl-"));
	folders.push(folder);
	return folder;
}

function sinkFor(path: string, options: Record<string, unknown> = {}) {
	return jsonl.create(jsonlConfig.parse({ path, ...options }), { name: "file", diagnostics: silent });
}

function operationsIn(text: string): string[] {
	const lines = text.split("\n");
	if (lines.pop() !== "") throw new Error("the last line is not ended");
	return lines.map((line) => (JSON.parse(line) as Exchange).summary.operation);
}

const operations = (count: number, from = 0) => numbered(count, from).map((exchange) => exchange.summary.operation);

test("one JSON object a line, appended, in a file and a folder of the owner alone", async (t) => {
	const path = join(newFolder(), "deep", "er", "x.jsonl");
	for (const from of [0, 10]) {
		const sink = sinkFor(path);
		await sink.open(signal);
		await sink.write(numbered(10, from), signal);
		await sink.close();
	}
	const text = readFileSync(path, "utf8");
	t.deepEqual(operationsIn(text), operations(20));
	t.deepEqual(JSON.parse(text.split("\n")[0] ?? ""), JSON.parse(JSON.stringify(numbered(1)[0])));
	t.is(statSync(path).mode & 0o777, 0o600);
	t.is(statSync(join(path, "..")).mode & 0o777, 0o700);
});

test("another sink writes to the file, and puts it aside, between open and the first write: no line is torn or lost", async (t) => {
	const path = join(newFolder(), "x.jsonl");
	const before = sinkFor(path);
	await before.open(signal);
	await before.write(numbered(3), signal);
	const whole = readFileSync(path);
	// as it may be found while that one writes
	writeFileSync(path, whole.subarray(0, -20));
	const after = sinkFor(path);
	await after.open(signal);
	t.deepEqual(readFileSync(path), whole.subarray(0, -20));
	renameSync(path, `${path}.aside`);
	writeFileSync(path, whole);
	await before.close();
	await after.write(numbered(2, 3), signal);
	await after.close();
	t.deepEqual(operationsIn(readFileSync(path, "utf8")), operations(5));
});

test("records larger than the buffer, between small ones", async (t) => {
	const path = join(newFolder(), "x.jsonl");
	const sink = sinkFor(path);
	await sink.open(signal);
	const large = sampleExchange({
		summary: { operation: "large", result: "" },
		response: sampleMessage({ body: sampleBody("ü".repeat(3_000_000)) }),
	});
	await sink.write([...numbered(3), large, ...numbered(2, 3)], signal);
	await sink.close();
	t.deepEqual(operationsIn(readFileSync(path, "utf8")), ["0", "1", "2", "large", "3", "4"]);
	t.is(sink.counters?.().bytes_written, statSync(path).size);
});

test("rotation by size: no file is larger, nothing is lost, the order stays", async (t) => {
	const folder = newFolder();
	const sink = sinkFor(join(folder, "x.jsonl"), { rotate_bytes: 8192 });
	await sink.open(signal);
	for (let from = 0; from < 100; from += 4) await sink.write(numbered(4, from), signal);
	await sink.close();
	const names = readdirSync(folder).sort();
	const rotated = names.filter((name) => /^x-\d{8}T\d{9}Z\.jsonl$/.test(name));
	t.true(rotated.length >= 5);
	t.is(names.length, rotated.length + 1);
	for (const name of names) {
		t.true(statSync(join(folder, name)).size <= 8192, name);
		t.is(statSync(join(folder, name)).mode & 0o777, 0o600);
	}
	const all = names.flatMap((name) => operationsIn(readFileSync(join(folder, name), "utf8")));
	t.deepEqual(
		all.map(Number).sort((a, b) => a - b),
		operations(100).map(Number),
	);
	t.is(sink.counters?.().rotations, rotated.length);
});

test("rotated files are compressed and the oldest removed", async (t) => {
	const folder = newFolder();
	const sink = sinkFor(join(folder, "x.jsonl"), { rotate_bytes: 8192, gzip: true, keep_files: 3 });
	await sink.open(signal);
	for (let from = 0; from < 100; from += 4) {
		await sink.write(numbered(4, from), signal);
		await delay(2);
	}
	await sink.close();
	const names = readdirSync(folder).sort();
	const rotated = names.filter((name) => name.endsWith(".jsonl.gz"));
	t.is(rotated.length, 3);
	t.is(names.length, 4);
	const last = rotated.at(-1) ?? "";
	t.is(statSync(join(folder, last)).mode & 0o777, 0o600);
	const kept = operationsIn(gunzipSync(readFileSync(join(folder, last))).toString());
	const current = operationsIn(readFileSync(join(folder, "x.jsonl"), "utf8"));
	t.deepEqual([...kept, ...current], operations(kept.length + current.length, 100 - kept.length - current.length));
});

test("rotation by time", async (t) => {
	const folder = newFolder();
	const slow = sinkFor(join(folder, "x.jsonl"), { rotate_secs: 3_600 });
	await slow.open(signal);
	await slow.write(numbered(1), signal);
	await slow.write(numbered(1, 1), signal);
	await slow.close();
	t.is(readdirSync(folder).length, 1);
	const sink = sinkFor(join(folder, "x.jsonl"), { rotate_secs: 1 });
	await sink.open(signal);
	await delay(1100);
	await sink.write(numbered(1, 2), signal);
	await sink.close();
	t.is(readdirSync(folder).length, 2);
	t.deepEqual(operationsIn(readFileSync(join(folder, "x.jsonl"), "utf8")), ["2"]);
});

test("a line that a killed process left torn does not swallow the next one", async (t) => {
	const path = join(newFolder(), "x.jsonl");
	writeFileSync(path, '{"schema":"polyt');
	const sink = sinkFor(path);
	await sink.open(signal);
	await sink.write(numbered(2), signal);
	await sink.close();
	const lines = readFileSync(path, "utf8").split("\n");
	t.is(lines[0], '{"schema":"polyt');
	t.deepEqual(operationsIn(lines.slice(1).join("\n")), ["0", "1"]);
});

test("a record that cannot be JSON costs itself only", async (t) => {
	const path = join(newFolder(), "x.jsonl");
	const sink = sinkFor(path);
	await sink.open(signal);
	const loop: Record<string, unknown> = {};
	loop.self = loop;
	const bad = sampleExchange({
		response: sampleMessage({ body: { ...sampleBody(""), encoding: "json", data: loop } }),
	});
	const error = await t.throwsAsync(sink.write([...numbered(1), bad, ...numbered(1, 1)], signal), {
		instanceOf: PartialWrite,
	});
	t.deepEqual(error?.failed, [1]);
	t.false(error?.retryable);
	await sink.close();
	t.deepEqual(operationsIn(readFileSync(path, "utf8")), ["0", "1"]);
});

test("a full disk: the error is retryable, and no half batch stays", async (t) => {
	if (process.getuid?.() !== 0) {
		t.log("SKIPPED: mounting a small file system needs root");
		t.pass();
		return;
	}
	const folder = newFolder();
	try {
		execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], { stdio: "pipe" });
	} catch {
		t.log("SKIPPED: this root may not mount");
		t.pass();
		return;
	}
	try {
		const path = join(folder, "x.jsonl");
		const sink = sinkFor(path);
		await sink.open(signal);
		await sink.write(numbered(10), signal);
		const before = statSync(path).size;
		const error = await t.throwsAsync(sink.write(numbered(500, 10), signal));
		t.is(error?.name, "Retryable");
		t.is(statSync(path).size, before);
		await sink.write(numbered(10, 10), signal);
		await sink.close();
		t.deepEqual(operationsIn(readFileSync(path, "utf8")), operations(20));
	} finally {
		execFileSync("umount", [folder]);
	}
});

test("a place that cannot be written is told at open", async (t) => {
	const folder = newFolder();
	writeFileSync(join(folder, "file"), "");
	const error = await t.throwsAsync(sinkFor(join(folder, "file", "x.jsonl")).open(signal), {
		instanceOf: PolytapError,
	});
	t.is(error?.code, "SINK_FAILED");
});

test("a device takes everything, and is neither rotated nor cut", async (t) => {
	const sink = sinkFor("/dev/null", { rotate_bytes: 4096, fsync: "each_batch" });
	await sink.open(signal);
	for (let round = 0; round < 5; round++) await sink.write(numbered(10), signal);
	await sink.close();
	t.is(sink.counters?.().rotations, 0);
	const full = sinkFor("/dev/full");
	await full.open(signal);
	t.not((await t.throwsAsync(full.write(numbered(1), signal)))?.constructor, Permanent);
	await full.close();
});

/** Of this process; a descriptor may go while they are looked at. */
function isOpen(path: string): boolean {
	return readdirSync("/proc/self/fd").some((number) => {
		try {
			return readlinkSync(`/proc/self/fd/${number}`) === path;
		} catch {
			return false;
		}
	});
}

test("a closed sink takes nothing and keeps no descriptor, also where it was closed while it was opened", async (t) => {
	const path = join(newFolder(), "x.jsonl");
	const sink = sinkFor(path);
	await sink.open(signal);
	await sink.write(numbered(1), signal);
	t.true(isOpen(path));
	await sink.close();
	t.is((await t.throwsAsync(sink.write(numbered(1, 1), signal)))?.name, "Retryable");
	t.false(isOpen(path));
	t.deepEqual(operationsIn(readFileSync(path, "utf8")), operations(1));
	const other = sinkFor(path);
	const opening = other.open(signal);
	await other.close();
	await opening;
	t.false(isOpen(path));
});

test("close is idempotent and legal before open", async (t) => {
	const sink = sinkFor(join(newFolder(), "x.jsonl"));
	await sink.close();
	await sink.close();
	t.pass();
});

for (const fsync of ["never", "rotate", "each_batch"]) {
	test(`fsync ${fsync} writes the same`, async (t) => {
		const path = join(newFolder(), "x.jsonl");
		const sink = sinkFor(path, { fsync });
		await sink.open(signal);
		await sink.write(numbered(5), signal);
		await sink.close();
		t.deepEqual(operationsIn(readFileSync(path, "utf8")), operations(5));
	});
}
