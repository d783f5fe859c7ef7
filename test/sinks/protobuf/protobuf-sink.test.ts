import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import test from "ava";
import { type Diagnostics, type Exchange, Partial as PartialWrite, toJson } from "../../../core/index.js";
import protobuf, { protobufConfig } from "../../../sinks/protobuf/index.js";

import protobufSource, { protobufConfig as sourceConfig } from "../../../sources/protobuf/index.js";

import { numbered, sampleBody, sampleExchange, sampleMessage } from "../../core/sample-exchange.js";
import { FULL } from "../../core/wire/full-record.js";

const CLI = fileURLToPath(new URL("../../../core/app/cli.js", import.meta.url));
const DEMO = fileURLToPath(new URL("../../../../test/fixtures/demo.pcap.gz", import.meta.url));
const silent: Diagnostics = { warn: () => {}, info: () => {} };
const { signal } = new AbortController();
const root = mkdtempSync(join(tmpdir(), "polytap-protobuf-"));
test.after.always(() => rmSync(root, { recursive: true, force: true }));

const newFolder = () => mkdtempSync(join(root, "x-"));

function sinkFor(path: string, options: Record<string, unknown> = {}) {
	return protobuf.create(protobufConfig.parse({ path, ...options }), { name: "file", diagnostics: silent });
}

async function fileWith(exchanges: readonly Exchange[]): Promise<string> {
	const path = join(newFolder(), "x.pb");
	const sink = sinkFor(path);
	await sink.open(signal);
	await sink.write(exchanges, signal);
	await sink.close();
	return path;
}

async function readBack(...files: string[]): Promise<{ exchanges: Exchange[]; warnings: string[] }> {
	const warnings: string[] = [];
	const diagnostics = { ...silent, warn: (code: string, message: string) => warnings.push(`${code}: ${message}`) };
	const reading = protobufSource.create(sourceConfig.parse({ files }), { name: "x", diagnostics, host: null });
	const exchanges: Exchange[] = [];
	await reading.open(signal);
	for await (const batch of reading.batches(signal))
		for (const event of batch) if (event.kind === "exchange") exchanges.push(event.exchange);
	await reading.close();
	return { exchanges, warnings };
}

const operationsOf = (exchanges: readonly Exchange[]) =>
	exchanges.map((exchange) => Number(exchange.summary.operation));
const count = (to: number) => Array.from({ length: to }, (_, index) => index);

test("records come back in order and whole, from a file of the owner alone", async (t) => {
	const path = await fileWith([FULL, ...numbered(1000)]);
	t.is(statSync(path).mode & 0o777, 0o600);
	const { exchanges, warnings } = await readBack(path);
	t.is(toJson(exchanges[0]!), toJson(FULL));
	t.deepEqual(operationsOf(exchanges.slice(1)), count(1000));
	t.deepEqual(warnings, []);
});

test("rotation: every file begins with its header and reads by itself, gzip too", async (t) => {
	const folder = newFolder();
	const sink = sinkFor(join(folder, "x.pb"), { rotate_bytes: 8192, gzip: true });
	await sink.open(signal);
	for (let from = 0; from < 100; from += 4) await sink.write(numbered(4, from), signal);
	await sink.close();
	const names = readdirSync(folder).sort();
	t.true(names.length > 3);
	t.true(names.filter((name) => name.endsWith(".pb.gz")).length === names.length - 1);
	const { exchanges, warnings } = await readBack(...names.map((name) => join(folder, name)));
	t.deepEqual(
		operationsOf(exchanges).sort((a, b) => a - b),
		count(100),
	);
	t.deepEqual(warnings, []);
});

test("a file from before, whose end may be torn, is put aside as if it had been rotated", async (t) => {
	const path = await fileWith(numbered(3));
	writeFileSync(path, readFileSync(path).subarray(0, -1));
	const sink = sinkFor(path);
	await sink.open(signal);
	await sink.write(numbered(2, 3), signal);
	await sink.close();
	const names = readdirSync(join(path, "..")).sort();
	t.is(names.length, 2);
	const torn = await readBack(join(path, "..", names[0]!));
	t.deepEqual(operationsOf(torn.exchanges), [0, 1]);
	t.regex(torn.warnings.join(), /^CAPTURE_DAMAGED: .*middle of a record, at byte \d+; everything before it was read$/);
	t.deepEqual(operationsOf((await readBack(path)).exchanges), [3, 4]);
});

