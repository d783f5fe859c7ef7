import test from "ava";
import { formatError, loadConfig } from "../../../core/config/load.js";
import type { PluginCatalog } from "../../../core/config/resolve.js";
import { nowhere } from "../../../core/config/world.js";
import { type ParserPlugin, type SinkPlugin, type SourcePlugin, z } from "../../../core/index.js";

const unused = () => {
	throw new Error("validation must not create anything");
};

const live: SourcePlugin = {
	api: 1,
	kind: "source",
	type: "tap",
	summary: "",
	config: z.strictObject({
		ports: z.array(z.int().min(1).max(65535)).min(1),
		vantage: z.enum(["auto", "server", "client", "both"]).default("auto"),
		targets: z.array(z.strictObject({ exclude: z.boolean().default(false), names: z.array(z.string()) })).default([]),
	}),
	create: unused,
};

const recorded: SourcePlugin = {
	api: 1,
	kind: "source",
	type: "tape",
	summary: "",
	offline: true,
	config: z.strictObject({ path: z.string(), protocol: z.string().optional() }),
	protocols: ({ protocol }) => (protocol === undefined ? [] : [{ protocol, path: ["protocol"] }]),
	create: unused,
};

const sink: SinkPlugin = {
	api: 1,
	kind: "sink",
	type: "file",
	summary: "",
	config: z.strictObject({ path: z.string(), every: z.union([z.int(), z.literal("never")]).default("never") }),
	create: unused,
};

const PROTOCOLS = ["http/1.1", "mysql", "redis"];
const parser: ParserPlugin = {
	api: 1,
	kind: "parser",
	protocol: "",
	summary: "",
	detect: unused,
	create: unused,
};

const catalog: PluginCatalog = {
	sourceTypes: () => ["tap", "tape"],
	sinkTypes: () => ["file"],
	protocols: async () => PROTOCOLS,
	source: async (type) => [live, recorded].find((plugin) => plugin.type === type) ?? null,
	sink: async (type) => (type === "file" ? sink : null),
	parser: async (protocol) => (PROTOCOLS.includes(protocol) ? { ...parser, protocol } : null),
	protocolsWithOptions: async () => [],
};

const good = `version: 1
sources:
  node: { type: tap, ports: [8080] }
sinks:
  out: { type: file, path: /tmp/x }
`;

async function errorsOf(text: string): Promise<string[]> {
	const { errors } = await loadConfig(text, catalog, nowhere("f.yaml"));
	return errors.map((error) => formatError(error));
}

test("a good file gets every default", async (t) => {
	const { config, errors } = await loadConfig(good, catalog);
	t.deepEqual(errors, []);
	t.deepEqual(config?.sources, [
		{ name: "node", type: "tap", offline: false, options: { ports: [8080], vantage: "auto", targets: [] } },
	]);
	t.is(config?.capture.max_body_bytes, 1_048_576);
	t.is(config?.capture.merge_window_ms, 50);
	t.deepEqual(config?.sinks[0]?.options, { path: "/tmp/x", every: "never" });
	t.is(config?.sinks[0]?.queue.when_full, "drop_oldest");
	t.notThrows(() => structuredClone(config));
});

