/** Records back out of the files that the sink of the same name wrote. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import test from "ava";
import { type Exchange, protobufHeader, toJson, writeProtobuf } from "../../../core/index.js";
import protobuf, { protobufConfig } from "../../../sources/protobuf/index.js";
import { numbered } from "../../core/sample-exchange.js";
import { FULL } from "../../core/wire/full-record.js";

const root = mkdtempSync(join(tmpdir(), "polytap-protobuf-source-"));
test.after.always(() => rmSync(root, { recursive: true }));

function bytesOf(exchanges: readonly Exchange[]): Buffer {
	const out = Buffer.alloc(1 << 22);
	const header = protobufHeader();
	out.set(header);
	let at = header.length;
	for (const exchange of exchanges) at = writeProtobuf(exchange, out, at);
	return Buffer.from(out.subarray(0, at));
}

let files = 0;
function fileOf(bytes: Uint8Array): string {
	const path = join(root, `${files++}.pb`);
	writeFileSync(path, bytes);
	return path;
}

interface Read {
	readonly exchanges: readonly Exchange[];
	readonly batches: number;
	readonly warnings: readonly string[];
	readonly counters: Readonly<Record<string, number>>;
}

async function read(paths: readonly string[], stopAfter = Number.POSITIVE_INFINITY): Promise<Read> {
	const warnings: string[] = [];
	const diagnostics = { warn: (code: string, message: string) => warnings.push(`${code}: ${message}`), info: () => {} };
	const source = protobuf.create(protobufConfig.parse({ files: paths }), { name: "x", diagnostics, host: null });
	const stop = new AbortController();
	const exchanges: Exchange[] = [];
	let batches = 0;
	await source.open(stop.signal);
	for await (const batch of source.batches(stop.signal)) {
		for (const event of batch) if (event.kind === "exchange") exchanges.push(event.exchange);
		if (++batches >= stopAfter) stop.abort();
	}
	await source.close();
	return { exchanges, batches, warnings, counters: source.counters?.() ?? {} };
}

const numbersOf = (exchanges: readonly Exchange[]) => exchanges.map(({ summary }) => Number(summary.operation));
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

test("several files are one row of records, plain or gzip, and are counted", async (t) => {
	const plain = fileOf(bytesOf(numbered(700)));
	const zipped = fileOf(gzipSync(bytesOf([...numbered(300, 700), FULL])));
	const { exchanges, warnings, counters, batches } = await read([plain, zipped]);
	t.deepEqual(warnings, []);
	t.deepEqual(numbersOf(exchanges.slice(0, -1)), upTo(1000));
	t.is(toJson(exchanges.at(-1)!), toJson(FULL));
	t.like(counters, { files: 2, files_damaged: 0, exchanges: 1001 });
	t.is(counters.bytes, readFileSync(plain).length + bytesOf([...numbered(300, 700), FULL]).length);
	t.true(batches >= 4, "a batch is bounded");
});

test("a stop ends it after the batch that it is at", async (t) => {
	const { exchanges, batches, warnings } = await read([fileOf(bytesOf(numbered(2000)))], 1);
	t.deepEqual(warnings, []);
	t.true(batches <= 2);
	t.true(exchanges.length > 0 && exchanges.length < 2000);
	t.deepEqual(numbersOf(exchanges), upTo(exchanges.length));
});

test("damage in one file costs its rest: the next one is read", async (t) => {
	const bytes = bytesOf(numbered(20));
	bytes[bytes.length - 400]! ^= 0x20;
	const damaged = fileOf(bytes);
	const { exchanges, warnings, counters } = await read([damaged, fileOf(bytesOf(numbered(5, 100)))]);
	t.is(warnings.length, 1);
	t.true(warnings[0]!.startsWith(`CAPTURE_DAMAGED: ${damaged}: `), warnings[0]);
	t.deepEqual(numbersOf(exchanges.slice(-5)), [100, 101, 102, 103, 104]);
	t.like(counters, { files: 2, files_damaged: 1 });
});

test("a gzip file that is cut gives what it holds, and a warning", async (t) => {
	const zipped = gzipSync(bytesOf(numbered(3000)), { level: 0 });
	const { exchanges, warnings } = await read([fileOf(zipped.subarray(0, zipped.length >> 1))]);
	t.is(warnings.length, 1);
	t.true(exchanges.length > 500 && exchanges.length < 3000);
	t.deepEqual(numbersOf(exchanges), upTo(exchanges.length));
});

test("an empty file is no record and no problem; something else is a problem", async (t) => {
	t.deepEqual((await read([fileOf(new Uint8Array(0))])).exchanges, []);
	const { exchanges, warnings } = await read([fileOf(Buffer.from('{"schema":"polytap.exchange/v1"}\n'))]);
	t.deepEqual(exchanges, []);
	t.is(warnings.length, 1);
	t.regex(warnings[0]!, /^CAPTURE_DAMAGED: /);
});

test("what was appended behind a torn record is not mistaken for one", async (t) => {
	const torn = bytesOf(numbered(3)).subarray(0, -7);
	const path = fileOf(torn);
	appendFileSync(path, bytesOf(numbered(3, 50)));
	const { exchanges, warnings } = await read([path]);
	t.deepEqual(numbersOf(exchanges).slice(0, 2), [0, 1]);
	t.is(warnings.length, 1);
});

test("a file that is not there, or is a folder, is told at open", async (t) => {
	for (const path of [join(root, "none"), root]) await t.throwsAsync(read([path]), { code: "CAPTURE_UNREADABLE" });
});
