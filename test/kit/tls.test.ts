import test from "ava";
import { parserChecks } from "polytap/testkit";
import tls from "../../parsers/tls/index.js";
import { samples } from "../parsers/tls/samples.js";

const encrypted = (bytes: number): Buffer => Buffer.concat([Buffer.from([23, 3, 3, 0, bytes]), Buffer.alloc(bytes, 9)]);

const conversations = samples.map(({ client, server }, index) => ({
	name: `handshake ${index}`,
	steps: [
		{ from: "client" as const, bytes: client },
		{ from: "server" as const, bytes: server },
		{ from: "server" as const, bytes: encrypted(40) },
		{ from: "client" as const, bytes: encrypted(33) },
		{ from: "server" as const, bytes: encrypted(120) },
	],
}));

const module = new URL("../../parsers/tls/index.js", import.meta.url);
for (const { name, run } of parserChecks(tls, { module, conversations }))
	test(name, async (t) => {
		await run();
		t.pass();
	});
