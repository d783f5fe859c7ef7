/** A record in which every field of core/exchange.ts has a value, and records made at random. */
import fc from "fast-check";
import type {
	Attributes,
	Body,
	BodyGap,
	Exchange,
	ExchangeEndpoint,
	ExchangeMessage,
	HeaderList,
	Interim,
	Observation,
	SubMessage,
	TlsFacts,
} from "../../../core/index.js";
import { GAP_CAUSES } from "../../../core/index.js";

const ATTRIBUTES: Attributes = {
	text: "ünï",
	empty: "",
	whole: 7,
	negative: -7,
	large: 2 ** 53,
	fraction: 0.1,
	yes: true,
	no: false,
	list: ["a", "", "b"],
	"no items": [],
	__proto__x: 1,
};

const gaps: Required<BodyGap>[] = GAP_CAUSES.map((cause, index) => ({
	from: index * 10,
	to: index === GAP_CAUSES.length - 1 ? null : index * 10 + 5,
	cause,
}));

const body: Required<Body> = {
	bytes: 2 ** 40,
	captured: 3,
	completeness: "gap",
	gaps,
	encoding: "base64",
	data: "/wD+",
	decodedFrom: "gzip, br",
	decodeLimited: true,
};

const part: Required<SubMessage> = {
	at: "2026-01-02T03:04:05.000001Z",
	bytes: 9,
	attributes: ATTRIBUTES,
	encoding: "json",
	data: { rows: [[1, null, "x"]], deep: { list: [] } },
	captured: 4,
	completeness: "truncated",
	gaps: [{ from: 4, to: 9, cause: "limit" }],
	decodedFrom: "gzip",
};

const { captured: _c, completeness: _o, gaps: _g, decodedFrom: _d, ...wholePart } = part;

const interim: Required<Interim> = {
	at: "1969-12-31T23:59:59.999999Z",
	attributes: ATTRIBUTES,
	headers: [["Link", "</x>"]],
};

const message: Required<ExchangeMessage> = {
	startedAt: "2026-01-02T03:04:05.123456Z",
	endedAt: "2026-01-02T03:04:06.000000Z",
	bytes: 12,
	attributes: ATTRIBUTES,
	headers: [
		["Host", "x"],
		["Host", "\u00ff".repeat(100)],
		["", ""],
	],
	trailers: [["grpc-status", "0"]],
	interim: [interim, { ...interim, headers: [], attributes: {} }],
	body,
	messages: [
		part,
		{ ...wholePart, encoding: "utf8", data: "text" },
		{ ...wholePart, encoding: "base64", data: "AA==" },
	],
};

const endpoint: Required<ExchangeEndpoint> = {
	address: "fe80::1",
	port: 65_535,
	process: {
		pid: 4_194_304,
		name: "n",
		executable: "/usr/bin/n",
		cgroup: "/a",
		container: "c",
		pod: "p",
		runtime: "docker",
		unit: "u.service",
		uid: 1000,
		kubernetes: { "k8s.pod.name": "web-1", "k8s.pod.label.app": "" },
	},
};

const tls: Required<TlsFacts> = {
	library: "openssl",
	version: "1.3",
	cipher: "TLS_AES_128_GCM_SHA256",
	serverName: "x.test",
	alpn: "h2",
};

const seen: Required<Observation> = {
	source: "node",
	type: "ebpf",
	vantage: "proxy",
	startedAt: "2026-01-02T03:04:05.123456Z",
	durationUs: 5_000_000_000,
};

export const FULL: Required<Exchange> = {
	schema: "polytap.exchange/v1",
	id: "0123456789abcdef0000000100000000",
	idScope: "local",
	parentId: "0123456789abcdef0000000100000001",
	protocol: "http/1.1",
	kind: "message",
	startedAt: "2026-01-02T03:04:05.123456Z",
	durationUs: 2 ** 40,
	outcome: "partial",
	summary: { operation: "GET /", result: "200" },
	connection: {
		id: "c".repeat(200),
		transport: "unix",
		client: endpoint,
		server: {
			...endpoint,
			process: {
				...endpoint.process!,
				executable: null,
				cgroup: null,
				container: null,
				pod: null,
				runtime: null,
				unit: null,
				uid: null,
			},
		},
		tls,
	},
	request: message,
	response: { ...message, body: { ...body, encoding: "utf8", data: "€".repeat(3000) }, messages: [] },
	observedBy: [seen, { ...seen, vantage: "wire" }],
	flags: ["a", "b"],
	annotations: ATTRIBUTES,
};

/** The same shape with everything that may be null or empty so. */
export const BARE: Exchange = {
	...FULL,
	parentId: null,
	connection: { ...FULL.connection, client: { ...endpoint, process: null }, tls: null },
	request: null,
	response: {
		startedAt: FULL.startedAt,
		endedAt: FULL.startedAt,
		bytes: 0,
		attributes: {},
		headers: [],
		trailers: [],
		interim: [],
		body: { bytes: 0, captured: 0, completeness: "complete", gaps: [], encoding: "json", data: null },
		messages: null,
	},
	observedBy: [],
	flags: [],
	annotations: {},
};

