/** Doctored recordings: each planted difference is found, named, and counted once; what is equal is equal. */
import test from "ava";
import { type CompareReport, compare } from "../../../core/compare/comparison.js";
import { type Digest, Digester } from "../../../core/compare/digest.js";
import { htmlOf } from "../../../core/compare/html.js";
import { textOf } from "../../../core/compare/text.js";
import type { Exchange, ExchangeMessage } from "../../../core/index.js";
import { formatTime } from "../../../core/wire/time.js";

const T0 = 1_700_000_000_000_000;
const hex = (value: number) => value.toString(16).padStart(8, "0");
const OPTIONS = { ignored: new Set<string>(), examples: 20, toleranceUs: 5_000_000 };

function message(at: number, text: string, attributes: Record<string, string | number>): ExchangeMessage {
	const body = {
		bytes: text.length,
		captured: text.length,
		completeness: "complete",
		gaps: [],
		encoding: "utf8",
		data: text,
	};
	return {
		startedAt: formatTime(T0 + at),
		endedAt: formatTime(T0 + at + 10),
		bytes: 50 + text.length,
		attributes,
		headers: [["x-id", "7"]],
		trailers: [],
		interim: [],
		body: body as ExchangeMessage["body"],
		messages: null,
	};
}

interface Place {
	readonly conn: number;
	readonly offset: number;
	readonly port?: number;
	readonly bases?: readonly [number, number] | null;
	readonly server?: string;
}

/** As two sources tell it: one with sequence numbers, one without. */
function exchange(
	n: number,
	{ conn, offset, port = 80, bases = [conn * 1000, 5], server = "10.0.0.2" }: Place,
): Exchange {
	const at = n * 1000;
	const network = bases !== null;
	const client = { address: "10.0.0.1", port: 40_000 + conn, process: null };
	return {
		schema: "polytap.exchange/v1",
		id: `${"a".repeat(16)}${hex(((network ? bases[0] : 0) + offset) >>> 0)}00000000`,
		idScope: network ? "network" : "local",
		parentId: null,
		protocol: "http/1.1",
		kind: "exchange",
		startedAt: formatTime(T0 + at),
		durationUs: 100,
		outcome: "ok",
		summary: { operation: `GET /${n}`, result: "200" },
		connection: {
			id: "a".repeat(16) + (network ? hex(bases[0]) + hex(bases[1]) : "0".repeat(16)),
			transport: "tcp",
			client,
			server: { address: server, port, process: null },
			tls: null,
		},
		request: message(at, `q${n}`, { "http.request.method": "GET" }),
		response: message(at + 50, `answer ${n}`, { "http.response.status_code": 200 }),
		observedBy: [{ source: "x", type: "x", vantage: "server", startedAt: formatTime(T0 + at), durationUs: 100 }],
		flags: [],
		annotations: {},
	};
}

/** Ten connections with ten exchanges each. */
const places = Array.from({ length: 100 }, (_, n): Place => ({ conn: Math.floor(n / 10), offset: (n % 10) * 60 }));
const ebpf = () => places.map((place, n) => exchange(n, place));
const sidecar = () => places.map((place, n) => exchange(n, { ...place, bases: null }));

function report(a: readonly Exchange[], b: readonly Exchange[], options = OPTIONS): CompareReport {
	const digester = new Digester();
	const digests = (list: readonly Exchange[]): Digest[] => list.map((each) => digester.of(each));
	return compare(
		[
			{ name: "ebpf", digests: digests(a) },
			{ name: "sidecar", digests: digests(b) },
		],
		options,
	);
}

/** With one exchange other than it was. */
function doctored(n: number, change: (x: Exchange) => Exchange): Exchange[] {
	return sidecar().map((x, at) => (at === n ? change(x) : x));
}

test("the same traffic, with other ids and clocks: 100 %", (t) => {
	const later = sidecar().map((x) => ({ ...x, startedAt: formatTime(Date.parse(x.startedAt) * 1000 + 1_500) }));
	const { parity, pairs } = report(ebpf(), later);
	t.is(parity, 100);
	t.like(pairs[0], { matched: 100, equal: 100, differing: 0, matchedBy: { position: 100, translation: 0, order: 0 } });
	t.true((pairs[0]!.startDifferenceUs?.p50 ?? 0) >= 1_000);
});

const body = (x: Exchange, part: "request" | "response", more: object): Exchange => {
	const half = x[part]!;
	return { ...x, [part]: { ...half, body: { ...half.body, ...more } } };
};

