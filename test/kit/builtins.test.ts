/** No built-in without tests of its own, and none that the kit has not held to its contract through the public exports. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { BUILTINS } from "../../core/app/builtins.js";

const TESTS = fileURLToPath(new URL("../../../test/", import.meta.url));

/** Payload parsers have no connection of their own: the kit tries them through the parser that carries them. */
const CARRIED: ReadonlyMap<string, string> = new Map([["parsers/sse", "parsers/http1"]]);

const texts = readdirSync(TESTS, { recursive: true, encoding: "utf8" })
	.filter((name) => name.endsWith(".ts") && !name.startsWith("testkit/"))
	.map((name) => readFileSync(join(TESTS, name), "utf8"));

/** Imports the kit by its public name, and gives it the default export of this folder. */
function isCheck(text: string, folder: string, kind: "Source" | "Parser" | "Sink"): boolean {
	if (!/from "polytap\/testkit"/.test(text)) return false;
	const imported = importedFrom(text, folder);
	return (
		imported !== null && new RegExp(`\\b(?:check${kind}|${kind.toLowerCase()}Checks)\\(\\s*${imported}\\b`).test(text)
	);
}

function importedFrom(text: string, folder: string): string | null {
	return new RegExp(`import (\\w+)(?:, \\{[^}]*\\})? from "[./]+/${folder}/index\\.js"`).exec(text)?.[1] ?? null;
}

/** The same of the parser that carries this one, which is among those that it is given `with`. */
function isCarried(text: string, folder: string): boolean {
	const carrier = CARRIED.get(folder);
	const imported = importedFrom(text, folder);
	if (carrier === undefined || imported === null || !isCheck(text, carrier, "Parser")) return false;
	return new RegExp(`\\bwith: \\[[^\\]]*\\b${imported}\\b`).test(text);
}

for (const [kinds, kind] of [
	["sources", "Source"],
	["parsers", "Parser"],
	["sinks", "Sink"],
] as const)
	for (const { module } of BUILTINS[kinds]) {
		const folder = /(\w+\/[^/]+)\/index\.js$/.exec(module)?.[1] ?? module;

		test(`${folder} has tests where they belong`, (t) => {
			const own = join(TESTS, folder);
			t.true(existsSync(own) && readdirSync(own).some((name) => name.endsWith(".test.ts")), own);
		});

		test(`${folder} is held to its contract by the kit`, (t) => {
			const isChecked = texts.some((text) => isCheck(text, folder, kind) || isCarried(text, folder));
			t.true(isChecked, `no test gives ${folder} to the kit of polytap/testkit`);
		});
	}
