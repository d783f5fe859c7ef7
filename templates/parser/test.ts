import test from "node:test";
import { parserChecks } from "polytap/testkit";
import plugin from "../src/index.js";

const options = {
	module: new URL("../src/index.js", import.meta.url),
	conversations: [
		{
			name: "three questions",
			steps: [
				{ from: "client" as const, text: "?one\n" },
				{ from: "server" as const, text: "!two\n" },
				{ from: "client" as const, text: "?three\n?\n" },
				{ from: "server" as const, text: "!four\n!\n" },
			],
		},
	],
};

for (const { name, run } of parserChecks(plugin, options)) test(name, run);
