/** `include: [other.yaml, conf.d/*.yaml]`: the files that a config stands on. */
import { basename, dirname, join, relative, resolve } from "node:path";
import { isMap, isNode, isScalar, isSeq } from "yaml";
import { ConfigDocument } from "./document.js";
import type { ConfigWorld } from "./world.js";

const MOST_FILES = 64;

/**
 * Reads `main` and all that it includes, directly or not. The result is in the order of precedence: a later one is
 * overridden by an earlier one. Files that cannot be read, and cycles, are errors of the document that names them.
 */
export async function withIncluded(main: ConfigDocument, world: ConfigWorld): Promise<ConfigDocument[]> {
	const all: ConfigDocument[] = [];
	await follow(main, world.folder, [resolve(world.folder, basename(world.file))], all, world);
	return all;
}

async function follow(
	document: ConfigDocument,
	folder: string,
	within: readonly string[],
	all: ConfigDocument[],
	world: ConfigWorld,
): Promise<void> {
	all.push(document);
	// of two included files the later one wins
	for (const { pattern, offset } of takeIncludes(document).reverse()) {
		const complain = (message: string) => document.errors.push(document.at(offset, message));
		for (const path of (await matching(resolve(folder, pattern), world, complain)).toReversed()) {
			if (within.includes(path)) {
				complain(`include: ${pattern} includes itself`);
				continue;
			}
			if (all.length >= MOST_FILES) {
				complain(`include: more than ${MOST_FILES} files`);
				return;
			}
			let text: string;
			try {
				text = await world.readFile(path);
			} catch (error) {
				complain(`include: cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
				continue;
			}
			const shown = relative(world.folder, path);
			const name = join(dirname(world.file), shown.startsWith("..") ? path : shown);
			await follow(new ConfigDocument(name, text), dirname(path), [...within, path], all, world);
		}
	}
}

/** Removes the key from the document: whatever is merged has no use for it. */
function takeIncludes(document: ConfigDocument): { pattern: string; offset: number }[] {
	const contents = document.document?.contents;
	if (!isMap(contents)) return [];
	const index = contents.items.findIndex(({ key }) => isScalar(key) && key.value === "include");
	const value = contents.items[index]?.value;
	if (index < 0) return [];
	const items = isSeq(value) ? value.items : [value];
	const out: { pattern: string; offset: number }[] = [];
	for (const item of items) {
		const offset = (isNode(item) ? item.range?.[0] : undefined) ?? contents.range?.[0] ?? 0;
		if (isScalar(item) && typeof item.value === "string" && item.value !== "")
			out.push({ pattern: item.value, offset });
		else document.errors.push(document.at(offset, "include: expected a file name or a list of them"));
	}
	contents.items.splice(index, 1);
	return out;
}

/** `*` stands for any part of a file's name; a pattern that nothing matches is no error. */
async function matching(
	pattern: string,
	world: ConfigWorld,
	complain: (message: string) => void,
): Promise<readonly string[]> {
	if (!pattern.includes("*")) return [pattern];
	const folder = dirname(pattern);
	if (folder.includes("*")) {
		complain(`include: "*" may stand in the name of the file only, not in its folder`);
		return [];
	}
	const parts = basename(pattern).split("*");
	try {
		return (await world.list(folder)).filter((name) => matches(name, parts)).map((name) => join(folder, name));
	} catch (error) {
		complain(`include: cannot list ${folder}: ${error instanceof Error ? error.message : String(error)}`);
		return [];
	}
}

function matches(name: string, parts: readonly string[]): boolean {
	const last = parts.at(-1) ?? "";
	if (name.startsWith(".") || !name.startsWith(parts[0] ?? "") || !name.endsWith(last)) return false;
	let at = 0;
	for (const part of parts.slice(0, -1)) {
		at = name.indexOf(part, at);
		if (at < 0) return false;
		at += part.length;
	}
	return at <= name.length - last.length;
}
