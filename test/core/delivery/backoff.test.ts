import test from "ava";
import { backoffMs } from "../../../core/delivery/backoff.js";

test("it doubles, up to the longest, and chance takes up to half", (t) => {
	const longest = [1, 2, 3, 4, 5, 2_000].map((attempt) => backoffMs(100, attempt, 700, () => 1));
	t.deepEqual(longest, [100, 200, 400, 700, 700, 700]);
	t.is(
		backoffMs(100, 2, 700, () => 0),
		100,
	);
	const some = Array.from({ length: 100 }, () => backoffMs(100, 1, 700));
	t.true(some.every((ms) => ms >= 50 && ms <= 100));
	t.true(new Set(some).size > 50);
});
