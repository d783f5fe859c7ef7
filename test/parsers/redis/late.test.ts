/** Joined late, and after holes: what is recorded is right. */
import test from "ava";
import type { Exchange } from "../../../core/index.js";
import redis from "../../../parsers/redis/index.js";
import { Harness } from "../../core/engine/harness.js";
import { bulk, command } from "./talk.js";

const LIST = `*40\r\n${Array.from({ length: 40 }, (_, i) => bulk(`element ${i}`)).join("")}`;

/** A synchronous client: each round is sent when the one before was answered. */
const rounds: readonly (readonly [string, string])[] = Array.from({ length: 12 }, (_, i) => {
	if (i % 3 === 2) return [command("LRANGE", "list", "0", "-1"), LIST];
	const names = Array.from({ length: 4 }, (_, j) => `k${i}.${j}`);
	return [
		names.map((name) => command("GET", name)).join("") + command("INCR", `n${i}`),
		`${names.map((name) => bulk(`value of ${name}`)).join("")}:${i}\r\n`,
	];
});

/** Every paired exchange holds the reply of its own command. */
function wrong(exchanges: readonly Exchange[]): string[] {
	return exchanges.flatMap(({ kind, request, response }) => {
		if (kind === "connection" || request === null || response?.body.completeness !== "complete") return [];
		const [name, key] = request.body.data as string[];
		const data = response.body.data;
		const isRight =
			name === "GET"
				? data === `value of ${key}`
				: name === "INCR"
					? JSON.stringify(data) === `[${key!.slice(1)}]`
					: Array.isArray(data) && data.length === 40;
		return isRight ? [] : [`${name} ${key}: ${JSON.stringify(data)}`];
	});
}

const paired = (exchanges: readonly Exchange[]): number =>
	exchanges.filter(({ kind, outcome }) => kind === "exchange" && outcome === "ok").length;

const total = rounds.reduce((sum, [asked]) => sum + asked.split("*").length - 1, 0);

for (const [role, pauseUs, more] of [
	// the server answers what it read before it reads on
	["server", 1000, 0],
	// elsewhere nobody knows what was outstanding, but after some silence
	["wire", 250_000, 1],
	["client", 250_000, 1],
] as const)
	test(`joined at any byte of either direction, watched from ${role}: nothing wrong, nothing missing after the first whole round`, (t) => {
		const asked = rounds.map(([text]) => text).join("");
		const told = rounds.map(([, text]) => text).join("");
		for (let cut = 1; cut < 600; cut += 7) {
			const h = new Harness({}, [redis]).open(1, role, { fromStart: false });
			const at: [number, number] = [0, 0];
			const start: [number, number] = [Math.min(cut, asked.length), Math.min(cut * 2, told.length)];
			for (const round of rounds)
				for (const dir of [0, 1] as const) {
					const text = round[dir];
					const from = Math.max(0, start[dir] - at[dir]);
					if (from < text.length) h.bytes(dir, at[dir] + from - start[dir], text.slice(from));
					at[dir] += text.length;
					h.pass(dir === 0 ? 1000 : pauseUs);
				}
			h.close([asked.length - start[0], told.length - start[1]]).pass(200_000);
			t.deepEqual(h.failures, []);
			t.deepEqual(wrong(h.exchanges), [], `cut ${cut}`);
			// what is left of the rounds that follow the first whole one
			const seen = rounds.findIndex((_, i) => {
				const before = [0, 1].map((d) => rounds.slice(0, i).reduce((sum, round) => sum + round[d]!.length, 0));
				return before[0]! >= start[0] && before[1]! >= start[1];
			});
			const expected = rounds.slice(seen + more).reduce((sum, [text]) => sum + text.split("*").length - 1, 0);
			t.true(paired(h.exchanges) >= expected, `cut ${cut}: ${paired(h.exchanges)} of ${expected}`);
		}
	});

for (const role of ["client", "wire"] as const)
	for (const depth of [1, 2, 5])
		test(`joined late, watched from ${role}: a client that always has ${depth} outstanding is paired with nothing wrong`, (t) => {
			const h = new Harness({}, [redis]).open(1, role, { fromStart: false });
			const at: [number, number] = [0, 0];
			const say = (dir: 0 | 1, text: string): void => {
				h.bytes(dir, at[dir], text).pass(500);
				at[dir] += text.length;
			};
			const gets = (first: number, count: number): string =>
				Array.from({ length: count }, (_, i) => command("GET", `k${first + i}`)).join("");
			const answers = (first: number, count: number): string =>
				Array.from({ length: count }, (_, i) => bulk(`value of k${first + i}`)).join("");
			// one more as soon as one is answered, then several at once: what was asked before we joined is answered first
			for (let i = 0; i < 200; i++) {
				say(0, gets(i, 1));
				say(1, answers(i - depth, 1));
			}
			for (let i = 200; i < 400; i += depth) {
				say(0, gets(i, depth));
				say(1, answers(i - depth, depth));
			}
			t.deepEqual(wrong(h.exchanges), []);
			t.is(paired(h.exchanges), 0);
			// now the client comes to rest
			say(1, answers(400 - depth, depth));
			h.pass(300_000);
			for (let i = 400; i < 420; i++) {
				say(0, gets(i, 1));
				say(1, answers(i, 1));
			}
			t.deepEqual(h.failures, []);
			t.deepEqual(wrong(h.exchanges), []);
			t.is(paired(h.exchanges), 20);
		});

