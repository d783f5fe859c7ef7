import test from "ava";
import { formatError, loadConfig } from "../../../core/config/load.js";
import type { PluginCatalog } from "../../../core/config/resolve.js";
import { type SinkPlugin, type SourcePlugin, z } from "../../../core/index.js";

const create = () => {
	throw new Error("validation must not create anything");
};
const source: SourcePlugin = {
	api: 1,
	kind: "source",
	type: "tap",
	summary: "",
	config: z.strictObject({ ports: z.array(z.int().max(65535)), on: z.boolean().default(true) }),
	create,
};
const sink: SinkPlugin = {
	api: 1,
	kind: "sink",
	type: "file",
	summary: "",
	config: z.strictObject({
		path: z.string(),
		token: z.string().max(12).default(""),
		level: z.enum(["a", "b"]).default("a"),
	}),
	create,
};
const catalog: PluginCatalog = {
	sourceTypes: () => ["tap"],
	sinkTypes: () => ["file"],
	protocols: async () => [],
	source: async (type) => (type === "tap" ? source : null),
	sink: async (type) => (type === "file" ? sink : null),
	parser: async () => null,
	protocolsWithOptions: async () => [],
};

/** Loads `/etc/main.yaml` of a world made of these files. */
function load(files: Record<string, string>, variables: Record<string, string> = {}) {
	const at = (path: string) => {
		const text = files[path];
		if (text === undefined) throw new Error("no such file");
		return text;
	};
	return loadConfig(at("/etc/main.yaml"), catalog, {
		file: "main.yaml",
		folder: "/etc",
		variables,
		readFile: async (path) => at(path),
		readBytes: async (path) => Buffer.from(at(path)),
		list: async (folder) =>
			Object.keys(files)
				.filter((path) => path.startsWith(`${folder}/`) && !path.slice(folder.length + 1).includes("/"))
				.map((path) => path.slice(folder.length + 1))
				.sort(),
	});
}

async function errorsOf(files: Record<string, string>, variables: Record<string, string> = {}): Promise<string[]> {
	return (await load(files, variables)).errors.map(formatError);
}

const SOURCES = "version: 1\nsources: { a: { type: tap, ports: [1] } }\n";

test("variables, defaults and secret files stand for values; types follow the quotes", async (t) => {
	const loaded = await load(
		{
			"/etc/main.yaml": `version: 1
sources:
  a:
    type: tap
    ports:
      - \${PORT}
      - \${OTHER:-81}
    on: \${ON}
sinks:
  s: { type: file, path: "/x/\${PORT}/$\${PORT}/\${EMPTY:-none}", token: "\${file:secret}" }
`,
			"/etc/secret": "12345\n",
		},
		{ PORT: "80", ON: "false", EMPTY: "" },
	);
	t.deepEqual(loaded.errors, []);
	t.deepEqual(loaded.config?.sources[0]?.options, { ports: [80, 81], on: false });
	t.deepEqual(loaded.config?.sinks[0]?.options, { path: "/x/80/${PORT}/none", token: "12345", level: "a" });
	if (loaded.config !== null)
		t.deepEqual(loaded.secrets, [
			["sources", "a", "ports", 0],
			["sources", "a", "ports", 1],
			["sources", "a", "on"],
			["sinks", "s", "path"],
			["sinks", "s", "token"],
		]);
});

test("a variable without quotes inside of brackets is told how to be written, once, at its place", async (t) => {
	const problem = (reference: string) =>
		`inside of […] and {…} YAML wants quotes around a variable: "${reference}", which is text then; write lists of numbers line by line: - ${reference}`;
	for (const [line, column, reference] of [
		["ports: [${PORT}]", 13, "${PORT}"],
		["ports: [1, ${PORT:-80}, 3]", 16, "${PORT:-80}"],
		["more: { port: ${PORT} }", 19, "${PORT}"],
		["more: { ports: [${PORT}], on: true }", 21, "${PORT}"],
	] as const)
		t.deepEqual(await errorsOf({ "/etc/main.yaml": `version: 1\nsources:\n  a:\n    type: tap\n    ${line}\n` }), [
			`main.yaml:5:${column}: ${problem(reference)}`,
		]);
});

