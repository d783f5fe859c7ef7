import test from "ava";
import fc from "fast-check";
import { Stream } from "../../../core/engine/stream.js";
import { EngineTotals } from "../../../core/engine/totals.js";

class Recorder {
	readonly parts: { offset: number; data: Uint8Array | null; length: number; cause: string }[] = [];
	onBytes(data: Uint8Array, offset: number): void {
		this.parts.push({ offset, data: data.slice(), length: data.length, cause: "" });
	}
	onGap(offset: number, length: number, cause: string): void {
		this.parts.push({ offset, data: null, length, cause });
	}
}

const LIMITS = { mergeWindowUs: 50, maxLateBytes: 1 << 20 };

/** Each byte is told by its position. */
const content = (from: number, to: number): Uint8Array =>
	Uint8Array.from({ length: to - from }, (_, i) => ((from + i) * 31) & 255);

test("any order, any overlap: every byte once, in order, and every missing byte in one gap", (t) => {
	const chunk = fc.record({ from: fc.nat(300), length: fc.integer({ min: 1, max: 60 }) });
	fc.assert(
		fc.property(fc.array(chunk, { maxLength: 40 }), (chunks) => {
			const recorder = new Recorder();
			const totals = new EngineTotals();
			const stream = new Stream(recorder, LIMITS, "missed", totals);
			const present = new Set<number>();
			let final = 0;
			for (const { from, length } of chunks) {
				stream.bytes(content(from, from + length), from, 1, 1);
				for (let i = from; i < from + length; i++) present.add(i);
				final = Math.max(final, from + length);
			}
			stream.giveUp(100);
			let next = 0;
			for (const { offset, data, length } of recorder.parts) {
				if (offset !== next) return false;
				for (let i = 0; i < length; i++) {
					if (present.has(offset + i) !== (data !== null)) return false;
					if (data !== null && data[i] !== (((offset + i) * 31) & 255)) return false;
				}
				next += length;
			}
			return (
				next === final &&
				totals.bytesCaptured === present.size &&
				totals.bytesMissing === final - present.size &&
				stream.lateBytes === 0 &&
				!stream.isHoled
			);
		}),
		{ seed: 20261123, numRuns: 3000 },
	);
	t.pass();
});

test("waiting bytes are bounded: over the limit the hole is given up at once", (t) => {
	const recorder = new Recorder();
	const stream = new Stream(recorder, { mergeWindowUs: 1e9, maxLateBytes: 1000 }, "missed", new EngineTotals());
	for (let i = 0; i < 20; i++) stream.bytes(content(0, 100), 500 + i * 100, 1, 1);
	t.true(stream.lateBytes <= 1000);
	t.deepEqual(recorder.parts[0], { offset: 0, data: null, length: 500, cause: "missed" });
	t.is(stream.next, 2500);
});

test("positions stay exact beyond 2^32", (t) => {
	const recorder = new Recorder();
	const stream = new Stream(recorder, LIMITS, "joined-late", new EngineTotals());
	const base = 5 * 2 ** 30;
	stream.bytes(content(0, 10), base, 1, 1);
	stream.giveUp(100);
	stream.bytes(content(0, 10), base + 10, 2, 2);
	t.is(stream.next, base + 20);
	t.is(stream.first, base);
	t.is(stream.gapBytes, 0);
});

test("a hole that was only missed takes the reason that comes later", (t) => {
	const recorder = new Recorder();
	const stream = new Stream(recorder, LIMITS, "missed", new EngineTotals());
	stream.bytes(content(0, 2), 0, 1, 1);
	stream.gap(2, 6, "missed", 1);
	stream.gap(4, 2, "position-conflict", 1);
	stream.giveUp(100);
	const gaps = recorder.parts.slice(1).map(({ offset, length, cause }) => [offset, length, cause]);
	t.deepEqual(gaps, [
		[2, 2, "missed"],
		[4, 2, "position-conflict"],
		[6, 2, "missed"],
	]);
});

test("a gap without an end reaches to where bytes go on", (t) => {
	const recorder = new Recorder();
	const stream = new Stream(recorder, LIMITS, "missed", new EngineTotals());
	stream.bytes(content(0, 4), 0, 1, 1);
	stream.gap(4, null, "source-lost", 1);
	stream.giveUp(100);
	t.is(recorder.parts.length, 1);
	stream.bytes(content(9, 12), 9, 2, 200);
	stream.giveUp(300);
	t.like(recorder.parts[1], { offset: 4, length: 5, cause: "source-lost" });
});

test("joined late: the first bytes go on at once, and what comes too late for before them is counted", (t) => {
	const recorder = new Recorder();
	const totals = new EngineTotals();
	const stream = new Stream(recorder, LIMITS, "joined-late", totals, true);
	stream.bytes(content(0, 10), 5000, 1, 1);
	t.is(stream.deadlineUs, 0);
	t.is(stream.first, 5000);
	stream.bytes(content(0, 20), 4985, 1, 1);
	stream.bytes(content(0, 7), 5003, 1, 1);
	stream.bytes(content(0, 2), 5013, 2, 2);
	t.is(totals.bytesOrphaned, 15);
	t.is(totals.bytesDuplicate, 12);
	t.is(stream.lateBytes, 2);
	stream.giveUp(100);
	t.deepEqual(
		recorder.parts.map(({ offset, length, cause }) => [offset, length, cause]),
		[
			[5000, 10, ""],
			[5010, 3, "missed"],
			[5013, 2, ""],
		],
	);
});

test("joined late: a hole that somebody knows of is waited for", (t) => {
	const recorder = new Recorder();
	const stream = new Stream(recorder, LIMITS, "joined-late", new EngineTotals(), true);
	stream.gap(4000, 1000, "ring-full", 1);
	stream.bytes(content(0, 10), 5000, 1, 1);
	t.is(recorder.parts.length, 0);
	stream.giveUp(100);
	t.deepEqual(
		recorder.parts.map(({ offset, length, cause }) => [offset, length, cause]),
		[
			[4000, 1000, "ring-full"],
			[5000, 10, ""],
		],
	);
});