const cases: readonly (readonly [title: string, text: string, expected: readonly string[]])[] = [
	["an unknown key", `${good}captrue: {}\n`, ['f.yaml:6:1: unknown key "captrue" (did you mean "capture"?)']],
	[
		"a key that no later release has made work yet",
		`${good}routes: [{ headers: [cookie] }]\n`,
		['f.yaml:6:1: unknown key "routes"'],
	],
	[
		"an unknown key in a plugin's options",
		good.replace("path: /tmp/x", "path: /tmp/x, evrey: 3"),
		['f.yaml:5:36: sinks.out: unknown key "evrey" (did you mean "every"?)'],
	],
	[
		"core's own key beside a plugin's options, misspelt",
		good.replace("path: /tmp/x", "path: /tmp/x, qeue: {}"),
		['f.yaml:5:36: sinks.out: unknown key "qeue" (did you mean "queue"?)'],
	],
	[
		"a key deep in a list",
		good.replace("ports: [8080]", "ports: [8080], targets: [{ names: [], exlude: true }]"),
		['f.yaml:3:60: sources.node.targets.0: unknown key "exlude" (did you mean "exclude"?)'],
	],
	[
		"wrong types",
		good.replace("[8080]", "[http]").replace("path: /tmp/x", "path: 3"),
		[
			'f.yaml:3:30: sources.node.ports.0: expected a number, got "http"',
			"f.yaml:5:28: sinks.out.path: expected a string, got 3",
		],
	],
	[
		"a word that is not one of the choices",
		good.replace("ports: [8080]", "ports: [8080], vantage: sever"),
		['f.yaml:3:46: sources.node.vantage: expected auto, server, client or both, got "sever" (did you mean "server"?)'],
	],
	["a missing option", good.replace(", path: /tmp/x", ""), ['f.yaml:5:3: sinks.out: "path" is required']],
	[
		"a union",
		good.replace("path: /tmp/x", "path: /tmp/x, every: neve"),
		['f.yaml:5:43: sinks.out.every: expected a number or never, got "neve" (did you mean "never"?)'],
	],
	[
		"an unknown plugin",
		good.replace("type: tap", "type: tpa").replace("type: file", "type: blackhole"),
		[
			'f.yaml:3:17: sources.node.type: unknown source type "tpa" (did you mean "tap"?)',
			'f.yaml:5:16: sinks.out.type: unknown sink type "blackhole"; there are: file',
		],
	],
	[
		"a protocol that nobody reads, as a hint and as a pin",
		good
			.replace("type: tap, ports: [8080]", "type: tape, path: x, protocol: http")
			.concat("protocols:\n  mysqll: { ports: [3307] }\n  redis: { ports: [6380] }\n"),
		[
			'f.yaml:3:42: sources.node.protocol: no parser reads "http"; there are: http/1.1, mysql, redis',
			'f.yaml:7:3: protocols: no parser reads "mysqll" (did you mean "mysql"?)',
		],
	],
	[
		"an option that the protocol does not have",
		`${good}protocols: { redis: { port: 1 } }\n`,
		['f.yaml:6:23: protocols.redis: unknown key "port" (did you mean "ports"?)'],
	],
	["a duplicate key", `${good}version: 1\n`, ["f.yaml:6:1: this key is there twice"]],
	[
		"a bad name",
		good.replace("node:", "9node:"),
		["f.yaml:3:3: sources: a name is a letter, then up to 62 letters, digits, - or _"],
	],
	["another version", good.replace("version: 1", "version: 2"), ["f.yaml:1:10: version: expected 1, got 2"]],
	[
		"an empty file",
		"",
		['f.yaml:1:1: "version" is required', 'f.yaml:1:1: "sources" is required', 'f.yaml:1:1: "sinks" is required'],
	],
	["a list instead of a mapping", "- 1\n", ["f.yaml:1:1: expected a mapping, got a list"]],
	[
		"no sinks",
		"version: 1\nsources: { node: { type: tap, ports: [1] } }\nsinks: {}\n",
		["f.yaml:3:1: sinks: at least one sink is needed"],
	],
	[
		"block with a live source",
		good.replace("path: /tmp/x", "path: /tmp/x, queue: { when_full: block }"),
		[
			'f.yaml:5:56: sinks.out.queue.when_full: "block" would stop the live source "node": use spool, drop_oldest or drop_newest',
		],
	],
];

for (const [title, text, expected] of cases) {
	test(`problem: ${title}`, async (t) => t.deepEqual(await errorsOf(text), expected));
}

test("all problems come at once, in the order of the file", async (t) => {
	const errors = await errorsOf(
		"versoin: 1\nsources:\n  a: { type: tap, ports: [] }\n  b: { type: x }\nsinks:\n  s: {}\n",
	);
	t.is(errors.length, 5);
	t.deepEqual(
		errors.map((error) => error.split(":")[1]),
		["1", "1", "3", "4", "6"],
	);
});

test("block with recorded sources only is fine", async (t) => {
	const text = good
		.replace("{ type: tap, ports: [8080] }", "{ type: tape, path: a.pcap }")
		.replace("path: /tmp/x", "path: /tmp/x, queue: { when_full: block }");
	t.deepEqual(await errorsOf(text), []);
});

test("what is not YAML is told with its place, and nothing else is", async (t) => {
	const errors = await errorsOf("version: 1\nsources: [\n");
	t.is(errors.length, 1);
	t.regex(errors[0] ?? "", /^f\.yaml:[23]:\d+: /);
});

test("an alias bomb is refused", async (t) => {
	const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
	for (let level = 1; level < 9; level++) {
		lines.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(", ")}]`);
	}
	const errors = await errorsOf(lines.join("\n"));
	t.true(errors.some((error) => /alias/i.test(error)));
});
