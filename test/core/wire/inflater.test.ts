import { constants, deflateRawSync, type ZlibOptions } from "node:zlib";
import test from "ava";
import { InflateMemory, Inflater } from "../../../core/index.js";
import { randomNumbers } from "../../parsers/http1/play.js";

const memory = new InflateMemory();

interface Told {
	readonly text: Buffer;
	readonly result: string;
	/** Where each piece was told, and how long it was. */
	readonly marks: string;
}

function inflate(coded: Uint8Array, pieces: (left: number) => number, windowBits = 15, inflater?: Inflater): Told {
	const reader = inflater ?? new Inflater(memory, { windowBits });
	const found: Buffer[] = [];
	const marks: string[] = [];
	let result = "more";
	for (let at = 0; at < coded.length && result === "more"; ) {
		const to = at + pieces(coded.length - at);
		const write = (bytes: Uint8Array, from: number, end: number, index: number): boolean => {
			found.push(Buffer.from(bytes.subarray(from, end)));
			marks.push(`${index}:${end - from}`);
			return true;
		};
		result = reader.write(coded, at, to, write);
		at = to;
	}
	if (inflater === undefined) reader.release();
	return { text: Buffer.concat(found), result, marks: marks.join(" ") };
}

const next = randomNumbers(3);
const noiseOf = (length: number): Buffer => Buffer.from(Array.from({ length }, () => next() & 0xff));
const words = (count: number): Buffer =>
	Buffer.from(Array.from({ length: count }, () => `word${next() % 500} ${"ab".repeat(next() % 9)}`).join(" "));

const TEXTS: readonly (readonly [string, Buffer])[] = [
	["nothing", Buffer.alloc(0)],
	["one byte", Buffer.from("x")],
	["words", words(20_000)],
	["noise", noiseOf(150_000)],
	["zeros", Buffer.alloc(300_000)],
	["both", Buffer.concat([words(4000), noiseOf(40_000), Buffer.alloc(70_000), words(3000)])],
];
const WAYS: readonly (readonly [string, ZlibOptions])[] = [
	["as usual", {}],
	["level 1", { level: 1 }],
	["stored", { level: 0 }],
	["fixed codes", { strategy: constants.Z_FIXED }],
	["runs only", { strategy: constants.Z_RLE }],
	["codes only", { strategy: constants.Z_HUFFMAN_ONLY }],
	["a small window", { windowBits: 9 }],
];

for (const [name, text] of TEXTS)
	test(`gives back what zlib took: ${name}`, (t) => {
		for (const [way, options] of WAYS) {
			const coded = deflateRawSync(text, options);
			const whole = inflate(coded, (left) => left, options.windowBits);
			t.is(whole.result, "ended", way);
			t.true(whole.text.equals(text), way);
			const cuts = randomNumbers(coded.length);
			for (const pieces of [() => 1, (left: number) => Math.min(left, 1 + (cuts() % 700))]) {
				const cut = inflate(coded, pieces, options.windowBits);
				t.true(cut.text.equals(text), way);
				t.is(cut.marks, whole.marks, `${way}: told at the same places`);
			}
		}
		t.is(memory.heldBytes, 0);
	});

test("a window goes on from message to message, and two of them take turns inside their blocks", (t) => {
	const texts = Array.from({ length: 40 }, () => words(1 + (next() % 900)));
	const coders = [0, 1].map(() => {
		const parts: Buffer[] = [];
		let before = Buffer.alloc(0);
		for (const text of texts) {
			const options = { finishFlush: constants.Z_SYNC_FLUSH, dictionary: before.subarray(-32_768) };
			const coded = deflateRawSync(text, before.length === 0 ? { finishFlush: constants.Z_SYNC_FLUSH } : options);
			parts.push(coded.subarray(0, -4));
			before = Buffer.concat([before, text]);
		}
		return parts;
	});
	const readers = [0, 1].map(() => new Inflater(memory, { continues: true }));
	for (const [i, text] of texts.entries()) {
		const found: [Buffer[], Buffer[]] = [[], []];
		const sinks = ([0, 1] as const).map((n) => (bytes: Uint8Array, from: number, to: number) => {
			found[n].push(Buffer.from(bytes.subarray(from, to)));
			return true;
		});
		const coded = [coders[0]![i]!, coders[1]![i]!];
		for (let at = 0; at < coded[0]!.length; at += 7)
			for (const n of [0, 1] as const)
				t.is(readers[n]!.write(coded[n]!, at, Math.min(at + 7, coded[n]!.length), sinks[n]!), "more");
		for (const n of [0, 1] as const) {
			t.true(readers[n]!.endMessage(sinks[n]!, 5));
			t.true(Buffer.concat(found[n]).equals(text));
		}
	}
	for (const reader of readers) reader.release();
	t.is(memory.heldBytes, 0);
});

test("what is not DEFLATE fails, whatever it is, and nothing is made up beyond the buffer", (t) => {
	const coded = deflateRawSync(words(3000));
	let failed = 0;
	for (let i = 0; i < 3000; i++) {
		const broken = Buffer.from(coded.subarray(0, 200 + (next() % 3000)));
		for (let n = 0; n <= next() % 3; n++) broken[next() % broken.length] = next() & 0xff;
		const whole = inflate(broken, (left) => left);
		const cut = inflate(broken, (left) => Math.min(left, 13));
		t.is(cut.result, whole.result);
		t.true(cut.text.equals(whole.text));
		if (whole.result === "failed") failed++;
	}
	t.true(failed > 500);
	t.is(memory.heldBytes, 0);
	for (const bad of ["07", "00 01 00 00 00", "05 e0 81 00", "63 00 02"])
		t.not(inflate(Buffer.from(bad.replaceAll(" ", ""), "hex"), (left) => left).result, "ended", bad);
});

test("a reference before the first byte, or beyond the window, is none", (t) => {
	const text = Buffer.concat([noiseOf(3000), noiseOf(10)]);
	text.copy(text, 2900, 100, 200);
	const coded = deflateRawSync(text, { windowBits: 15 });
	t.is(inflate(coded, (left) => left, 15).result, "ended");
	t.is(inflate(coded, (left) => left, 9).result, "failed");
});

test("the sink may stop it, memory may be too little, and what follows the end is not touched", (t) => {
	const coded = deflateRawSync(Buffer.alloc(1 << 20));
	const inflater = new Inflater(memory);
	t.is(
		inflater.write(coded, 0, coded.length, () => false),
		"stopped",
	);
	inflater.release();
	const small = new Inflater(new InflateMemory(4096));
	t.is(
		small.write(coded, 0, coded.length, () => true),
		"failed",
	);
	small.release();
	const more = new Inflater(memory);
	t.is(
		more.write(Buffer.concat([coded, Buffer.from("tail")]), 0, coded.length + 4, () => true),
		"ended",
	);
	t.is(more.unused, 4);
	more.release();
	t.is(memory.heldBytes, 0);
});
