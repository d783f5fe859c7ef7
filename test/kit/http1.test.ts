/** The built-in parsers, through the door that strangers use. */
import test from "ava";
import { parserChecks } from "polytap/testkit";
import http1 from "../../parsers/http1/index.js";
import { TALKS, type Talk } from "../fuzz/http1-seeds.js";

/** Those that begin as HTTP does. */
const isHttp = ({ client }: Talk) =>
	/^(?:GET|POST|HEAD|PUT|CONNECT) [^ ]+ HTTP\/1\.[01]\r\n/.test(Buffer.from(client).toString("latin1"));

const conversations = TALKS.filter(isHttp).map(({ client, server }, index) => ({
	name: `seed ${index}`,
	steps: [
		{ from: "client" as const, bytes: client },
		{ from: "server" as const, bytes: server },
	],
}));

const module = new URL("../../parsers/http1/index.js", import.meta.url);
for (const { name, run } of parserChecks(http1, { module, conversations }))
	test(name, async (t) => {
		await run();
		t.pass();
	});
