import test from "ava";
import { Progress } from "../../../../core/delivery/spool/progress.js";

test("it knows exactly what is done, in any order, and says so again after it was written down", (t) => {
	let seed = 99;
	const random = (below: number) => {
		seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
		return Math.floor((seed / 2 ** 32) * below);
	};
	for (let round = 0; round < 50; round++) {
		const progress = new Progress(100);
		const done = new Set<number>();
		for (let step = 0; step < 200; step++) {
			const sequence = 100 + random(150);
			progress.mark(sequence);
			done.add(sequence);
			if (random(40) === 0) {
				const to = 100 + random(100);
				for (let below = 100; below < to; below++) done.add(below);
				progress.skipTo(to);
			}
		}
		const same = Progress.ofRuns(progress.next, JSON.parse(JSON.stringify(progress.runs())));
		for (const one of [progress, same]) {
			for (let sequence = 90; sequence < 260; sequence++)
				t.is(one.isDone(sequence), sequence < 100 || done.has(sequence), `${sequence}`);
			t.is(one.waiting(250), 150 - done.size);
			t.is(one.end, Math.max(...done) + 1);
		}
	}
});
