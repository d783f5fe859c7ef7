/** The test kit's checks of every parser, on conversations of this protocol. */
import test from "ava";
import { parserChecks } from "polytap/testkit";
import mysql from "../../../parsers/mysql/index.js";
import { conversations } from "./conversations.js";

const module = new URL("../../../parsers/mysql/index.js", import.meta.url);
for (const { name, run } of parserChecks(mysql, { conversations, module, fuzzInputs: 300, mayMisread: true }))
	test(name, async (t) => {
		await t.notThrowsAsync(run);
	});
