/** `polytap create`: a plugin of somebody's own, ready to be built, tested and run. */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { PolytapError } from "../../errors.js";

export const KINDS = ["source", "parser", "sink"] as const;
export type Kind = (typeof KINDS)[number];

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

/** Where a file of a template goes; what is not named here keeps its name. */
const PLACES: Readonly<Record<string, string>> = {
	"index.ts": "src/index.ts",
	"test.ts": "test/plugin.test.ts",
	gitignore: ".gitignore",
};

/** Makes the folder NAME in `folder` and resolves with what to print. Never overwrites anything. */
export async function create(kind: Kind, name: string, folder: string): Promise<string> {
	if (!/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(name) || name.length > 64)
		throw new PolytapError("USAGE", `"${name}" is no name for a plugin`, "lower-case words with hyphens: my-plugin");
	const target = resolve(folder, name);
	if (existsSync(target))
		throw new PolytapError("USAGE", `${target} is there already`, "choose another name, or another folder");
	const { version }: { version: string } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
	const values: Readonly<Record<string, string>> = { NAME: name, KIND: kind, VERSION: version, POLYTAP: `^${version}` };
	const written: string[] = [];
	for (const from of ["common", kind]) {
		const templates = join(ROOT, "templates", from);
		for (const file of (await readdir(templates)).sort()) {
			const text = await readFile(join(templates, file), "utf8");
			const place = PLACES[file] ?? file;
			await mkdir(join(target, place, ".."), { recursive: true });
			// `wx`: what somebody else made meanwhile is left alone
			const filled = text.replace(/__([A-Z]+)__/g, (all, key: string) => values[key] ?? all);
			await writeFile(join(target, place), filled, { flag: "wx" });
			written.push(place);
		}
	}
	const files = written.map((file) => `  ${name}/${file}\n`).join("");
	return `${files}next: cd ${name} && npm install && npm test && npx polytap run -c polytap.yaml --for 3s\n`;
}
