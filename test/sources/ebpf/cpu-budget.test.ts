import test from "ava";
import { CpuBudget, STAGES } from "../../../sources/ebpf/cpu-budget.js";

/** Runs a budget of 50 % over seconds that use so many percent each; what it asked for, step by step. */
function steps(percents: readonly number[], maxPercent = 50): { saved: [number, number][]; budget: CpuBudget } {
	const saved: [number, number][] = [];
	const economy = { save: (turnBytes: number, keepOneIn: number) => saved.push([turnBytes, keepOneIn]) };
	const budget = new CpuBudget(maxPercent, economy as never, () => {}, 0, 0);
	let used = 0;
	percents.forEach((percent, second) => {
		used += percent * 10_000;
		budget.look((second + 1) * 1000, () => used);
	});
	return { saved, budget };
}

test("two seconds above: a step down, and so on to the last stage", (t) => {
	t.deepEqual(steps([60]).saved, []);
	t.deepEqual(steps([60, 40, 60]).saved, []);
	t.deepEqual(steps([60, 60]).saved, [[65_536, 1]]);
	const { saved, budget } = steps(Array.from({ length: 20 }, () => 90));
	t.deepEqual(
		saved,
		STAGES.slice(1).map(({ turnBytes, keepOneIn }) => [turnBytes, keepOneIn]),
	);
	t.is(budget.stage, STAGES.length - 1);
	t.is(budget.stepsDown, STAGES.length - 1);
});

test("ten seconds well below: a step up, to everything", (t) => {
	const { saved, budget } = steps([60, 60, ...Array.from({ length: 10 }, () => 20)]);
	t.deepEqual(saved.at(-1), [0, 1]);
	t.is(budget.stage, 0);
	t.deepEqual([budget.stepsDown, budget.stepsUp], [1, 1]);
	t.is(budget.savingMs, 10_000);
});

test("in between it stays where it is", (t) => {
	t.is(steps([60, 60, ...Array.from({ length: 30 }, () => 45)]).budget.stage, 1);
	t.is(
		steps([60, 60, ...Array.from({ length: 9 }, () => 20), 40, ...Array.from({ length: 9 }, () => 20)]).budget.stage,
		1,
	);
});

test("no limit: nobody asks what was used", (t) => {
	const budget = new CpuBudget(0, { save: () => t.fail() } as never, () => {}, 0, 0);
	budget.look(10_000, () => {
		t.fail();
		return 0;
	});
	t.is(budget.stage, 0);
});
