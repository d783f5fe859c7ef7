import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import test from "ava";
import fc from "fast-check";
import protobuf from "protobufjs";
import { decodeEntry, type Exchange, protobufHeader, toJson, writeProtobuf } from "../../../core/index.js";
import { DESCRIPTOR } from "../../../core/wire/exchange-proto.js";
import http1 from "../../../parsers/http1/index.js";
import { Harness } from "../engine/harness.js";
import { sampleBody, sampleExchange, sampleMessage } from "../sample-exchange.js";
import { alternating } from "./alternating.js";
import { anyExchange, BARE, FULL } from "./full-record.js";

const CORE = fileURLToPath(new URL("../../../../core/", import.meta.url));
const PROTO = readFileSync(`${CORE}wire/exchange.proto`, "utf8");

/** Where the entry is that lies behind its length. */
function entryIn(bytes: Buffer): Buffer {
	const reader = protobuf.Reader.create(bytes);
	const length = reader.uint32();
	return bytes.subarray(reader.pos, reader.pos + length);
}

function written(exchange: Exchange): Buffer {
	const out = Buffer.alloc(1 << 22, 0xaa);
	const end = writeProtobuf(exchange, out, 7);
	if (end < 0) throw new Error("no room");
	return out.subarray(7, end);
}

function readBack(exchange: Exchange): Exchange {
	const bytes = written(exchange);
	const entry = entryIn(bytes);
	if (entry.byteOffset + entry.length !== bytes.byteOffset + bytes.length) throw new Error("the length is wrong");
	const found = decodeEntry(entry);
	if (found === null) throw new Error("no exchange");
	return found;
}

test("a record with every field comes back as the same JSON", (t) => {
	for (const record of [FULL, BARE, sampleExchange()]) t.is(toJson(readBack(record)), toJson(record));
});

test("records made at random come back as the same JSON", (t) => {
	t.notThrows(() =>
		fc.assert(
			fc.property(anyExchange, (record) => toJson(readBack(record)) === toJson(record)),
			{ seed: 20_260_102, numRuns: 400 },
		),
	);
});

test("exchange.proto has a field for every field of core/exchange.ts, and the other way round", (t) => {
	const MESSAGES: Readonly<Record<string, string>> = {
		Exchange: "Exchange",
		ExchangeConnection: "Connection",
		ExchangeEndpoint: "Endpoint",
		ProcessIdentity: "Process",
		TlsFacts: "Tls",
		Observation: "Observation",
		ExchangeMessage: "Message",
		Interim: "Interim",
		Body: "Body",
		SubMessage: "SubMessage",
		BodyGap: "Gap",
	};
	const source = readFileSync(`${CORE}exchange.ts`, "utf8") + readFileSync(`${CORE}events.ts`, "utf8");
	const interfaces = [...readFileSync(`${CORE}exchange.ts`, "utf8").matchAll(/^export interface (\w+)/gm)].map(
		([, name = ""]) => name,
	);
	t.deepEqual(
		interfaces.filter((name) => MESSAGES[name] === undefined),
		[],
	);
	const { root } = protobuf.parse(PROTO);
	for (const [name, message] of Object.entries(MESSAGES)) {
		const [, block = ""] = new RegExp(`export interface ${name} \\{\\n([\\s\\S]*?)\\n\\}`).exec(source) ?? [];
		const fields = [...block.matchAll(/^\treadonly (\w+)\??:/gm)].map(([, field = ""]) => field);
		t.true(fields.length > 2, name);
		const type = root.lookupType(`polytap.v1.${message}`);
		const oneofs = type.oneofsArray.filter((one) => one.oneof.length > 1);
		const inOneofs = new Set(oneofs.flatMap((one) => one.oneof));
		const names = [
			...type.fieldsArray.map((field) => field.name).filter((field) => !inOneofs.has(field)),
			...oneofs.map((one) => one.name),
			...(message === "Exchange" ? ["schema"] : []),
		];
		t.deepEqual(names.sort(), fields.sort(), name);
	}
});

test("the decoder's descriptor, and the encoder's tags, are those of exchange.proto", (t) => {
	const { root } = protobuf.parse(PROTO);
	root.resolveAll();
	t.deepEqual(JSON.parse(DESCRIPTOR), JSON.parse(JSON.stringify(root.toJSON())));
	// a decoder that knows the file alone reads what the encoder wrote
	const entry = root.lookupType("polytap.v1.Entry").decode(entryIn(written(FULL)));
	const plain = root.lookupType("polytap.v1.Entry").toObject(entry, { enums: String, longs: Number });
	t.is(plain.exchange.outcome, "OUTCOME_PARTIAL");
	t.is(plain.exchange.request.body.gaps[0].cause, "CAUSE_RING_FULL");
	t.deepEqual([...plain.exchange.request.body.binary], [255, 0, 254]);
	t.is(plain.exchange.request.messages.items[0].json, JSON.stringify(FULL.request?.messages?.[0]?.data));
	t.is(plain.exchange.startedAt, Date.parse("2026-01-02T03:04:05.123Z") * 1000 + 456);
});

test("the header says which records follow, and is no record", (t) => {
	const header = protobufHeader();
	t.is(decodeEntry(entryIn(Buffer.from(header))), null);
	t.true(Buffer.from(header).includes("polytap.exchange/v1"));
	const type = protobuf.parse(PROTO).root.lookupType("polytap.v1.Entry");
	const other = type.encode({ header: { schema: "polytap.exchange/v9" } }).finish();
	t.throws(() => decodeEntry(other), { message: /v9/ });
});

