import test from "ava";
import { type Body, type ItemDecoder, MessageHead, type ParserPlugin } from "../../../core/index.js";
import { Harness } from "./harness.js";

/** Items of a length byte and as many letters. */
const decoder: ItemDecoder = {
	size: (bytes, at, to) => (at < to ? bytes[at]! + 1 : 0),
	value: (bytes, at, to, index) => {
		const text = Buffer.from(bytes.subarray(at + 1, to)).toString("latin1");
		if (text === "bad") throw new Error("no value");
		return { [index]: text };
	},
};

/** Client and server bytes are one message each; `-` as a client's first byte: the items are a part. */
const letters: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "letters",
	summary: "one message of items in each direction",
	readsOnly: true,
	detect: () => "yes",
	create: () => {
		const writers: [unknown, unknown] = [null, null];
		return {
			data(dir, bytes, out) {
				writers[dir] ??= (() => {
					const writer = out.begin(0, -1);
					writer.head(new MessageHead("items", {}, []));
					const target = dir === 1 ? writer.message(0, {}) : writer;
					target.items(decoder);
					return { writer, target };
				})();
				(writers[dir] as { target: { body(b: Uint8Array, f: number, t: number): void } }).target.body(
					bytes,
					0,
					bytes.length,
				);
				return bytes.length;
			},
			gap(dir, length) {
				(writers[dir] as { target: { bodyGap(n: number | null): void } }).target.bodyGap(length);
				return true;
			},
			resync: () => ({ skip: 0 }),
			end(dir) {
				(writers[dir] as { writer: { finish(i: number, o: "ok"): void } } | null)?.writer.finish(0, "ok");
			},
		};
	},
};

const items = (...texts: string[]): string => texts.map((text) => String.fromCharCode(text.length) + text).join("");

/** The request's body after `text` was sent in pieces of `size`; `holes` are positions that never come. */
function bodyOf(text: string, size: number, hole: [number, number] | null = null, maxBodyBytes = 1 << 20): Body {
	const h = new Harness({ maxBodyBytes, mergeWindowUs: 0 }, [letters]).open();
	for (let at = 0; at < text.length; ) {
		if (hole !== null && at === hole[0]) {
			h.gap(0, at, hole[1] - at, "ring-full");
			at = hole[1];
			continue;
		}
		const end = Math.min(at + size, text.length, hole !== null && at < hole[0] ? hole[0] : text.length);
		h.bytes(0, at, text.slice(at, end));
		at = end;
	}
	h.bytes(1, 0, items("x", "yz"));
	h.close([text.length, items("x", "yz").length]).pass(200_000);
	const exchange = h.exchanges[0]!;
	if (h.failures.length > 0) throw h.failures[0];
	if (!exchange.id.endsWith("00000000")) throw new Error("a parser's own count became part of the id");
	return exchange.request!.body;
}

const TEXT = items("one", "", "three", "bad", "five");
const VALUES = [{ 0: "one" }, { 1: "" }, { 2: "three" }];

for (const size of [1, 2, 7, 1000])
	test(`items come out of raw bytes in pieces of ${size}; one without a value is left out`, (t) => {
		const body = bodyOf(TEXT, size);
		t.is(body.encoding, "json");
		t.deepEqual(body.data, [...VALUES, { 4: "five" }]);
		t.is(body.bytes, TEXT.length);
		t.is(body.captured, TEXT.length - 4);
		t.deepEqual(body.gaps, [{ from: 11, to: 15, cause: "parse-resync" }]);
	});

test("an item that the limit cuts is left out and counted", (t) => {
	const body = bodyOf(TEXT, 3, null, 8);
	t.deepEqual(body.data, [{ 0: "one" }, { 1: "" }]);
	t.is(body.captured, 5);
	t.is(body.completeness, "truncated");
	t.deepEqual(body.gaps, [{ from: 5, to: TEXT.length, cause: "limit" }]);
});

test("a hole inside an item costs that item; one over an item's framing costs what follows", (t) => {
	const inside = bodyOf(TEXT, 4, [7, 9]);
	t.deepEqual(inside.data, [{ 0: "one" }, { 1: "" }, { 4: "five" }]);
	t.is(inside.completeness, "gap");
	t.deepEqual(inside.gaps, [
		{ from: 5, to: 11, cause: "ring-full" },
		{ from: 11, to: 15, cause: "parse-resync" },
	]);
	const across = bodyOf(TEXT, 4, [2, 6]);
	t.deepEqual(across.data, []);
	t.deepEqual(across.gaps, [{ from: 0, to: TEXT.length, cause: "ring-full" }]);
});

test("parts have items too, and every record of them is plain JSON", (t) => {
	const h = new Harness({}, [letters]).open();
	h.bytes(0, 0, items("a")).bytes(1, 0, items("x", "yz"));
	h.close([2, 5]).pass(200_000);
	const [part] = h.exchanges[0]!.response!.messages!;
	t.deepEqual(part!.data, [{ 0: "x" }, { 1: "yz" }]);
	t.is(part!.encoding, "json");
	t.is(JSON.parse(JSON.stringify(h.exchanges[0])).request.body.data[0][0], "a");
});
