import test from "ava";
import { parserChecks } from "polytap/testkit";
import redis from "../../parsers/redis/index.js";
import { conversations } from "../parsers/redis/conversations.js";

const module = new URL("../../parsers/redis/index.js", import.meta.url);
for (const { name, run } of parserChecks(redis, { module, conversations, mayMisread: true, places: 60 })) {
	test(name, async (t) => {
		await run();
		t.pass();
	});
}
