import test from "ava";
import { parserChecks } from "polytap/testkit";
import redis from "../../parsers/redis/index.js";
import { cases } from "../parsers/redis/cases.js";

const conversations = cases
	.filter(({ name }) => !name.startsWith("inline"))
	.map(({ name, steps }) => ({
		name,
		steps: steps.map(([dir, text]) => ({ from: dir === 0 ? ("client" as const) : ("server" as const), text })),
	}));

const module = new URL("../../parsers/redis/index.js", import.meta.url);
for (const { name, run } of parserChecks(redis, { module, conversations, mayMisread: true, places: 60 })) {
	test(name, async (t) => {
		await run();
		t.pass();
	});
}
