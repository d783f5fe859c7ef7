import test from "ava";
import fc from "fast-check";
import { type Mutation, mutate } from "../../fuzz/mutation.js";
import { type FuzzResult, makeEngine, readInput, run } from "../../fuzz/pcap-fuzz.js";
import { SEEDS } from "../../fuzz/pcap-seeds.js";

const mutation: fc.Arbitrary<Mutation> = fc.record({
	kind: fc.nat(8),
	place: fc.nat(1_000_000).map((n) => n / 1_000_000),
	value: fc.nat(),
});
const seed = fc.constantFrom(...SEEDS);
const nothing = (): FuzzResult => ({ inputs: 0, bytes: 0, packets: 0, events: 0, ends: {}, slowestMs: 0 });

test("unbroken, every seed is read whole and says something", async (t) => {
	for (const bytes of SEEDS) {
		const result = nothing();
		await readInput(bytes, makeEngine(), result);
		t.deepEqual(result.ends, { whole: 1 });
		t.true(result.packets >= 6 && result.events >= 2);
	}
});

test("broken files: events that keep the contract, or a coded problem", async (t) => {
	const result = nothing();
	const engine = makeEngine();
	await fc.assert(
		fc.asyncProperty(seed, seed, fc.array(mutation, { minLength: 1, maxLength: 6 }), async (base, other, mutations) => {
			await readInput(mutate(base, other, mutations), engine, result);
		}),
		{ seed: 20_260_101, numRuns: 3000 },
	);
	t.is(result.inputs, 3000);
	t.true((result.ends.CAPTURE_DAMAGED ?? 0) > 500 && (result.ends.whole ?? 0) > 200, JSON.stringify(result.ends));
});

test("bytes from nowhere", async (t) => {
	const result = nothing();
	const engine = makeEngine();
	await fc.assert(
		fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), seed, fc.nat(40), async (noise, head, kept) => {
			await readInput(noise, engine, result);
			await readInput(new Uint8Array([...head.subarray(0, kept), ...noise]), engine, result);
		}),
		{ seed: 7, numRuns: 1000 },
	);
	t.is(result.inputs, 2000);
});

test("the long form, for a little while", async (t) => {
	const result = await run(3000, 20_260_102);
	t.is(result.inputs, 3000);
	t.true(result.packets > 10_000);
	t.true(result.slowestMs < 2000);
});