function httpExchanges(...responses: (string | Buffer)[]): Exchange[] {
	const h = new Harness({ maxBodyBytes: 3000, mergeWindowUs: 1000 }, [http1]).open();
	const request = "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n";
	let at = 0;
	for (const [index, response] of responses.entries()) {
		h.bytes(0, index * request.length, request);
		h.bytes(1, at, response);
		at += response.length;
	}
	return h.exchanges;
}

const response = (body: string | Buffer, more = "") =>
	Buffer.concat([
		Buffer.from(`HTTP/1.1 200 OK\r\n${more}Content-Length: ${body.length}\r\n\r\n`),
		typeof body === "string" ? Buffer.from(body, "latin1") : body,
	]);

test("what the engine made, written without its strings, reads as the record does", (t) => {
	const zipped = gzipSync("hello ".repeat(100));
	const exchanges = httpExchanges(
		response(""),
		response("hello"),
		response("hello"),
		response("hello"),
		response('quotes " and \n'),
		response(Buffer.from("grüße €")),
		response(Buffer.from([0xff, 0, 0xfe])),
		response("x".repeat(127)),
		response("x".repeat(128)),
		response("y".repeat(5000)),
		response(zipped, "Content-Encoding: gzip\r\n"),
		response(Buffer.from("no gzip"), "Content-Encoding: gzip\r\n"),
		"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
	);
	t.is(exchanges.length, 13);
	for (let round = 0; round < 3; round++)
		for (const exchange of exchanges) t.is(toJson(readBack(exchange)), toJson(exchange));
});

test("also with gaps, two vantages, halves that are missing, flags, annotations and connection records", (t) => {
	const gap = new Harness().open().bytes(0, 0, "get\n").bytes(1, 0, "=ok 9\nab").gap(1, 8, 7, "splice").pass(90_000);
	const two = new Harness().open(1, "client").open(2, "server");
	two.bytes(0, 0, "one\n", 1).bytes(0, 0, "one\n", 2).bytes(1, 0, "=a\n", 2).bytes(1, 0, "=a\n", 1);
	const half = new Harness({ connectionRecords: true })
		.open()
		.bytes(0, 0, "one\n")
		.bytes(1, 0, "=a\n")
		.bytes(1, 3, "=b\n");
	half.pass(90_000);
	half.feed({
		kind: "annotate",
		conn: 1,
		dir: 0,
		fromOffset: 0,
		toOffset: 99,
		attributes: { "java.thread.name": "é" },
	});
	half.bytes(0, 4, "two\n").close([8, 6]);
	const opaque = new Harness().open().bytes(0, 0, "\u0001\u0002\u0003\u0004").close([4, 0]);
	const all = [gap, two, half, opaque].flatMap((h) => h.exchanges);
	t.true(all.length >= 6);
	for (const exchange of all) t.is(toJson(readBack(exchange)), toJson(exchange));
});

test("a target that is too small says so, whatever the missing piece", (t) => {
	for (const exchange of [FULL, ...httpExchanges(response("hello")), ...httpExchanges(response("z".repeat(2000)))]) {
		const { length } = written(exchange);
		for (let room = 0; room < length; room++) t.is(writeProtobuf(exchange, Buffer.alloc(room), 0), -1);
		const exact = Buffer.alloc(length);
		t.is(writeProtobuf(exchange, exact, 0), length);
		t.deepEqual(exact, written(exchange));
	}
});

test("a changed byte is found, wherever it is", (t) => {
	const entry = entryIn(written(sampleExchange()));
	for (let at = 0; at < entry.length; at++) {
		const changed = Buffer.from(entry);
		changed[at]! ^= 1;
		// without its tag the checksum is a field that nobody knows, and an entry may come without
		if (at === entry.length - 5) continue;
		t.throws(() => decodeEntry(changed), undefined, `byte ${at}`);
	}
});

test("bytes that are no entry throw and do nothing worse", (t) => {
	t.notThrows(() =>
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
				try {
					decodeEntry(bytes);
				} catch (error) {
					if (!(error instanceof Error)) throw error;
				}
			}),
			{ seed: 7, numRuns: 3000 },
		),
	);
});

test("values that no field can hold are refused, one by one", (t) => {
	const loop: Record<string, unknown> = {};
	loop.self = loop;
	const bad: Exchange[] = [
		sampleExchange({ durationUs: -1 }),
		sampleExchange({ durationUs: 1.5 }),
		sampleExchange({ startedAt: "yesterday" }),
		sampleExchange({ response: sampleMessage({ body: { ...sampleBody(""), encoding: "json", data: loop } }) }),
	];
	for (const exchange of bad) t.throws(() => writeProtobuf(exchange, Buffer.alloc(4096), 0), { instanceOf: TypeError });
});

test("times with fewer decimals are the same time; half a surrogate pair is U+FFFD", (t) => {
	const exchange = sampleExchange({ startedAt: "2026-01-02T03:04:05.1Z", flags: ["\ud800x"] });
	t.like(readBack(exchange), { startedAt: "2026-01-02T03:04:05.100000Z" });
	t.deepEqual(readBack(exchange).flags, ["\ufffdx"]);
});

test("records of one shape after another, and of shapes that alternate, are what the plain record is", (t) => {
	const out = Buffer.alloc(1 << 16);
	const count = alternating((exchange) => {
		const plain = JSON.parse(toJson(exchange)) as Exchange;
		t.deepEqual(written(exchange), written(plain));
		// and so it is where there is just enough room, and not where a byte is missing
		const { length } = written(exchange);
		out.fill(0xaa);
		t.is(writeProtobuf(exchange, out.subarray(0, length), 0), length);
		t.is(out[length], 0xaa);
		t.is(writeProtobuf(exchange, out.subarray(0, length - 1), 0), -1);
		t.is(toJson(readBack(exchange)), toJson(exchange));
	});
	t.is(count, 1200);
});
