import test from "ava";
import { partsOf } from "../../../sources/ebpf/alive.js";
import { type AskAlive, Sweep } from "../../../sources/ebpf/sweep.js";

/** Sockets with these cookies, and how often the kernel was asked. */
function kernelWith(cookies: Iterable<number>): { ask: AskAlive; asked: number[] } {
	const asked: number[] = [];
	const ask: AskAlive = (part, parts) => {
		asked.push(part);
		return new Set([...cookies].filter((cookie) => cookie % parts === part));
	};
	return { ask, asked };
}

const mapOf = (cookies: readonly number[]) => new Map(cookies.map((cookie) => [cookie, null]));

/** Steps a second apart; what was suspected meanwhile. */
function run(sweep: Sweep, known: ReturnType<typeof mapOf>, fromMs: number, toMs: number): number[] {
	const found: number[] = [];
	for (let nowMs = fromMs; nowMs <= toMs; nowMs += 25) {
		sweep.step(nowMs, known);
		found.push(...sweep.suspects);
		for (const cookie of sweep.suspects) known.delete(cookie);
		sweep.suspects = [];
	}
	return found;
}

test("what the kernel does not know any more is found within a minute", (t) => {
	const { ask, asked } = kernelWith([1, 3]);
	const sweep = new Sweep(ask, () => 0, 0);
	const known = mapOf([1, 2, 3, 4]);
	t.deepEqual(run(sweep, known, 0, 59_000), []);
	t.deepEqual(asked, [], "nothing is asked without need");
	t.deepEqual(run(sweep, known, 59_000, 66_000).sort(), [2, 4]);
	t.deepEqual([...known.keys()], [1, 3]);
});

test("sooner where the kernel has counted ends that it could not tell, and then again only if there are more", (t) => {
	const { ask, asked } = kernelWith([1]);
	let lost = 0;
	const sweep = new Sweep(ask, () => lost, 0);
	const known = mapOf([1, 2]);
	lost = 7;
	t.deepEqual(run(sweep, known, 0, 6_000), [2]);
	t.is(asked.length, 1);
	run(sweep, known, 6_000, 30_000);
	t.is(asked.length, 1);
});

test("many sockets are asked about in parts, none of which the kernel has to cut", (t) => {
	const known = mapOf(Array.from({ length: 50_000 }, (_, i) => i + 1));
	const alive = [...known.keys()].filter((cookie) => cookie % 100 !== 0);
	const { ask, asked } = kernelWith(alive);
	const sweep = new Sweep(ask, () => 1, 0);
	t.is(run(sweep, known, 0, 20_000).length, 500);
	t.is(known.size, alive.length);
	t.is(new Set(asked).size, partsOf(50_000));
	t.true(50_000 / partsOf(50_000) <= 1024);
});

test("nobody is suspected where the kernel did not tell", (t) => {
	const known = mapOf([1, 2]);
	const sweep = new Sweep(
		() => null,
		() => 1,
		0,
	);
	t.deepEqual(run(sweep, known, 0, 70_000), []);
});

test("as long as suspects are looked into nothing more is asked", (t) => {
	const { ask, asked } = kernelWith([]);
	const sweep = new Sweep(ask, () => 1, 0);
	for (let nowMs = 0; nowMs < 20_000; nowMs += 25) sweep.step(nowMs, mapOf([1]));
	t.deepEqual(sweep.suspects, [1]);
	t.is(asked.length, 1);
});
