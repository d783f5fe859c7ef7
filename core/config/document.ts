/** One YAML text: its plain data, and where in the text each value stands. */
import { type Document, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit } from "yaml";
import type { Path, Problem } from "./problem.js";

/** 1-based. */
export interface ConfigError {
	readonly file: string;
	readonly line: number;
	readonly column: number;
	readonly message: string;
}

/** Where a problem is, as far down as this text goes. */
export interface Place {
	readonly offset: number;
	/** How many steps of the path this text has. */
	readonly depth: number;
	/** The value there, or the nearest one above it. */
	readonly node: unknown;
}

const MOST_BYTES = 1 << 20;
/** Deeper than any config, and far from the end of the stack. */
const MOST_NESTED = 64;
const MOST_ALIASES = 100;

export class ConfigDocument {
	readonly file: string;
	readonly errors: ConfigError[] = [];
	/** Null where the text is no YAML at all: then it has no values worth judging. One with a duplicate key has. */
	readonly document: Document | null;
	private readonly lines = new LineCounter();

	constructor(file: string, text: string) {
		this.file = file;
		this.document = this.parse(text);
	}

	/** Plain data as it is now; null where there is none. */
	toJS(): unknown {
		try {
			return this.document?.toJS({ maxAliasCount: MOST_ALIASES }) ?? null;
		} catch (error) {
			this.errors.push(this.at(0, error instanceof Error ? firstLine(error.message) : String(error)));
			return null;
		}
	}

	at(offset: number, message: string): ConfigError {
		const { line, col } = this.lines.linePos(offset);
		return { file: this.file, line: Math.max(line, 1), column: Math.max(col, 1), message };
	}

	/** Of the node at the problem's path, or of the nearest one above it. */
	locate(problem: Problem): Place {
		let node: unknown = this.document?.contents ?? null;
		let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
		let depth = 0;
		for (const [index, step] of problem.path.entries()) {
			const last = index === problem.path.length - 1;
			if (isMap(node)) {
				const pair = node.items.find((item) => keyText(item.key) === String(step));
				if (pair === undefined) break;
				const keyOffset = isNode(pair.key) ? pair.key.range?.[0] : undefined;
				const valueOffset = isNode(pair.value) ? pair.value.range?.[0] : undefined;
				// A mapping is best named by its key: its own position is that of the first key in it.
				const byKey = (last && problem.atKey) || isMap(pair.value) || isSeq(pair.value);
				offset = (byKey ? keyOffset : (valueOffset ?? keyOffset)) ?? offset;
				node = pair.value;
			} else if (isSeq(node)) {
				const item: unknown = node.items[Number(step)];
				if (!isNode(item)) break;
				offset = item.range?.[0] ?? offset;
				node = item;
			} else {
				break;
			}
			depth++;
		}
		return { offset, depth, node };
	}

	/** Paths of the values that `isMeant`. */
	pathsOf(isMeant: (node: unknown) => boolean): Path[] {
		const found: Path[] = [];
		const walk = (node: unknown, path: Path): void => {
			if (isMeant(node)) found.push(path);
			if (isMap(node)) for (const { key, value } of node.items) walk(value, [...path, keyText(key)]);
			else if (isSeq(node)) for (const [index, item] of node.items.entries()) walk(item, [...path, index]);
		};
		walk(this.document?.contents, []);
		return found;
	}

	private parse(text: string): Document | null {
		if (Buffer.byteLength(text) > MOST_BYTES) {
			this.errors.push(this.at(0, `larger than ${MOST_BYTES} bytes`));
			return null;
		}
		const deep = tooDeep(text);
		if (deep >= 0) {
			this.errors.push({ file: this.file, ...lineOf(text, deep), message: `more than ${MOST_NESTED} levels deep` });
			return null;
		}
		let document: Document.Parsed;
		try {
			document = parseDocument(text, { lineCounter: this.lines, prettyErrors: false, uniqueKeys: true });
		} catch (error) {
			this.errors.push(this.at(0, error instanceof Error ? firstLine(error.message) : String(error)));
			return null;
		}
		for (const error of [...document.errors, ...document.warnings]) {
			const variable = variableAt(text, error.pos[0]);
			if (variable !== null) {
				this.errors.push(this.at(error.pos[0] - 1, bareVariable(variable)));
				// what the parser makes of the rest of it is no help
				break;
			}
			const message = error.code === "DUPLICATE_KEY" ? "this key is there twice" : firstLine(error.message);
			this.errors.push(this.at(error.pos[0], message));
		}
		if (!document.errors.every((error) => error.code === "DUPLICATE_KEY")) return null;
		return this.hasLooseAliases(document) ? null : document;
	}

	private hasLooseAliases(document: Document.Parsed): boolean {
		const before = this.errors.length;
		visit(document, {
			Alias: (_, alias) => {
				if (alias.resolve(document) === undefined)
					this.errors.push(this.at(alias.range?.[0] ?? 0, `there is no anchor &${alias.source} before this`));
			},
		});
		return this.errors.length > before;
	}
}

/** Offset where brackets or the dashes of a line are nested too deep, or -1: the YAML library goes down recursively. */
function tooDeep(text: string): number {
	let open = 0;
	for (let i = 0; i < text.length; i++) {
		const character = text[i];
		if (character === "[" || character === "{") open++;
		else if (character === "]" || character === "}") open = Math.max(0, open - 1);
		if (open > MOST_NESTED) return i;
	}
	const dashes = new RegExp(`^[ ]*(?:[-?:] +){${MOST_NESTED + 1}}`, "m").exec(text);
	const indented = /^ {2000,}/m.exec(text);
	return dashes?.index ?? indented?.index ?? -1;
}

/** The reference whose brace is what YAML stumbled over, or null. */
function variableAt(text: string, brace: number): string | null {
	const reference = /\$\{[^}\n]*\}/y;
	reference.lastIndex = Math.max(0, brace - 1);
	return text[brace] === "{" ? (reference.exec(text)?.[0] ?? null) : null;
}

function bareVariable(reference: string): string {
	return `inside of […] and {…} YAML wants quotes around a variable: "${reference}", which is text then; write lists of numbers line by line: - ${reference}`;
}

function lineOf(text: string, offset: number): { line: number; column: number } {
	const before = text.slice(0, offset);
	return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}

function firstLine(text: string): string {
	return text.split("\n", 1)[0] ?? text;
}

function keyText(key: unknown): string {
	return isScalar(key) ? String(key.value) : String(key);
}