const planted: readonly (readonly [field: string, change: (x: Exchange) => Exchange])[] = [
	["outcome", (x) => ({ ...x, outcome: "error" })],
	["protocol", (x) => ({ ...x, protocol: "http/1.0" })],
	["result", (x) => ({ ...x, summary: { ...x.summary, result: "500" } })],
	["operation", (x) => ({ ...x, summary: { ...x.summary, operation: "GET /other" } })],
	["response", (x) => ({ ...x, response: null })],
	["request.headers", (x) => ({ ...x, request: { ...x.request!, headers: [["x-id", "8"]] } })],
	["response.trailers", (x) => ({ ...x, response: { ...x.response!, trailers: [["a", "b"]] } })],
	[
		"response.attributes",
		(x) => ({ ...x, response: { ...x.response!, attributes: { "http.response.status_code": 500 } } }),
	],
	["response.bytes", (x) => ({ ...x, response: { ...x.response!, bytes: 1 } })],
	["request.body.hash", (x) => body(x, "request", { data: "changed" })],
	["response.body.bytes", (x) => body(x, "response", { bytes: 3 })],
	["response.body.completeness", (x) => body(x, "response", { completeness: "truncated" })],
	["response.messages", (x) => ({ ...x, response: { ...x.response!, messages: [] } })],
];
for (const [field, change] of planted)
	test(`planted: ${field}`, (t) => {
		const found = report(ebpf(), doctored(42, change));
		const [pair] = found.pairs;
		t.deepEqual(pair!.fields, { [field]: 1 });
		t.is(pair!.differing, 1);
		t.is(pair!.differences[0]?.fields[0]?.field, field);
		t.is(found.parity, 99);
		t.is(report(ebpf(), doctored(42, change), { ...OPTIONS, ignored: new Set([field]) }).parity, 100);
		t.true(textOf(found).includes(field));
	});

const missing = (found: CompareReport) => found.pairs[0]!.missingInB.byCause;
const without = (gone: (n: number) => boolean) => sidecar().filter((_, n) => !gone(n));

/** A connection's own record, with what is missing in it. */
function connectionRecord(conn: number, protocol: string, annotations: Record<string, string | number>): Exchange {
	const x = exchange(conn * 10, { conn, offset: 0, bases: null });
	return { ...x, kind: "connection", protocol, request: null, response: null, annotations };
}

test("planted: exchanges that are missing, each with its cause", (t) => {
	t.deepEqual(
		missing(
			report(
				ebpf(),
				without((n) => n === 42),
			),
		),
		{ unknown: 1 },
	);
	t.deepEqual(
		missing(
			report(
				ebpf(),
				without((n) => n < 15),
			),
		),
		{ "before-attach": 15 },
	);
	t.deepEqual(
		missing(
			report(
				ebpf(),
				without((n) => n >= 90),
			),
		),
		{ "after-end": 10 },
	);
	t.deepEqual(
		missing(
			report(
				ebpf(),
				without((n) => n >= 50 && n < 60),
			),
		),
		{ "connection-unseen": 10 },
	);
	t.deepEqual(missing(report(ebpf(), [])), { "source-silent": 100 });
	const other = ebpf().map((x, n) => (n === 3 ? exchange(3, { ...places[3]!, port: 5432 }) : x));
	t.deepEqual(
		missing(
			report(
				other,
				without((n) => n === 3),
			),
		),
		{ filtered: 1 },
	);
	const gone = without((n) => n >= 50 && n < 60);
	for (const [protocol, annotations, cause] of [
		["tls", {}, "encrypted"],
		["raw", { "polytap.opaque.reason": "unknown-protocol" }, "undecided-protocol"],
		["http/1.1", { "polytap.client_to_server.bytes_missing.ring-full": 7 }, "ring-full"],
	] as const)
		t.deepEqual(missing(report(ebpf(), [...gone, connectionRecord(5, protocol, annotations)])), { [cause]: 10 });
});

test("what only the second source has counts as well, and causes can be ignored", (t) => {
	const found = report(ebpf().slice(0, 90), sidecar());
	t.is(found.pairs[0]!.missingInA.count, 10);
	t.is(found.parity, 90);
	t.is(report(ebpf().slice(0, 90), sidecar(), { ...OPTIONS, ignored: new Set(["after-end"]) }).parity, 100);
	t.is(report([], []).parity, 0);
});

test("across address translation, and for sources that count in another layer", (t) => {
	const inside = places.map((place, n) => exchange(n, { ...place, server: "10.9.9.9" }));
	t.like(report(ebpf(), inside).pairs[0], { equal: 100, matchedBy: { translation: 100 } });
	const shifted = places.map((place, n) => exchange(n, { ...place, bases: null, offset: place.offset + 7 }));
	t.like(report(ebpf(), shifted).pairs[0], { equal: 100, matchedBy: { order: 100 } });
});

test("addresses that are used again match by time, and nothing matches twice", (t) => {
	const again = (bases: readonly [number, number] | null) =>
		[0, 20_000].map((n) => exchange(n, { conn: 1, offset: 0, bases }));
	t.like(report(again([5, 5]), again(null)).pairs[0], { matched: 2, equal: 2 });
	t.like(report(again([5, 5]), again(null).slice(1)).pairs[0], { matched: 1, missingInB: { count: 1 } });
});

test("the page escapes what traffic says and holds the whole report", (t) => {
	const evil = (x: Exchange): Exchange => ({ ...x, summary: { ...x.summary, operation: "<script>alert(1)</script>" } });
	const found = report(ebpf(), doctored(1, evil));
	const page = htmlOf(found);
	t.false(page.includes("<script>alert"));
	const json = /<script type="application\/json" id="report">(.*)<\/script>/.exec(page)?.[1] ?? "";
	t.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(found)));
	const bell = report(
		ebpf(),
		doctored(1, (x) => ({ ...x, summary: { ...x.summary, operation: "\u001b[2J" } })),
	);
	t.false(textOf(bell).includes("\u001b"));
});
