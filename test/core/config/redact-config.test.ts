/** What is said, and where, about rules and filters that are wrong. */
import test from "ava";
import { BUILTINS } from "../../../core/app/builtins.js";
import { Plugins } from "../../../core/app/plugins.js";
import { formatError, loadConfig } from "../../../core/config/load.js";

const catalog = new Plugins(BUILTINS);
const world = {
	file: "f.yaml",
	folder: "/",
	variables: {},
	readFile: async () => "",
	readBytes: async () => new Uint8Array(),
	list: async () => [],
};
const good = `version: 1
sources:
  file: { type: pcap, files: [a.pcap] }
sinks:
  out:
    type: jsonl
    path: x
    filter: FILTER
redact:
  - headers: [x-*]
  - RULE
`;

const load = (rule: string, filter = "{}") =>
	loadConfig(good.replace("RULE", rule).replace("FILTER", filter), catalog, world);

for (const [rule, filter, expected] of [
	["header: [a]", "{}", /^f\.yaml:11:5: redact\.1: unknown key "header" \(did you mean "headers"\?\)$/m],
	["{}", "{}", /^f\.yaml:11:5: redact\.1: a rule needs one of: headers, query, attributes, json, match, defaults$/m],
	["match: ['(']", "{}", /^f\.yaml:11:13: redact\.1\.match\.0: not a regular expression in RE2 syntax: .*, got "\("$/m],
	["match: ['(a)\\1']", "{}", /^f\.yaml:11:13: redact\.1\.match\.0: not a regular expression/m],
	["match: [ok, 'a*']", "{}", /^f\.yaml:11:17: redact\.1\.match\.1: this pattern matches the empty text/m],
	["json: ['user.name']", "{}", /^f\.yaml:11:12: redact\.1\.json\.0: not a JSON path that polytap knows/m],
	["headers: []", "{}", /^f\.yaml:11:5: redact\.1\.headers: /m],
	["defaults: maybe", "{}", /^f\.yaml:11:15: redact\.1\.defaults: expected true or false, got "maybe"$/m],
	["query: [t]", "{ port: [1] }", /^f\.yaml:8:15: sinks\.out\.filter: unknown key "port" \(did you mean "ports"\?\)$/m],
	["query: [t]", "{ ports: [70000] }", /^f\.yaml:8:23: sinks\.out\.filter\.ports\.0: /m],
	["query: [t]", "{ status: [okay-ish] }", /^f\.yaml:8:24: sinks\.out\.filter\.status\.0: /m],
	["query: [t]", "{ sample: 2 }", /^f\.yaml:8:23: sinks\.out\.filter\.sample: /m],
	[
		"query: [t]",
		"{ not: { kinds: [things] } }",
		/^f\.yaml:8:30: sinks\.out\.filter\.not\.kinds\.0: expected exchange/m,
	],
] as const)
	test(`${rule} ${filter}`, async (t) => {
		const { errors } = await load(rule, filter);
		t.regex(errors.map((error) => formatError(error)).join("\n"), expected);
		t.is(errors.length, 1);
	});

test("what is right arrives, and without a word nothing but the built-in rules is there", async (t) => {
	const { config } = await load("json: ['$..a']", "{ ports: [80], not: { paths: [/health] }, sample: 0.5 }");
	t.deepEqual(config?.redact, [{ headers: ["x-*"] }, { json: ["$..a"] }]);
	t.deepEqual(config?.sinks[0]?.filter, { ports: [80], not: { paths: ["/health"] }, sample: 0.5 });
	const { config: bare } = await loadConfig(good.slice(0, good.indexOf("    filter")), catalog, world);
	t.deepEqual(bare?.redact, []);
	t.is(bare?.sinks[0]?.filter, undefined);
});
