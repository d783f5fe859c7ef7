import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import fc from "fast-check";
import { Engine } from "../../../core/engine/engine.js";
import { type CaptureEvent, type Diagnostics, GAP_CAUSES } from "../../../core/index.js";
import type { RecordedCall } from "../../../core/recording/call-reading.js";
import { headerOf, type RecordingEnd } from "../../../core/recording/header.js";
import { Recorder } from "../../../core/recording/recorder.js";
import { RecordingReader } from "../../../core/recording/recording-reader.js";
import { recordSchema } from "../../../core/recording/schema.js";
import { lineParser } from "../engine/line-parser.js";
import { sampleExchange } from "../sample-exchange.js";

const CLI = fileURLToPath(new URL("../../../core/app/cli.js", import.meta.url));
const DEMO = fileURLToPath(new URL("../../../../test/fixtures/demo.pcap.gz", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "polytap-recording-"));
test.after.always(() => rmSync(root, { recursive: true, force: true }));
const newFolder = () => mkdtempSync(join(root, "x-"));

interface Run {
	readonly path: string;
	readonly engine: Engine;
	readonly source: number;
	readonly recorder: Recorder;
	readonly warnings: string[];
}

async function start(options: Record<string, unknown> = {}): Promise<Run> {
	const path = join(newFolder(), "x.rec");
	const warnings: string[] = [];
	const diagnostics: Diagnostics = { warn: (code, message) => warnings.push(`${code}: ${message}`), info: () => {} };
	const engine = new Engine({}, [lineParser], () => {});
	const source = engine.addSource("test", "test");
	const recorder = new Recorder(
		recordSchema.parse({ path, allow_unredacted: true, ...options }),
		() =>
			headerOf(
				"1.2.3",
				new Date(0),
				["line"],
				[{ options: engine.options, sources: [{ name: "test", type: "test" }] }],
			),
		[engine],
		diagnostics,
	);
	await recorder.open();
	return { path, engine, source, recorder, warnings };
}

interface Read {
	readonly calls: RecordedCall[];
	readonly end: RecordingEnd | null;
	readonly damage: string | null;
}

async function readBack(path: string): Promise<Read> {
	const reader = await RecordingReader.open(path);
	const calls: RecordedCall[] = [];
	// data are views of a block
	for await (const block of reader.blocks()) calls.push(...structuredClone(block).map(plain));
	await reader.close();
	return { calls, end: reader.end, damage: reader.damage };
}

/** Byte arrays of any kind as plain ones. */
function plain(call: RecordedCall): RecordedCall {
	if (call.kind !== "ingest") return call;
	return { ...call, batch: call.batch.map(plainEvent) };
}

function plainEvent(event: CaptureEvent): CaptureEvent {
	return "data" in event ? { ...event, data: Uint8Array.from(event.data) } : event;
}

