/** A YAML file into a config, or everything that is wrong with it, with line and column. */
import { isMap, isNode, isScalar, isSeq, LineCounter, type Node, type ParsedNode, parseDocument } from "yaml";
import type { Problem } from "./problem.js";
import { type PluginCatalog, resolveConfig } from "./resolve.js";
import type { Config } from "./schema.js";

/** 1-based. */
export interface ConfigError {
	readonly line: number;
	readonly column: number;
	readonly message: string;
}

export type Loaded =
	| { readonly config: Config; readonly errors: readonly [] }
	| { readonly config: null; readonly errors: readonly ConfigError[] };

/** Never throws for bad text; all errors at once, in the order of the file. */
export async function loadConfig(text: string, catalog: PluginCatalog): Promise<Loaded> {
	const lines = new LineCounter();
	const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
	const errors: ConfigError[] = [...document.errors, ...document.warnings].map((error) =>
		at(lines, error.pos[0], error.code === "DUPLICATE_KEY" ? "this key is there twice" : firstLine(error.message)),
	);
	let raw: unknown = null;
	try {
		raw = document.toJS({ maxAliasCount: 100 });
	} catch (error) {
		errors.push(at(lines, 0, error instanceof Error ? firstLine(error.message) : String(error)));
	}
	// A file that is not YAML has no values worth judging; one with a duplicate key has.
	const readable = errors.length === 0 || document.errors.every((error) => error.code === "DUPLICATE_KEY");
	if (readable) {
		const resolution = await resolveConfig(raw, catalog);
		if (resolution.config !== null && errors.length === 0) return { config: resolution.config, errors: [] };
		for (const problem of resolution.problems) {
			errors.push(at(lines, offsetOf(document.contents, problem), withPath(problem)));
		}
	}
	errors.sort((a, b) => a.line - b.line || a.column - b.column);
	return { config: null, errors };
}

/** `file:line:col: message` */
export function formatError(file: string, error: ConfigError): string {
	return `${file}:${error.line}:${error.column}: ${error.message}`;
}

function withPath(problem: Problem): string {
	const path = problem.atKey ? problem.path.slice(0, -1) : problem.path;
	return path.length === 0 ? problem.message : `${path.join(".")}: ${problem.message}`;
}

function at(lines: LineCounter, offset: number, message: string): ConfigError {
	const { line, col } = lines.linePos(offset);
	return { line: Math.max(line, 1), column: Math.max(col, 1), message };
}

function firstLine(text: string): string {
	return text.split("\n", 1)[0] ?? text;
}

/** Offset of the node at a path, or of the nearest one above it. */
function offsetOf(contents: ParsedNode | Node | null, problem: Problem): number {
	let node: unknown = contents;
	let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
	problem.path.forEach((step, index) => {
		const last = index === problem.path.length - 1;
		if (isMap(node)) {
			const pair = node.items.find((item) => keyText(item.key) === String(step));
			if (pair === undefined) {
				node = null;
				return;
			}
			const keyOffset = isNode(pair.key) ? pair.key.range?.[0] : undefined;
			const valueOffset = isNode(pair.value) ? pair.value.range?.[0] : undefined;
			// A mapping is best named by its key: its own position is that of the first key in it.
			const byKey = (last && problem.atKey) || isMap(pair.value) || isSeq(pair.value);
			offset = (byKey ? keyOffset : (valueOffset ?? keyOffset)) ?? offset;
			node = pair.value;
		} else if (isSeq(node)) {
			const item: unknown = node.items[Number(step)];
			if (isNode(item)) offset = item.range?.[0] ?? offset;
			node = item;
		} else {
			node = null;
		}
	});
	return offset;
}

function keyText(key: unknown): string {
	return isScalar(key) ? String(key.value) : String(key);
}
