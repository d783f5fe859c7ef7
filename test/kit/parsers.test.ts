/** Each check of the parser kit can fail: a parser that breaks one sentence is told that sentence. */
import test from "ava";
import { type Clause, ContractBreach, checkParser, type ParserKitOptions } from "polytap/testkit";
import { type Fault, lines } from "./broken/lines.js";

const conversations: ParserKitOptions["conversations"] = [
	{
		name: "three questions",
		steps: [
			{ from: "client", text: "?who\n" },
			{ from: "server", text: "!12\nI, the other" },
			{ from: "client", text: "?what\n?where\n" },
			{ from: "server", text: "!0\n!6\nat !3\n" },
		],
	},
];
const options = { conversations, fuzzInputs: 40 };

test("a parser that keeps its contract passes", async (t) => {
	await t.notThrowsAsync(checkParser(lines("none"), { ...options, mayMisread: true }));
});

const faults: readonly (readonly [fault: Fault, clause: Clause, more?: ParserKitOptions])[] = [
	["answers maybe", "detectAnswers"],
	["guesses", "detectMore"],
	["changes what it detects", "detectKeeps"],
	["throws", "sansIo"],
	["looks at a clock", "sansIo"],
	["writes", "readsOnly"],
	["writes", "readsOnly", { module: new URL("./broken/writing-parser.js", import.meta.url) }],
	["loops", "sansIo", { module: new URL("./broken/looping-parser.js", import.meta.url), hangMs: 3000 }],
	["depends on the cut", "sameSaid"],
	["keeps the bytes", "sameSaid", { module: new URL("./broken/keeping-parser.js", import.meta.url) }],
	["does not wait", "anyOrder"],
	["waits for ever", "mustProceed"],
	["consumes too much", "otherNumber"],
	["consumes half a byte", "otherNumber"],
	["never consumes", "head"],
	["tells twice", "toldTwice"],
	["begins twice", "toldTwice"],
	["hides a hole", "gapInside"],
	["miscounts a hole", "gapInside"],
	["skips too far", "resync"],
	["speaks later", "speaksInside"],
	["points outside", "indexes"],
	["points into the other direction", "ownDirection"],
	["gives other bytes", "bodyBytes"],
	["tells of a hole that is none", "bodyGap"],
	["mixes payloads", "onePayloadKind"],
	["gives a class", "plainValue"],
	["decodes at random", "decoder"],
	["changes what it gave", "sansIo"],
	["gives no summary", "head"],
	["mixes tags", "tags"],
	["gives a sentence", "opaqueReason"],
	["notes too much", "notes"],
	["makes a message up", "honest"],
	["says nothing", "head"],
];

for (const [fault, clause, more = {}] of faults) {
	test(`a parser that ${fault} is told so${more.module === undefined ? "" : ", in a process of its own"}`, async (t) => {
		const breach = await t.throwsAsync(checkParser(lines(fault), { ...options, ...more }), {
			instanceOf: ContractBreach,
		});
		t.is(breach?.clause, clause, breach?.message);
	});
}
