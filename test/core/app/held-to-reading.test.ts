import test from "ava";
import { heldToReading } from "../../../core/app/held-to-reading.js";
import { MessageHead, type ParserPlugin, type ProtocolParser } from "../../../core/index.js";
import { Harness } from "../engine/harness.js";

type Data = ProtocolParser["data"];

/** Takes whatever comes. */
function parserWith(data: Data, more: Partial<ParserPlugin> = {}): ParserPlugin {
	return {
		api: 1,
		kind: "parser",
		protocol: "toy",
		summary: "For tests.",
		readsOnly: true,
		detect: () => "yes",
		create: () => ({ data, gap: () => false, resync: () => ({ skip: 0 }), end: () => {}, payloadAhead: () => 7 }),
		...more,
	};
}

const told: Data = (_dir, bytes, out) => {
	const message = out.begin(0);
	message.head(new MessageHead(Buffer.from(bytes).toString("latin1").slice(0, 5), {}, []));
	message.body(bytes, 0, bytes.length);
	message.finish(bytes.length, "ok");
	return bytes.length;
};

test("one that keeps its promise says what it would say without it, of small and large pieces", (t) => {
	for (const text of ["hello", "x".repeat(200_000)]) {
		const [held, free] = [[heldToReading(parserWith(told))], [parserWith(told)]].map((parsers) =>
			new Harness({}, parsers).open().bytes(0, 0, text).bytes(1, 0, text),
		);
		t.deepEqual(held!.failures, []);
		t.deepEqual(JSON.stringify(held!.exchanges), JSON.stringify(free!.exchanges));
		t.is(held!.exchanges.length, 1);
	}
});

test("one that writes fails, and what the source has is as it was", (t) => {
	const scribble: Data = (_dir, bytes) => {
		bytes[bytes.length - 1] = 0x21;
		return bytes.length;
	};
	const bytes = new Uint8Array(Buffer.from("hello"));
	const h = new Harness({}, [heldToReading(parserWith(scribble))]).open();
	h.feed({ kind: "bytes", conn: 1, dir: 0, offset: 0, tsUs: h.nowUs, data: bytes });
	t.regex(String(h.failures[0]), /says readsOnly/);
	t.is(Buffer.from(bytes).toString(), "hello");
});

test("so does one that writes while it is asked what it knows", (t) => {
	const detect: ParserPlugin["detect"] = (client) => {
		client.fill(0);
		return "yes";
	};
	const h = new Harness({}, [heldToReading(parserWith(told, { detect }))]).open().bytes(0, 0, "hello");
	t.regex(String(h.failures[0]), /says readsOnly/);
});

test("a parser inside a call of itself has bytes of its own", (t) => {
	const parsers: ProtocolParser[] = [];
	const seen: string[] = [];
	const nested: Data = (dir, bytes, out) => {
		if (bytes.length > 3) parsers[0]!.data(dir, bytes.subarray(0, 2), out);
		seen.push(Buffer.from(bytes).toString());
		return bytes.length;
	};
	const plugin = heldToReading(parserWith(nested));
	parsers.push(plugin.create(asContext({})));
	parsers[0]!.data(0, Buffer.from("outer"), asContext({}));
	t.deepEqual(seen, ["ou", "outer"]);
	t.is(parsers[0]!.payloadAhead?.(0), 7);
});

test("one that promises nothing is left as it is", (t) => {
	const { readsOnly: _, ...plugin } = parserWith(told);
	t.is(heldToReading(plugin), plugin);
});

/** The toy looks at neither. */
function asContext<T>(value: unknown): T {
	return value as T;
}