for (const dir of [0, 1] as const)
	test(`any segment of ${dir === 0 ? "the commands" : "the replies"} missing: nothing wrong, the rest is found again`, (t) => {
		for (let lost = 0; lost < rounds.length - 2; lost++)
			for (const [from, size] of [
				[0, 5],
				[9, 20],
				[30, 1000],
			] as const) {
				const h = new Harness({ mergeWindowUs: 0 }, [redis]).open();
				const at: [number, number] = [0, 0];
				for (const [i, round] of rounds.entries())
					for (const d of [0, 1] as const) {
						const text = round[d];
						if (d === dir && i === lost) {
							const hole = Math.min(size, text.length - from);
							if (from > 0) h.bytes(d, at[d], text.slice(0, from));
							if (hole > 0) h.gap(d, at[d] + Math.min(from, text.length), hole, "ring-full");
							if (from + size < text.length) h.bytes(d, at[d] + from + size, text.slice(from + size));
						} else h.bytes(d, at[d], text);
						at[d] += text.length;
						h.pass(1000);
					}
				h.close(at).pass(200_000);
				t.deepEqual(h.failures, []);
				t.deepEqual(wrong(h.exchanges), [], `round ${lost}, ${from} to ${from + size}`);
				t.true(paired(h.exchanges) >= total - 12, `round ${lost}: ${paired(h.exchanges)} of ${total}`);
			}
	});

test("a hole inside a value is a gap of that value and loses nothing else", (t) => {
	const value = "x".repeat(50_000);
	const set = command("SET", "k", value);
	const h = new Harness({ mergeWindowUs: 0 }, [redis]).open();
	h.bytes(0, 0, set.slice(0, 20_000)).gap(0, 20_000, 10_000, "ring-full").bytes(0, 30_000, set.slice(30_000));
	h.bytes(1, 0, "+OK\r\n").bytes(0, set.length, command("GET", "k"));
	const reply = bulk(value);
	h.bytes(1, 5, reply.slice(0, 100)).gap(1, 105, 1000, "missed").bytes(1, 1105, reply.slice(1100));
	h.close([set.length + command("GET", "k").length, 5 + reply.length]).pass(200_000);
	t.deepEqual(h.failures, []);
	t.is(h.exchanges.length, 2);
	const [first, second] = h.exchanges;
	t.deepEqual(first!.request!.body.data, ["SET", "k"]);
	t.is(first!.request!.body.gaps[0]!.cause, "ring-full");
	t.deepEqual(second!.response!.body.gaps, [{ from: 92, to: 1092, cause: "missed" }]);
});

test("a subscriber and a monitor that were joined late", (t) => {
	const message = `*3\r\n${bulk("message")}${bulk("c")}${bulk("hello")}`;
	const h = new Harness({}, [redis]).open(1, "wire", { fromStart: false });
	h.bytes(1, 0, message.slice(9))
		.bytes(1, message.length - 9, message)
		.bytes(1, 2 * message.length - 9, message);
	const line = '+1339518083.107412 [0 127.0.0.1:1] "get" "k"\r\n';
	h.open(2, "wire", { fromStart: false, client: { address: "127.0.0.1", port: 2 }, bases: [1, 2] });
	h.bytes(1, 0, line, 2).bytes(1, line.length, line, 2);
	t.deepEqual(h.failures, []);
	const results = h.exchanges.map(({ summary }) => summary.result);
	t.deepEqual(results, ["message c", "message c", "monitor GET k", "monitor GET k"]);
});

/** A connection that was joined late: one command, and the reply up to a byte. */
function cutOff(captured: number): Exchange[] {
	const h = new Harness({}, [redis]).open(1, "server", { fromStart: false });
	const reply = bulk("v".repeat(490_493));
	h.bytes(0, 0, command("GET", "large"));
	for (let at = 0; at < captured; at += 65_483)
		h.pass(30).bytes(1, at, reply.slice(at, Math.min(captured, at + 65_483)));
	h.engine.sourceEnded(h.source, h.nowUs + 1);
	failures.push(...h.failures);
	return h.exchanges.filter(({ kind }) => kind === "exchange");
}
const failures: unknown[] = [];

test("joined late and cut off: a command whose reply had begun is not called unanswered", (t) => {
	const whole = bulk("v".repeat(490_493)).length;
	t.deepEqual(
		cutOff(whole).map(({ outcome }) => outcome),
		["ok"],
	);
	// a capture that ends before the line end behind the string
	for (const captured of [whole - 2, whole - 1, 300, 1])
		t.deepEqual(
			cutOff(captured).map(({ outcome }) => outcome),
			["partial"],
			`${captured}`,
		);
	t.deepEqual(
		cutOff(0).map(({ outcome }) => outcome),
		["unanswered"],
	);
	t.deepEqual(failures, []);
});

test("a reply that must be seen as a whole, cut off: aborted where the server stopped, partial where watching did", (t) => {
	for (const [how, outcome] of [
		["fin", "aborted"],
		[null, "partial"],
	] as const) {
		const h = new Harness({}, [redis]).open();
		const asked = command("CONFIG", "GET", "*");
		h.bytes(0, 0, asked).bytes(1, 0, `*2\r\n${bulk("port")}$4\r\n63`);
		if (how === null) h.engine.sourceEnded(h.source, h.nowUs + 1);
		else h.close([asked.length, 20], how).pass(1e6);
		t.deepEqual(
			h.exchanges.map((exchange) => exchange.outcome),
			[outcome],
		);
	}
});
