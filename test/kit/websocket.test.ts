import test from "ava";
import { parserChecks } from "polytap/testkit";
import http1 from "../../parsers/http1/index.js";
import websocket from "../../parsers/websocket/index.js";
import { conversations } from "../parsers/websocket/conversations.js";

const options = {
	conversations,
	with: [http1],
	module: new URL("../../parsers/websocket/index.js", import.meta.url),
	withModules: [new URL("../../parsers/http1/index.js", import.meta.url)],
	// a payload may be frames itself
	mayMisread: true,
	places: 120,
};
for (const { name, run } of parserChecks(websocket, options)) {
	test(name, async (t) => {
		await run();
		t.pass();
	});
}