test("cut at every byte: everything before the cut, and a warning unless a record ends there", async (t) => {
	const path = await fileWith(numbered(3));
	const whole = readFileSync(path);
	const cut = join(newFolder(), "cut.pb");
	let before = 0;
	let clean = 0;
	for (let length = 0; length <= whole.length; length += 1) {
		writeFileSync(cut, whole.subarray(0, length));
		const { exchanges, warnings } = await readBack(cut);
		t.true(exchanges.length >= before);
		before = exchanges.length;
		if (warnings.length === 0) clean++;
		else t.regex(warnings[0] ?? "", /^CAPTURE_DAMAGED/);
	}
	t.is(before, 3);
	// nothing, the header, and after each record
	t.is(clean, 5);
});

test("a changed byte in the middle: what is before it, and a warning that says where", async (t) => {
	const path = await fileWith(numbered(10));
	const bytes = readFileSync(path);
	bytes[bytes.length >> 1]! ^= 0x10;
	writeFileSync(path, bytes);
	const { exchanges, warnings } = await readBack(path);
	t.deepEqual(operationsOf(exchanges), count(exchanges.length));
	t.true(exchanges.length >= 3 && exchanges.length < 6);
	t.is(warnings.length, 1);
});

test("a length that nothing is behind does not take memory", async (t) => {
	const path = join(newFolder(), "x.pb");
	for (const bytes of [[0xff, 0xff, 0xff, 0xff, 0x03, 1], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0x80]]) {
		writeFileSync(path, Buffer.from(bytes));
		const { exchanges, warnings } = await readBack(path);
		t.is(exchanges.length, 0);
		t.is(warnings.length, 1);
	}
});

test("records larger than the buffer, between small ones", async (t) => {
	const large = sampleExchange({
		summary: { operation: "9", result: "" },
		response: sampleMessage({ body: sampleBody("ü".repeat(3_000_000)) }),
	});
	const { exchanges } = await readBack(await fileWith([...numbered(2), large, ...numbered(2, 2)]));
	t.deepEqual(operationsOf(exchanges), [0, 1, 9, 2, 3]);
	t.is(toJson(exchanges[2]!), toJson(large));
});

test("a record that no field can hold costs itself only", async (t) => {
	const path = join(newFolder(), "x.pb");
	const sink = sinkFor(path);
	await sink.open(signal);
	const batch = [...numbered(1), sampleExchange({ durationUs: -1 }), ...numbered(1, 1)];
	const error = await t.throwsAsync(sink.write(batch, signal), { instanceOf: PartialWrite });
	t.deepEqual(error?.failed, [1]);
	await sink.close();
	t.deepEqual(operationsOf((await readBack(path)).exchanges), [0, 1]);
});

test("polytap run writes it, polytap read reads it: the same lines as the jsonl sink's", (t) => {
	const folder = newFolder();
	const config = join(folder, "c.yaml");
	const [lines, records] = [join(folder, "x.jsonl"), join(folder, "x.pb")];
	writeFileSync(
		config,
		`version: 1
sources: { file: { type: pcap, files: ["${DEMO}"] } }
sinks:
  a: { type: jsonl, path: "${lines}", queue: { when_full: block } }
  b: { type: protobuf, path: "${records}", queue: { when_full: block } }
`,
	);
	const ran = spawnSync(process.execPath, [CLI, "run", "-c", config], { encoding: "utf8", timeout: 60_000 });
	t.is(ran.status, 0, ran.stderr);
	const read = (file: string) =>
		spawnSync(process.execPath, [CLI, "read", file], { encoding: "utf8", timeout: 60_000 });
	const back = read(records);
	t.is(back.status, 0, back.stderr);
	t.is(back.stderr, "");
	t.is(back.stdout, readFileSync(lines, "utf8"));
	const zipped = join(folder, "zipped");
	writeFileSync(zipped, gzipSync(readFileSync(records)));
	t.is(read(zipped).stdout, back.stdout);
});

test("what is not there is told at open", async (t) => {
	const reading = protobufSource.create(sourceConfig.parse({ files: ["/nowhere/x.pb"] }), {
		name: "x",
		diagnostics: silent,
		host: null,
	});
	await t.throwsAsync(reading.open(signal), { code: "CAPTURE_UNREADABLE" });
	await reading.close();
	await reading.close();
});