const dir = fc.constantFrom(0 as const, 1 as const);
const conn = fc.maxSafeNat();
const tsUs = fc.oneof(fc.maxSafeNat(), fc.double({ noNaN: true }));
const offset = fc.maxSafeNat();
const data = fc.uint8Array({ maxLength: 300 });
const cause = fc.constantFrom(...GAP_CAUSES);
const anyEvent: fc.Arbitrary<CaptureEvent> = fc.oneof(
	fc.record({ kind: fc.constant("bytes" as const), conn, dir, offset, tsUs, data }),
	fc.record({ kind: fc.constant("datagram" as const), conn, dir, tsUs, data }),
	fc.record({ kind: fc.constant("gap" as const), conn, dir, tsUs, offset, length: fc.option(offset), cause }),
	fc
		.record({ kind: fc.constant("gap" as const), conn, dir, tsUs, offset, length: fc.option(offset), cause })
		.map((gap) => ({ ...gap, isFinal: true as const })),
	fc.record({
		kind: fc.constant("end" as const),
		conn,
		dir,
		tsUs,
		finalOffset: fc.option(offset),
		how: fc.constantFrom("fin" as const, "reset" as const, "unknown" as const),
	}),
	fc.record({ kind: fc.constant("close" as const), conn, tsUs }),
	fc.record({ kind: fc.constant("loss" as const), bytes: fc.option(offset), events: fc.nat(), cause }),
	fc.record({
		kind: fc.constant("annotate" as const),
		conn,
		dir,
		fromOffset: offset,
		toOffset: offset,
		attributes: fc.constant({ thread: "é", n: 1, yes: true }),
	}),
	fc.constant({ kind: "exchange" as const, exchange: sampleExchange() }),
	fc
		.record({
			kind: fc.constant("open" as const),
			conn,
			tsUs: fc.maxSafeNat(),
			transport: fc.constant("tcp" as const),
			client: fc.constant({ address: "10.0.0.1", port: 1 }),
			server: fc.constant({ address: "::1", port: 2 }),
			role: fc.constantFrom("client" as const, "wire" as const),
			roleKnown: fc.boolean(),
			bases: fc.option(fc.tuple(fc.nat(), fc.nat())),
			fromStart: fc.boolean(),
			netns: fc.option(fc.nat()),
			process: fc.constant(null),
			layer: fc.constant("transport" as const),
			lower: fc.option(fc.nat()),
		})
		.map((open) => (open.roleKnown ? open : { ...open, late: true as const })),
);

test("every call comes back as it was made, whatever the events", async (t) => {
	const batches = fc.sample(fc.array(anyEvent, { maxLength: 20 }), { seed: 11, numRuns: 200 });
	const run = await start();
	const expected: RecordedCall[] = [];
	for (const [index, batch] of batches.entries()) {
		const nowUs = 1.7e15 + index * 1000;
		run.engine.tap?.ingest(run.source, batch, nowUs);
		run.engine.tap?.tick(nowUs + 0.5);
		expected.push(
			{ kind: "ingest", engine: 0, source: 0, nowUs, batch },
			{ kind: "tick", engine: 0, nowUs: nowUs + 0.5 },
		);
	}
	run.engine.tap?.sourceEnded(run.source, 2e15);
	expected.push({ kind: "ended", engine: 0, source: 0, nowUs: 2e15 });
	await run.recorder.close();
	const { calls, end, damage } = await readBack(run.path);
	t.is(damage, null);
	t.deepEqual(calls, expected);
	t.like(end, { isComplete: true, reason: null, callsLost: 0 });
	t.is(statSync(run.path).mode & 0o777, 0o600);
	t.is(run.recorder.counters().recording_bytes_written, statSync(run.path).size);
	t.is(run.engine.tap, null);
});

test("the engine tells its tap every call, and not its own ticks", (t) => {
	const engine = new Engine({}, [lineParser], () => {});
	const source = engine.addSource("a", "b");
	const heard: unknown[] = [];
	engine.tap = {
		ingest: (...call) => heard.push(["ingest", ...call]),
		tick: (...call) => heard.push(["tick", ...call]),
		sourceEnded: (...call) => heard.push(["ended", ...call]),
	};
	engine.ingest(source, [], 5_000_000);
	engine.ingest(source, [], 9_000_000);
	engine.tick(9_000_001);
	engine.sourceEnded(source, 9_000_002);
	t.deepEqual(heard, [
		["ingest", source, [], 5_000_000],
		["ingest", source, [], 9_000_000],
		["tick", 9_000_001],
		["ended", source, 9_000_002],
	]);
});

const chunk = (bytes: number): CaptureEvent[] => [
	{ kind: "bytes", conn: 1, dir: 0, offset: 0, tsUs: 1, data: new Uint8Array(bytes).fill(7) },
];

