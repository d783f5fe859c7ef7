import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import test from "ava";
import { BUILTINS } from "../../../core/app/builtins.js";
import { Plugins } from "../../../core/app/plugins.js";
import { z } from "../../../core/index.js";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const plugins = new Plugins(BUILTINS);

for (const kind of ["sources", "parsers", "sinks"] as const) {
	test(`every folder under ${kind}/ is a built-in, and every built-in has a folder`, (t) => {
		const folders = readdirSync(`${root}${kind}`, { withFileTypes: true })
			.filter((entry) => entry.isDirectory())
			.map((entry) => entry.name);
		const listed = BUILTINS[kind].map(
			({ module }) => new RegExp(`/${kind}/([^/]+)/index\\.js$`).exec(module)?.[1] ?? module,
		);
		t.deepEqual(listed.sort(), folders.sort());
	});
}

test("every source and sink loads under its own name, and describes every option", async (t) => {
	const all = [
		...(await Promise.all(plugins.sourceTypes().map((type) => plugins.source(type)))),
		...(await Promise.all(plugins.sinkTypes().map((type) => plugins.sink(type)))),
	];
	for (const plugin of all) {
		if (plugin === null) throw new Error("listed, but not found");
		t.true(plugin.summary.length > 10, plugin.type);
		const schema = z.toJSONSchema(plugin.config, { io: "input", unrepresentable: "any" });
		t.is(schema.additionalProperties, false, `${plugin.type}: the schema must be strict`);
		for (const [name, option] of Object.entries(schema.properties ?? {})) {
			t.true(typeof option === "object" && (option.description ?? "").length > 5, `${plugin.type}.${name}`);
		}
	}
});

test("every parser loads under its own name", async (t) => {
	const parsers = await plugins.parsers();
	t.deepEqual(
		parsers.map((parser) => parser.protocol),
		BUILTINS.parsers.map((parser) => parser.name),
	);
});

test("a module that is something else is refused", async (t) => {
	const module = BUILTINS.sinks[0]?.module ?? "";
	const wrong = new Plugins({ sources: [{ name: "x", module }], parsers: [], sinks: [{ name: "y", module }] });
	await t.throwsAsync(wrong.source("x"), { message: /is not the source "x"/ });
	await t.throwsAsync(wrong.sink("y"), { message: /is not the sink "y"/ });
	t.is(await wrong.sink("z"), null);
});