const word = fc.string({ unit: "binary", maxLength: 60 }).map((text) => Buffer.from(text).toString());
const count = fc.oneof(fc.nat(300), fc.maxSafeNat());
const time = fc
	.integer({ min: -1e15, max: 4e15 })
	.map(
		(us) =>
			`${new Date(Math.floor(us / 1000)).toISOString().slice(0, 23)}${String(((us % 1000) + 1000) % 1000).padStart(3, "0")}Z`,
	);
const attributes = fc.dictionary(
	word,
	fc.oneof(word, fc.double(), fc.maxSafeInteger(), fc.boolean(), fc.array(word, { maxLength: 3 })),
	{ maxKeys: 4 },
);
const headers: fc.Arbitrary<HeaderList> = fc.array(fc.tuple(word, word), { maxLength: 4 });
const gapList = fc.array(fc.record({ from: count, to: fc.option(count), cause: fc.constantFrom(...GAP_CAUSES) }), {
	maxLength: 3,
});
const data = fc.oneof(
	fc.record({
		encoding: fc.constant("utf8" as const),
		data: fc.string({ unit: "binary", maxLength: 400 }).map((text) => Buffer.from(text).toString()),
	}),
	fc.record({
		encoding: fc.constant("base64" as const),
		data: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString("base64")),
	}),
	fc.record({ encoding: fc.constant("json" as const), data: fc.jsonValue() }),
);
const completeness = fc.constantFrom("complete" as const, "truncated" as const, "gap" as const);
const vantage = fc.constantFrom("client" as const, "server" as const, "wire" as const, "proxy" as const);
const anyBody = fc.tuple(count, count, completeness, gapList, data, fc.option(word), fc.boolean()).map(
	([bytes, captured, whole, holes, rest, coding, isLimited]): Body => ({
		bytes,
		captured,
		completeness: whole,
		gaps: holes,
		...rest,
		...(coding === null ? {} : { decodedFrom: coding }),
		...(isLimited ? { decodeLimited: true } : {}),
	}),
);
const anyPart = fc.tuple(time, count, attributes, data, fc.option(fc.tuple(count, completeness, gapList))).map(
	([at, bytes, facts, rest, cut]): SubMessage => ({
		at,
		bytes,
		attributes: facts,
		...rest,
		...(cut === null ? {} : { captured: cut[0], completeness: cut[1], gaps: cut[2] }),
	}),
);
const anyMessage: fc.Arbitrary<ExchangeMessage> = fc.record({
	startedAt: time,
	endedAt: time,
	bytes: count,
	attributes,
	headers,
	trailers: headers,
	interim: fc.array(fc.record({ at: time, attributes, headers }), { maxLength: 2 }),
	body: anyBody,
	messages: fc.option(fc.array(anyPart, { maxLength: 3 })),
});
const anyEndpoint = fc.record({
	address: word,
	port: fc.nat(65_535),
	process: fc.option(
		fc.record(
			{
				pid: count,
				name: word,
				executable: fc.option(word),
				cgroup: fc.option(word),
				container: fc.option(word),
				pod: fc.option(word),
				runtime: fc.option(word),
				unit: fc.option(word),
				uid: fc.option(fc.nat()),
				kubernetes: fc.dictionary(word, word, { minKeys: 1, maxKeys: 3 }),
			},
			{ requiredKeys: ["pid", "name", "executable", "cgroup", "container", "pod", "runtime", "unit", "uid"] },
		),
	),
});

export const anyExchange: fc.Arbitrary<Exchange> = fc.record({
	schema: fc.constant("polytap.exchange/v1" as const),
	id: word,
	idScope: fc.constantFrom("network" as const, "local" as const),
	parentId: fc.option(word),
	protocol: word,
	kind: fc.constantFrom("exchange" as const, "message" as const, "connection" as const),
	startedAt: time,
	durationUs: count,
	outcome: fc.constantFrom(
		"ok" as const,
		"error" as const,
		"unanswered" as const,
		"aborted" as const,
		"partial" as const,
	),
	summary: fc.record({ operation: word, result: word }),
	connection: fc.record({
		id: word,
		transport: fc.constantFrom("tcp" as const, "udp" as const, "unix" as const),
		client: anyEndpoint,
		server: anyEndpoint,
		tls: fc.option(
			fc.record({
				library: fc.option(word),
				version: fc.option(word),
				cipher: fc.option(word),
				serverName: fc.option(word),
				alpn: fc.option(word),
			}),
		),
	}),
	request: fc.option(anyMessage),
	response: fc.option(anyMessage),
	observedBy: fc.array(fc.record({ source: word, type: word, vantage, startedAt: time, durationUs: count }), {
		maxLength: 2,
	}),
	flags: fc.array(word, { maxLength: 3 }),
	annotations: attributes,
});