test("what finds no room in the buffer is missing, counted and named where it is missing; the engine never waits", async (t) => {
	const run = await start({ buffer_bytes: 65_536 });
	for (let i = 0; i < 10; i++) run.engine.ingest(run.source, chunk(20_000), i);
	await run.recorder.settled();
	run.engine.ingest(run.source, chunk(10), 10);
	await run.recorder.close();
	const { calls, end } = await readBack(run.path);
	const lost = calls.filter((call) => call.kind === "lost");
	t.is(lost.length, 1);
	t.deepEqual(lost[0], { kind: "lost", calls: 7, events: 7, bytes: 140_000 });
	t.is(calls.at(-1)?.kind, "ingest");
	t.like(end, { isComplete: false, reason: "overflow", callsLost: 7, eventsLost: 7, bytesLost: 140_000 });
	t.like(run.recorder.counters(), { recording_events_lost: 7, recording_bytes_lost: 140_000, recording_incomplete: 1 });
	t.is(run.warnings.length, 1);
	t.regex(run.warnings[0] ?? "", /^RECORDING_INCOMPLETE: writing is slower/);
});

test("at its size limit a recording ends and says so, and the file is not larger", async (t) => {
	const run = await start({ max_bytes: 65_536 });
	for (let i = 0; i < 100; i++) run.engine.ingest(run.source, chunk(5000), i);
	await run.recorder.close();
	t.true(statSync(run.path).size <= 65_536);
	const { calls, end } = await readBack(run.path);
	t.is(calls.filter((call) => call.kind === "ingest").length + (end?.callsLost ?? 0), 100);
	t.like(end, { isComplete: false, reason: "limit" });
	t.is(run.warnings.length, 1);
});

test("a call larger than a block is one", async (t) => {
	const run = await start();
	run.engine.ingest(run.source, chunk(3_000_000), 1);
	run.engine.ingest(run.source, chunk(1), 2);
	await run.recorder.close();
	t.is((await readBack(run.path)).calls.length, 2);
});

async function threeBlocks(): Promise<{ bytes: Buffer; calls: number }> {
	const run = await start();
	for (let i = 0; i < 5; i++) run.engine.ingest(run.source, chunk(100_000), i);
	await run.recorder.close();
	return { bytes: readFileSync(run.path), calls: 5 };
}

test("cut anywhere: the calls of the whole blocks, and it is said", async (t) => {
	const { bytes, calls } = await threeBlocks();
	const path = join(newFolder(), "cut.rec");
	let before = 0;
	for (let length = 2000; length < bytes.length; length += 4999) {
		writeFileSync(path, bytes.subarray(0, length));
		const read = await readBack(path);
		t.true(read.calls.length >= before && read.end === null);
		t.regex(read.damage ?? "", /middle of a block, at byte \d+/);
		before = read.calls.length;
	}
	t.true(before >= 4 && before <= calls);
});

test("a changed byte: the blocks before it, and it is said", async (t) => {
	const { bytes } = await threeBlocks();
	const path = join(newFolder(), "bad.rec");
	for (let at = 2000; at < bytes.length; at += 9973) {
		const changed = Buffer.from(bytes);
		changed[at]! ^= 4;
		writeFileSync(path, changed);
		const read = await readBack(path);
		t.not(read.damage, null, `byte ${at}`);
		t.true(read.calls.length < 5);
	}
});

test("bytes behind a right checksum that are no calls are damage, too", async (t) => {
	const { CallReading } = await import("../../../core/recording/call-reading.js");
	t.notThrows(() =>
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
				try {
					const reading = new CallReading(Buffer.from(bytes), 0, GAP_CAUSES);
					while (reading.next() !== null);
				} catch (error) {
					if (!(error instanceof Error)) throw error;
				}
			}),
			{ seed: 3, numRuns: 3000 },
		),
	);
});

test("what is no recording, and one of another format, is told at open", async (t) => {
	const path = join(newFolder(), "x.rec");
	writeFileSync(path, "PTAPREC2 and more than that");
	await t.throwsAsync(RecordingReader.open(path), { code: "CAPTURE_UNREADABLE" });
	await t.throwsAsync(RecordingReader.open("/nowhere"), { code: "CAPTURE_UNREADABLE" });
	const { jsonBlock, KIND_HEADER, MAGIC } = await import("../../../core/recording/block.js");
	writeFileSync(path, Buffer.concat([MAGIC, jsonBlock(KIND_HEADER, { format: 2 }, 0)]));
	await t.throwsAsync(RecordingReader.open(path), { code: "CAPTURE_UNSUPPORTED" });
});

