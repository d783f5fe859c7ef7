import test from "ava";
import { Harness } from "./harness.js";

const flagsOf = (h: Harness): string[] =>
	h.exchanges.map(({ summary, flags, outcome }) => `${summary.operation}→${summary.result} ${outcome} ${flags}`);

test("beyond the cap the oldest request comes out unanswered, and its response is not given to the next one", (t) => {
	const h = new Harness({ maxPending: 2 }).open().bytes(0, 0, "one\ntwo\nthree\nfour\n");
	t.deepEqual(flagsOf(h), ["one→ unanswered pending-cap", "two→ unanswered pending-cap"]);
	t.is(h.counters.pending_evicted, 2);
	h.bytes(1, 0, "=a\n=b\n=c\n=d\n");
	t.deepEqual(flagsOf(h).slice(2), [
		"→a partial late-response",
		"→b partial late-response",
		"three→c ok ",
		"four→d ok ",
	]);
});

test("responses to evicted requests that are lost are not waited for", (t) => {
	const h = new Harness({ maxPending: 1 }).open().bytes(0, 0, "one\ntwo\nthree\n").bytes(1, 0, "=a\n");
	h.gap(1, 3, 3, "ring-full").bytes(1, 6, "=c\n").pass(60_000);
	t.deepEqual(flagsOf(h), [
		"one→ unanswered pending-cap",
		"two→ unanswered pending-cap",
		"→a partial late-response",
		"three→c ok ",
	]);
});

test("requests that were evicted by tag leave no place behind", (t) => {
	const h = new Harness({ maxPending: 1 })
		.open()
		.bytes(0, 0, "one#1\ntwo#2\n")
		.bytes(1, 0, "=b#2\n=a#1\n")
		.pass(60_000);
	t.deepEqual(flagsOf(h), ["one→ unanswered pending-cap", "two→b ok ", "→a partial "]);
});