test("what cannot be replaced has its place; values out of variables and files are never shown", async (t) => {
	const files = {
		"/etc/main.yaml": `${SOURCES}sinks:
  s: { type: file, path: "\${HOMEX}", token: "\${file:none}" }
  u: { type: file, path: "\${1}", token: "\${file:secret}" }
  v: { type: "\${KIND}", path: x, level: "\${LEVEL}" }
  w: { type: file, path: x, level: "\${LEVEL}" }
`,
		"/etc/secret": "much too long a secret\n",
	};
	const errors = await errorsOf(files, { HOME: "/root", KIND: "s3cr3t", LEVEL: "hunter2" });
	t.deepEqual(errors, [
		`main.yaml:4:26: environment variable HOMEX is not set (did you mean "HOME"?)`,
		"main.yaml:4:45: cannot read /etc/none: no such file",
		'main.yaml:5:26: "${1}" is neither a variable nor file:PATH; $${ is a plain ${',
		"main.yaml:5:41: sinks.u.token: too big: expected string to have <=12 characters, got the value of ${file:secret}",
		"main.yaml:6:14: sinks.v.type: unknown sink type ${KIND}; there are: file",
		"main.yaml:7:36: sinks.w.level: expected a or b, got the value of ${LEVEL}",
	]);
	t.false(errors.join().includes("hunter2") || errors.join().includes("s3cr3t") || errors.join().includes("secret\n"));
});

test("included files: what stands in the including one wins, mappings are joined, problems name their file", async (t) => {
	const files = {
		"/etc/main.yaml": "include: [base.yaml, conf.d/*.yaml]\nsinks: { s: { path: mine } }\n",
		"/etc/base.yaml": `${SOURCES}sinks: { s: { type: file, path: base, token: base } }\n`,
		"/etc/conf.d/a.yaml": "sinks: { s: { token: a }, more: { type: file, path: a } }\n",
		"/etc/conf.d/b.yaml": "sinks: { s: { token: b } }\n",
		"/etc/conf.d/.hidden.yaml": "nonsense: 1\n",
	};
	const { config, errors } = await load(files);
	t.deepEqual(errors, []);
	t.deepEqual(
		config?.sinks.map(({ name, options }) => [name, options]),
		[
			["s", { path: "mine", token: "b", level: "a" }],
			["more", { path: "a", token: "", level: "a" }],
		],
	);
	t.deepEqual(await errorsOf({ ...files, "/etc/conf.d/b.yaml": "sinks:\n  s: { tokn: b }\n  t: { type: file }\n" }), [
		`conf.d/b.yaml:2:8: sinks.s: unknown key "tokn" (did you mean "token"?)`,
		'conf.d/b.yaml:3:3: sinks.t: "path" is required',
	]);
});

test("includes that go wrong: missing, in a circle, no name, a star in the folder, broken", async (t) => {
	const files = (include: string) => ({
		"/etc/main.yaml": `include: ${include}\n${SOURCES}sinks: { s: { type: file, path: x } }\n`,
		"/etc/circle.yaml": "include: other.yaml\n",
		"/etc/other.yaml": "include: circle.yaml\n",
		"/etc/broken.yaml": "sinks: [\n",
	});
	t.deepEqual(await errorsOf(files("gone.yaml")), [
		"main.yaml:1:10: include: cannot read /etc/gone.yaml: no such file",
	]);
	t.deepEqual(await errorsOf(files("circle.yaml")), ["other.yaml:1:10: include: circle.yaml includes itself"]);
	t.deepEqual(await errorsOf(files("main.yaml")), ["main.yaml:1:10: include: main.yaml includes itself"]);
	t.deepEqual(await errorsOf(files("[7]")), ["main.yaml:1:11: include: expected a file name or a list of them"]);
	t.regex((await errorsOf(files("'*/x.yaml'"))).join(), /may stand in the name of the file only/);
	t.regex((await errorsOf(files("broken.yaml"))).join(), /^broken\.yaml:2:1: /);
	t.deepEqual(await errorsOf(files("'none*.yaml'")), []);
});

test("hostile texts have one plain problem each", async (t) => {
	for (const [text, problem] of [
		["[".repeat(100_000), /levels deep/],
		[`a: ${"- ".repeat(5_000)}x`, /./],
		[`${"- ".repeat(5_000)}x`, /levels deep/],
		[`${Array.from({ length: 3_000 }, (_, i) => `${" ".repeat(i)}a:`).join("\n")}\n`, /levels deep|larger/],
		["x".repeat(2 ** 20 + 1), /larger than/],
		["\0\x01", /./],
	] as const)
		t.regex((await errorsOf({ "/etc/main.yaml": text })).join("\n"), problem);
});