test("a recording from before is put aside; a disk that takes nothing is told once and hinders nobody", async (t) => {
	const path = join(newFolder(), "x.rec");
	writeFileSync(path, "old");
	const engine = new Engine({}, [], () => {});
	const warnings: string[] = [];
	const diagnostics: Diagnostics = { warn: (code, message) => warnings.push(`${code}: ${message}`), info: () => {} };
	const recorderAt = (file: string) =>
		new Recorder(
			recordSchema.parse({ path: file, allow_unredacted: true }),
			() => headerOf("1", new Date(0), [], [{ options: engine.options, sources: [] }]),
			[engine],
			diagnostics,
		);
	const first = recorderAt(path);
	await first.open();
	await first.close();
	await first.close();
	t.deepEqual(
		readdirSync(join(path, "..")).map((name) => name.replace(/\d{8}T\d{9}Z/, "TIME")),
		["x-TIME.rec", "x.rec"],
	);
	const full = recorderAt("/dev/full");
	await full.open();
	engine.tick(1);
	await full.close();
	t.is(warnings.length, 1);
	t.regex(warnings[0] ?? "", /^RECORDING_INCOMPLETE: .*ENOSPC/);
	await t.throwsAsync(recorderAt("/dev/null/x").open(), { code: "RECORDING_FAILED" });
});

test("polytap run records, polytap read replays: the same lines, byte for byte", (t) => {
	const folder = newFolder();
	const config = join(folder, "c.yaml");
	const [lines, recording] = [join(folder, "x.jsonl"), join(folder, "x.rec")];
	writeFileSync(
		config,
		`version: 1
sources:
  one: { type: pcap, files: ["${DEMO}"] }
  two: { type: pcap, files: ["${DEMO}"] }
record: { path: "${recording}", allow_unredacted: true }
sinks: { a: { type: jsonl, path: "${lines}", queue: { when_full: block } } }
`,
	);
	const polytap = (...args: string[]) =>
		spawnSync(process.execPath, [CLI, ...args], { encoding: "utf8", timeout: 60_000 });
	const ran = polytap("run", "-c", config);
	t.is(ran.status, 0, ran.stderr);
	t.regex(ran.stderr, /^ {2}recording: calls \d+, events \d+, bytes written [\d,]+$/m);
	const read = polytap("read", recording);
	t.is(read.status, 0);
	t.is(read.stderr, "");
	t.is(read.stdout, readFileSync(lines, "utf8"));
	t.true(read.stdout.includes('"source":"one"') && read.stdout.includes('"source":"two"'));
	const cut = join(folder, "cut.rec");
	writeFileSync(cut, readFileSync(recording).subarray(0, -1));
	const partly = polytap("read", cut);
	t.is(partly.status, 0);
	t.regex(partly.stderr, /^warning\[CAPTURE_DAMAGED\]: cut\.rec: .*everything before it was replayed/);
	t.is(partly.stdout, read.stdout);
	const joined = polytap("read", "--join", recording, recording);
	t.is(joined.status, 2);
});

test("without allow_unredacted a config is refused, with the place", (t) => {
	const config = join(newFolder(), "c.yaml");
	writeFileSync(
		config,
		`version: 1
sources: { one: { type: pcap, files: [x] } }
record:
  path: x.rec
  allow_unredacted: false
sinks: { a: { type: blackhole } }
`,
	);
	const { status, stderr } = spawnSync(process.execPath, [CLI, "check", "-c", config], { encoding: "utf8" });
	t.is(status, 2);
	t.regex(stderr, /c\.yaml:5:21: record\.allow_unredacted: a recording holds what was captured before redaction/);
});
