import test from "ava";
import { checkParser } from "polytap/testkit";
import parser from "../../../parsers/http2/index.js";
import { ask, talk } from "./talk.js";

test("the parser keeps its contract", async (t) => {
	const chunks = await talk(
		(stream, headers) => {
			stream.respond({ ":status": 200, "x-path": String(headers[":path"]) }, { waitForTrailers: true });
			stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "1" }));
			stream.end("0123456789".repeat(20));
		},
		async (client) => {
			await Promise.all([ask(client, { ":path": "/a" }), ask(client, { ":method": "POST", ":path": "/b" }, "payload")]);
			await ask(client, { ":path": "/a" });
		},
	);
	const steps = chunks.map(({ dir, bytes }) => ({
		from: dir === 0 ? ("client" as const) : ("server" as const),
		bytes,
	}));
	await checkParser(parser, {
		module: new URL("../../../parsers/http2/index.js", import.meta.url),
		conversations: [{ name: "two at once, then one", steps }],
	});
	t.pass();
});
