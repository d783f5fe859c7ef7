/** `${NAME}`, `${NAME:-default}` and `${file:PATH}` in the values of a config. */
import { resolve } from "node:path";
import { isScalar, parseDocument, Scalar, visit } from "yaml";
import type { ConfigDocument } from "./document.js";
import { didYouMean } from "./suggest.js";
import type { ConfigWorld } from "./world.js";

/** `$${` is a plain `${`. */
const REFERENCE = /\$\$\{|\$\{([^}]*)\}/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const MOST_SECRET_BYTES = 1 << 16;

/**
 * Replaces the references in all values of `document`, which from then on stand for secrets: the result says for each such
 * value what it is to be called in messages. What cannot be replaced becomes an error of the document.
 */
export async function substitute(document: ConfigDocument, world: ConfigWorld): Promise<Map<unknown, string>> {
	const found: Scalar[] = [];
	if (document.document !== null) {
		visit(document.document, {
			Scalar(key, node) {
				if (key !== "key" && typeof node.value === "string" && node.value.includes("${")) found.push(node);
			},
		});
	}
	const names = new Map<unknown, string>();
	for (const node of found) {
		const text = String(node.value);
		const references = text.match(REFERENCE)?.filter((one) => !one.startsWith("$$")) ?? [];
		const parts: string[] = [];
		let at = 0;
		for (const match of text.matchAll(REFERENCE)) {
			parts.push(text.slice(at, match.index));
			parts.push(match[1] === undefined ? "${" : await resolved(match[1], document, node, world));
			at = match.index + match[0].length;
		}
		const value = parts.join("") + text.slice(at);
		// without quotes a variable may be a number or true and false; a file is always text
		const isTyped = node.type === Scalar.PLAIN && references[0] === text && !text.startsWith("${file:");
		node.value = isTyped ? typed(value) : value;
		if (references.length > 0) names.set(node, references.join(" and "));
	}
	return names;
}

async function resolved(inner: string, document: ConfigDocument, node: Scalar, world: ConfigWorld): Promise<string> {
	const complain = (message: string) => {
		document.errors.push(document.at(node.range?.[0] ?? 0, message));
		return "";
	};
	if (inner.startsWith("file:")) {
		const path = resolve(world.folder, inner.slice("file:".length));
		try {
			const text = await world.readFile(path);
			if (Buffer.byteLength(text) > MOST_SECRET_BYTES)
				return complain(`${path} is larger than ${MOST_SECRET_BYTES} bytes`);
			return text.replace(/\r?\n$/, "");
		} catch (error) {
			return complain(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
		}
	}
	const [name = "", standard] = split(inner);
	if (!NAME.test(name)) return complain(`"\${${inner}}" is neither a variable nor file:PATH; $\${ is a plain \${`);
	const value = world.variables[name];
	if (value !== undefined && (value !== "" || standard === undefined)) return value;
	if (standard !== undefined) return standard;
	return complain(`environment variable ${name} is not set${didYouMean(name, Object.keys(world.variables))}`);
}

function split(inner: string): [string, string | undefined] {
	const at = inner.indexOf(":-");
	return at < 0 ? [inner, undefined] : [inner.slice(0, at), inner.slice(at + 2)];
}

function typed(value: string): unknown {
	const { contents, errors } = parseDocument(value, { prettyErrors: false });
	const isPlain = errors.length === 0 && isScalar(contents) && ["number", "boolean"].includes(typeof contents.value);
	return isPlain ? contents.value : value;
}
