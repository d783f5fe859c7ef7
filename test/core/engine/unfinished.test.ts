/** What is told of payloads whose end was expected and did not come, and of directions that are held too long. */
import test from "ava";
import { MessageHead, type MessageWriter, type ParserPlugin, type PartWriter } from "../../../core/index.js";
import { Harness } from "./harness.js";

/** Letters are payload of a part, `.` ends the part, `!` the message; `?` gives the message up. */
const letters: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "letters",
	summary: "toy",
	readsOnly: true,
	detect: () => "yes",
	create() {
		let message: MessageWriter | null = null;
		let part: PartWriter | null = null;
		return {
			data(_dir, bytes, out) {
				for (const [i, byte] of bytes.entries()) {
					if (message === null) {
						message = out.begin(i, undefined, "message");
						message.head(new MessageHead("letters", {}, []));
						message.expectMore(true);
					}
					if (byte === 33) message.finish(i + 1, "ok");
					else if (byte === 63) message.finish(i + 1, "aborted");
					else if (byte === 46) part?.expectMore(false);
					else {
						if (part === null) part = message.message(i, {});
						part.expectMore(true);
						part.body(bytes, i, i + 1);
					}
					if (byte === 33 || byte === 63 || byte === 46) part = null;
					if (byte === 33 || byte === 63) message = null;
				}
				return bytes.length;
			},
			gap: () => false,
			resync: () => ({ skip: 0 }),
			end: () => {},
		};
	},
};

const partsOf = (h: Harness): unknown =>
	h.exchanges[0]!.request!.messages!.map(({ data, completeness = "complete" }) => `${data} ${completeness}`);

test("a part whose end is expected is no whole one where its message breaks off", (t) => {
	for (const [text, parts, body] of [
		["ab.cd.!", ["ab complete", "cd complete"], "complete"],
		["ab.cd!", ["ab complete", "cd complete"], "complete"],
		["ab.cd?", ["ab complete", "cd gap"], "gap"],
	] as const) {
		const h = new Harness({}, [letters]).open().bytes(0, 0, text);
		t.deepEqual(partsOf(h), [...parts], text);
		t.is(h.exchanges[0]!.request!.body.completeness, body, text);
	}
	const h = new Harness({}, [letters]).open().bytes(0, 0, "ab.cd").close([5, 0], "reset");
	t.deepEqual(partsOf(h), ["ab complete", "cd gap"]);
	t.is(h.exchanges[0]!.outcome, "aborted");
	t.is(h.exchanges[0]!.request!.body.gaps.length, 1);
});

test("a direction that is held goes on where its bytes find no more room, and is not given up", (t) => {
	const body = "x".repeat(500);
	const h = new Harness({ maxCarryBytes: 100 }).open().bytes(1, 0, "=ok 500\n").bytes(1, 8, body).pass(100_000);
	t.is(h.counters.connections_opaque, 0);
	t.deepEqual(h.lines, ["→ok partial"]);
	t.is(h.exchanges[0]!.response!.body.data, body);
});

test("flags stand in the order of their names, whichever direction was read first", (t) => {
	for (const order of [
		[0, 1],
		[1, 0],
	] as const) {
		const flagging: ParserPlugin = {
			...letters,
			create() {
				const messages: MessageWriter[] = [];
				return {
					data(dir, bytes, out) {
						const message = out.begin(0);
						messages.push(message);
						message.head(new MessageHead("x", {}, []));
						if (messages.length < 2) return bytes.length;
						for (const at of order) messages[at]!.flag(at === 0 ? "zebra" : "ant");
						messages[0]!.finish(1, "ok");
						message.finish(bytes.length, "ok");
						return dir === 1 ? bytes.length : 0;
					},
					gap: () => false,
					resync: () => ({ skip: 0 }),
					end: () => {},
				};
			},
		};
		const h = new Harness({}, [flagging]).open().bytes(0, 0, "a").bytes(1, 0, "b");
		t.deepEqual(h.failures, []);
		t.deepEqual(h.exchanges[0]!.flags, ["ant", "zebra"]);
	}
});
