/** The test kit's checks of every parser, on conversations of this protocol. */
import test from "ava";
import { parserChecks } from "polytap/testkit";
import postgresql from "../../../parsers/postgresql/index.js";
import tls from "../../../parsers/tls/index.js";
import { conversations } from "./conversations.js";

const module = new URL("../../../parsers/postgresql/index.js", import.meta.url);
const options = { conversations, module, fuzzInputs: 300, mayMisread: true, with: [tls] };
const withModules = [new URL("../../../parsers/tls/index.js", import.meta.url)];
for (const { name, run } of parserChecks(postgresql, { ...options, withModules }))
	test(name, async (t) => {
		await t.notThrowsAsync(run);
	});
