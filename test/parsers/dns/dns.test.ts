import test from "ava";
import type { Exchange } from "../../../core/index.js";
import dns from "../../../parsers/dns/index.js";
import { readMessage } from "../../../parsers/dns/message.js";
import { byteByByte, play, randomCuts, type Step, whole } from "../http1/play.js";
import { a, edns, framed, message, name, RESPONSE, type Said, soa } from "./talk.js";

const step = (dir: 0 | 1, bytes: Buffer): Step => [dir, framed(bytes).toString("latin1")];
const ask = (said: Said): Step => step(0, message(said));
const tell = (said: Said): Step => step(1, message({ bits: RESPONSE, ...said }));
const exchanges = (cut = whole): readonly Exchange[] => play(steps, cut, { parsers: [dns] }).exchanges;
const lineOf = ({ summary, outcome }: Exchange): string => `${summary.operation} → ${summary.result} ${outcome}`;

const steps = [
	ask({ id: 1, asked: "www.example.test", additional: [edns] }),
	ask({ id: 2, asked: "gone.test", type: 28 }),
	tell({ id: 2, asked: "gone.test", type: 28, bits: RESPONSE | 3, authority: [soa(1)] }),
	tell({ id: 1, asked: "www.example.test", answers: [a(192, 0, 2, 1), a(192, 0, 2, 2)] }),
	ask({ id: 3, asked: "example.test", type: 252 }),
	tell({ id: 3, asked: "example.test", type: 252, answers: [soa(9), a(192, 0, 2, 3)] }),
	tell({ id: 3, asked: "example.test", type: 252, answers: [a(192, 0, 2, 4), soa(9)] }),
];
const lines = [
	"AAAA gone.test → NXDOMAIN error",
	"A www.example.test → NOERROR 2 ok",
	"AXFR example.test → NOERROR 2 ok",
];

for (const [title, cut] of [
	["whole", whole],
	["byte by byte", byteByByte],
	["cut anywhere", randomCuts(5)],
] as const)
	test(`a stream of questions and answers, ${title}`, (t) => {
		t.deepEqual(exchanges(cut).map(lineOf), lines);
	});

test("attributes and bodies", (t) => {
	const [, found, transfer] = exchanges();
	t.deepEqual(found?.request?.attributes, {
		"dns.id": 1,
		"dns.opcode": "QUERY",
		"dns.question.name": "www.example.test",
		"dns.question.type": "A",
		"dns.question.class": "IN",
		"dns.flags": ["rd"],
		"dns.edns.version": 0,
		"dns.edns.udp_size": 1232,
		"dns.edns.do": true,
		"dns.edns.options": ["cookie", "client-subnet"],
		"dns.edns.client_subnet": "192.0.2.0/24",
	});
	t.deepEqual(found?.response?.attributes["dns.answers"], ["192.0.2.1", "192.0.2.2"]);
	t.is(found?.response?.attributes["dns.response_code"], "NOERROR");
	const answer = { section: "answer", name: "www.example.test", type: "A", class: "IN", ttl: 60 };
	t.deepEqual(found?.response?.body.data, [
		{ section: "question", name: "www.example.test", type: "A", class: "IN" },
		{ ...answer, data: "192.0.2.1" },
		{ ...answer, data: "192.0.2.2" },
	]);
	const data = transfer?.response?.body.data as { data?: string }[] | undefined;
	const SOA = "ns.test admin.test 9 1 2 3 4";
	t.deepEqual(
		data?.flatMap(({ data: content }) => content ?? []),
		[SOA, "192.0.2.3", "192.0.2.4", SOA],
	);
	t.is(transfer?.annotations["dns.transfer.records"], 4);
});

const contents: readonly (readonly [type: number, bytes: readonly number[], text: string])[] = [
	[1, [127, 0, 0, 1], "127.0.0.1"],
	[1, [127, 0, 0], "\\# 3 7f0000"],
	[28, [0x20, 1, 0xd, 0xb8, ...Array.from({ length: 11 }, () => 0), 1], "2001:db8::1"],
	[15, [0, 10, ...name("mx.test")], "10 mx.test"],
	[5, [0xc0, 12], "a.test"],
	[16, [3, 97, 34, 98, 1, 99], '"a\\"b" "c"'],
	[33, [0, 1, 0, 2, 0, 80, ...name("s.test")], "1 2 80 s.test"],
	[257, [0, 5, ...Buffer.from("issueca.test")], '0 issue "ca.test"'],
	[4242, [1, 2], "\\# 2 0102"],
	[4242, [], "\\# 0"],
	[47, [...name("n.test"), 0, 1, 0x40], "n.test A"],
];

for (const [type, bytes, text] of contents)
	test(`content of type ${type}: ${text}`, (t) => {
		const said = message({ asked: "a.test", bits: RESPONSE, answers: [{ type, data: bytes }] });
		t.deepEqual(readMessage(said, 0, said.length)?.answers, [text]);
	});

test("names that go round in circles, forwards, or never end are refused", (t) => {
	const said = message({ asked: "a.test" });
	for (const pointer of [12, 40, 13]) {
		const bad = Buffer.from(said);
		bad.writeUInt16BE(0xc000 | pointer, 12);
		t.is(readMessage(bad, 0, bad.length), null, String(pointer));
	}
	t.is(readMessage(said.subarray(0, -1), 0, said.length - 1), null);
	t.is(readMessage(Buffer.concat([said, Buffer.of(0)]), 0, said.length + 1), null);
});

test("a name is escaped where it has dots and bytes that cannot be printed inside a label", (t) => {
	const said = message({ asked: "a.test" });
	const odd = Buffer.concat([said.subarray(0, 12), Buffer.of(4, 0x2e, 0x00, 0x5c, 0x61, 0), said.subarray(-4)]);
	t.is(readMessage(odd, 0, odd.length)?.questions[0]?.name, "\\.\\000\\\\a");
});
