import test from "ava";
import { run } from "./http1-fuzz.js";

test("broken conversations: no throw, no byte used twice, the same in pieces as in one", (t) => {
	for (const seed of [1, 20_261_124]) {
		const result = run(1500, seed);
		t.is(result.inputs, 1500);
		t.true(result.messages > 1500, `${result.messages} messages`);
		t.true(result.exchanges > 300, `${result.exchanges} exchanges`);
		t.true((result.ends.parsed ?? 0) > 150, JSON.stringify(result.ends));
		t.true(result.maxCarry <= 1 << 20);
	}
});
