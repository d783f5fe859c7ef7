import test from "ava";
import { parserChecks } from "polytap/testkit";
import dns from "../../parsers/dns/index.js";
import { a, edns, framed, message, RESPONSE, soa } from "../parsers/dns/talk.js";

type Said = Parameters<typeof message>[0];
const ask = (said: Said) => ({ from: "client" as const, bytes: framed(message(said)) });
const tell = (said: Said) => ({ from: "server" as const, bytes: framed(message({ bits: RESPONSE, ...said })) });

const conversations = [
	{
		name: "questions and answers",
		steps: Array.from({ length: 4 }, (_, id) => [
			ask({ id, asked: `host-${id}.example.test`, additional: [edns] }),
			tell({ id, asked: `host-${id}.example.test`, answers: [a(192, 0, 2, id)] }),
		]).flat(),
	},
	{
		name: "errors, out of order",
		steps: [
			ask({ id: 1, asked: "one.test" }),
			ask({ id: 2, asked: "two.test", type: 16 }),
			tell({ id: 2, asked: "two.test", type: 16, bits: RESPONSE | 2 }),
			tell({ id: 1, asked: "one.test", bits: RESPONSE | 3, authority: [soa(4)] }),
		],
	},
	{
		name: "a zone transfer",
		steps: [
			ask({ id: 5, asked: "example.test", type: 252 }),
			tell({ id: 5, asked: "example.test", type: 252, answers: [soa(9), a(192, 0, 2, 1)] }),
			tell({ id: 5, asked: "example.test", type: 252, answers: [a(192, 0, 2, 2), soa(9)] }),
		],
	},
];

const module = new URL("../../parsers/dns/index.js", import.meta.url);
for (const { name, run } of parserChecks(dns, { module, conversations, places: 60 })) {
	test(name, async (t) => {
		await run();
		t.pass();
	});
}
