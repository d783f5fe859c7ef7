import { readdirSync, readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import test from "ava";
import { isMap, isScalar, isSeq, LineCounter, parse, parseAllDocuments, parseDocument } from "yaml";
import { BUILTINS } from "../../../core/app/builtins.js";
import { Plugins } from "../../../core/app/plugins.js";
import { planReload } from "../../../core/app/reload-plan.js";
import { configJsonSchema } from "../../../core/config/json-schema.js";
import { loadConfig } from "../../../core/config/load.js";
import type { PluginCatalog } from "../../../core/config/resolve.js";
import { configSchema } from "../../../core/config/schema.js";

const ROOT = new URL("../../../../", import.meta.url);
const read = (name: string) => readFileSync(new URL(name, ROOT), "utf8");
const DEPLOYED = readdirSync(new URL("deploy/", ROOT)).filter((name) => name.endsWith(".yaml"));
const PAGES = readdirSync(new URL("docs/", ROOT), { recursive: true, encoding: "utf8" })
	.filter((name) => name.endsWith(".md") && !name.startsWith("adr/"))
	.map((name) => `docs/${name}`);

/** What a page shows of a config; where it leaves out what every config has, that stands behind it. */
function completed(text: string): string {
	const has = (key: string) => new RegExp(`^${key}:`, "m").test(text);
	return [
		text,
		...(has("version") ? [] : ["version: 1\n"]),
		...(has("sources") ? [] : ["sources: { file: { type: pcap, files: [a.pcap] } }\n"]),
		...(has("sinks") ? [] : ["sinks: { out: { type: blackhole } }\n"]),
	].join("");
}

const TOP_LEVEL = new RegExp(`^(?:#.*\\n)*(?:include|${Object.keys(configSchema.shape).join("|")}):`);

/** Texts of all configs that the repository shows, by where they are. */
const TEXTS = new Map<string, string>();
for (const name of DEPLOYED) TEXTS.set(`deploy/${name}`, read(`deploy/${name}`));
// what stands in a manifest of Kubernetes is none
// a manifest of Kubernetes is none, nor is a piece from the middle of one
for (const page of ["README.md", ...PAGES])
	for (const [index, [, block = ""]] of [...read(page).matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].entries())
		if (TOP_LEVEL.test(block)) TEXTS.set(`${page}#${index + 1}`, completed(block));
for (const document of parseAllDocuments(read("deploy/kubernetes/daemonset.yaml"))) {
	const { kind, data } = document.toJS() as { readonly kind: string; readonly data?: Record<string, string> };
	if (kind === "ConfigMap") TEXTS.set("deploy/kubernetes/daemonset.yaml", String(data?.["polytap.yaml"]));
}

const EXAMPLES = [...TEXTS.keys()];
const builtins = new Plugins(BUILTINS);
/** The built-ins alone: modules that pages name in `plugins` are nowhere. */
const catalog: PluginCatalog = {
	sourceTypes: () => builtins.sourceTypes(),
	sinkTypes: () => builtins.sinkTypes(),
	source: (type) => builtins.source(type),
	sink: (type) => builtins.sink(type),
	protocols: () => builtins.protocols(),
	parser: (protocol) => builtins.parser(protocol),
	protocolsWithOptions: () => builtins.protocolsWithOptions(),
};
/** Of one message, `A`. */
const DESCRIPTOR_SET = Uint8Array.from([0x0a, 5, 0x22, 3, 0x0a, 1, 0x41]);
const textOf = (name: string) => TEXTS.get(name)!;
const world = (file: string) => ({
	file,
	folder: "/",
	variables: { HOME: "/root" },
	readFile: async () => "",
	readBytes: async (path: string) => (path.endsWith("/all.binpb") ? DESCRIPTOR_SET : new Uint8Array()),
	list: async () => [],
});

for (const name of EXAMPLES)
	test(`${name} is a config, and what the JSON Schema allows`, async (t) => {
		const { config, errors } = await loadConfig(textOf(name), catalog, world(name));
		t.deepEqual(errors, []);
		t.truthy(config);
		const validate = new Ajv2020({ strict: false }).compile(await configJsonSchema(catalog));
		const plain: unknown = parse(textOf(name).replaceAll(/^(\s*- )\$\{PORT:-3000\}/gm, "$13000"));
		t.true(validate(plain), JSON.stringify(validate.errors));
	});

test("there is a config for each use, and one on every page that explains a part of it", (t) => {
	for (const name of ["capture-file", "development", "node", "redaction", "sidecar", "spool"])
		t.true(TEXTS.has(`deploy/${name}.yaml`), name);
	for (const name of ["configuration", "delivery", "plugins", "recording", "redaction", "routing"])
		t.true(TEXTS.has(`docs/${name}.md#1`), name);
	t.true(TEXTS.has("deploy/kubernetes/daemonset.yaml"));
});

test("the JSON Schema refuses what the config refuses", async (t) => {
	const validate = new Ajv2020({ strict: false }).compile(await configJsonSchema(catalog));
	for (const bad of [
		{ version: 2 },
		{ version: 1, sourcs: {} },
		{ version: 1, sinks: { a: { type: "jsonl" } } },
		{ version: 1, sinks: { a: { type: "jsonl", path: "x", queue: { when_full: "never" } } } },
		{ version: 1, sources: { a: { type: "ebpf", targets: [{ ports: [70_000] }] } } },
	])
		t.false(validate(bad), JSON.stringify(bad));
});

/** A key or value of a text, and where it stands. */
interface Spot {
	readonly path: readonly string[];
	readonly isKey: boolean;
	readonly from: number;
	readonly to: number;
	readonly line: number;
	/** Where the mapping begins that it is in: what is required and gone is missing there. */
	readonly outerLine: number;
}

function spotsOf(text: string): Spot[] {
	const lines = new LineCounter();
	const document = parseDocument(text, { lineCounter: lines });
	const spots: Spot[] = [];
	const add = (node: unknown, path: readonly string[], isKey: boolean, outerLine: number) => {
		if (!isScalar(node) || !node.range) return;
		const [from, to] = node.range;
		spots.push({ path, isKey, from, to, line: lines.linePos(from).line, outerLine });
	};
	const walk = (node: unknown, path: readonly string[], outerLine: number): void => {
		if (isMap(node))
			for (const { key, value } of node.items) {
				const inner = [...path, String(key)];
				add(key, inner, true, outerLine);
				add(value, inner, false, outerLine);
				walk(value, inner, isScalar(key) && key.range ? lines.linePos(key.range[0]).line : outerLine);
			}
		else if (isSeq(node))
			for (const [index, item] of node.items.entries()) {
				add(item, [...path, String(index)], false, outerLine);
				walk(item, [...path, String(index)], outerLine);
			}
	};
	walk(document.contents, [], 1);
	return spots;
}

const VALUES = [
	"",
	"-1",
	"1e30",
	"0.5",
	"zzz",
	"true",
	"[]",
	"{}",
	"[1, x]",
	"{ a: 1 }",
	'"\\0"',
	"'",
	"&",
	"*a",
	"!!int x",
	"${",
	"${NO_SUCH}",
];
const KEYS = ["x", "X1", "_", "type", "queue", "ports", "version"];

/** Paths at which two plain values differ. */
function differences(a: unknown, b: unknown, path: readonly string[] = []): string[] {
	if (Object.is(a, b)) return [];
	if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return [path.join(".")];
	const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
	return [...keys].flatMap((key) =>
		differences((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], [...path, key]),
	);
}

/** Options of sources and sinks by name, as they stand in the file. */
function inFileForm(config: NonNullable<Awaited<ReturnType<typeof loadConfig>>["config"]>): unknown {
	const byName = (entries: readonly { name: string; options: unknown }[]) =>
		Object.fromEntries(entries.map(({ name, options, ...rest }) => [name, { ...rest, ...(options as object) }]));
	const protocols = Object.fromEntries(
		config.protocols.map(({ protocol, ports, options }) => [protocol, { ports, ...(options as object) }]),
	);
	return { ...config, sources: byName(config.sources), sinks: byName(config.sinks), protocols };
}

test("500 single mutations of the examples: a problem on that line, or another config only there", async (t) => {
	let seed = 20_261_124;
	const random = (below: number) => {
		seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
		return Math.floor((seed / 2 ** 32) * below);
	};
	let refused = 0;
	let valid = 0;
	for (let round = 0; round < 500; round++) {
		const name = EXAMPLES[random(EXAMPLES.length)]!;
		const text = textOf(name);
		const spots = spotsOf(text);
		const spot = spots[random(spots.length)]!;
		const old = text.slice(spot.from, spot.to);
		const fresh = spot.isKey
			? `${old.slice(0, random(old.length + 1))}${KEYS[random(KEYS.length)]}`
			: VALUES[random(VALUES.length)]!;
		const mutated = text.slice(0, spot.from) + fresh + text.slice(spot.to);
		const what = `${name}:${spot.line}: ${old} became ${fresh}`;
		const { config, errors } = await loadConfig(mutated, catalog, world(name));
		if (config === null) {
			refused++;
			t.true(errors.length > 0, what);
			// an unfinished quote or bracket is missed where something else begins
			const lines = errors.map((error) => error.line);
			const isCut = ["'", "&", "*a", '"\\0"'].includes(fresh);
			t.true(
				lines.includes(spot.line) ||
					(spot.isKey && lines.includes(spot.outerLine)) ||
					// told where it is the second time
					errors.some(({ message }) => message === "this key is there twice") ||
					(isCut && lines.every((line) => line >= spot.line)),
				`${what}\n${JSON.stringify(errors)}`,
			);
			continue;
		}
		valid++;
		const original = await loadConfig(text, catalog, world(name));
		const at = (spot.isKey ? spot.path.slice(0, -1) : spot.path).join(".");
		const changed = differences(inFileForm(config), inFileForm(original.config!));
		for (const path of changed)
			t.true(path === at || path.startsWith(`${at}.`) || at === "", `${what}: differs at ${path}`);
		// on SIGHUP: whatever differs is applied or named
		const { applied, notApplied, sources } = planReload(original.config!, config, BUILTINS, BUILTINS);
		t.is(applied.length + notApplied.length + sources.length > 0, changed.length > 0, `${what}: a reload`);
	}
	t.log(`${EXAMPLES.length} examples: ${refused} mutations refused, ${valid} valid`);
	t.true(refused > 300);
});
