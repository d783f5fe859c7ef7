/** A YAML file, and what it includes and refers to, into a config; or everything that is wrong with it, with its place. */
import { isScalar } from "yaml";
import type { ErrorCode } from "../errors.js";
import { ConfigDocument, type ConfigError } from "./document.js";
import { withIncluded } from "./include.js";
import type { Path, Problem } from "./problem.js";
import { type ExtendedCatalog, type PluginCatalog, resolveConfig } from "./resolve.js";
import type { Config } from "./schema.js";
import { substitute } from "./substitute.js";
import { type ConfigWorld, filesOf, nowhere } from "./world.js";

export type Loaded =
	| {
			readonly config: Config;
			readonly errors: readonly [];
			/** Values that came out of variables and files: not to be shown to anybody. */
			readonly secrets: readonly Path[];
			/** Of the config's `plugins` that do not work, and what is left out for that. */
			readonly pluginFailures: readonly PluginFailure[];
			/** With the config's own `plugins`. */
			readonly catalog: PluginCatalog;
	  }
	| { readonly config: null; readonly errors: readonly ConfigError[] };

/** Never throws for bad text; all errors at once, in the order of the files. */
export async function loadConfig(
	text: string,
	catalog: PluginCatalog,
	world: ConfigWorld = nowhere("config"),
): Promise<Loaded> {
	const documents = await withIncluded(new ConfigDocument(world.file, text), world);
	const names = new Map<unknown, string>();
	for (const document of documents) for (const [node, name] of await substitute(document, world)) names.set(node, name);
	const problems: ConfigError[] = [];
	if (documents.every(({ document }) => document !== null)) {
		const raws = documents.map((document) => document.toJS());
		const raw = raws.reduceRight(merged);
		const extended = await extend(catalog, raw, world.folder);
		const resolution = await resolveConfig(raw, extended.catalog, filesOf(world));
		const isClean = documents.every(({ errors }) => errors.length === 0);
		const failures = extended.failures.map(({ index, code, message }) => ({
			...placed(documents, { path: ["plugins", index], atKey: false, message }, names),
			code,
		}));
		if (resolution.config !== null && isClean) {
			const leftOut = resolution.leftOut.map((problem) => ({
				...placed(documents, problem, names),
				code: "PLUGIN_INVALID" as const,
			}));
			return {
				config: resolution.config,
				errors: [],
				secrets: secretsIn(documents, names),
				pluginFailures: [...failures, ...leftOut],
				catalog: extended.catalog,
			};
		}
		problems.push(...failures);
		for (const problem of resolution.problems) problems.push(placed(documents, problem, names));
	}
	const errors: ConfigError[] = [];
	const byPlace = (a: ConfigError, b: ConfigError): number => a.line - b.line || a.column - b.column;
	for (const document of documents) {
		const own = [...document.errors, ...problems.filter(({ file }) => file === document.file)];
		errors.push(...own.sort(byPlace));
	}
	// and of files that options name
	const known = new Set(documents.map(({ file }) => file));
	errors.push(
		...problems.filter(({ file }) => !known.has(file)).sort((a, b) => a.file.localeCompare(b.file) || byPlace(a, b)),
	);
	return { config: null, errors };
}

export interface PluginFailure extends ConfigError {
	readonly code: ErrorCode;
}

async function extend(catalog: PluginCatalog, raw: unknown, folder: string): Promise<ExtendedCatalog> {
	const list: unknown = isMapping(raw) ? raw.plugins : undefined;
	const isList = Array.isArray(list) && list.length > 0 && list.every((one) => typeof one === "string" && one !== "");
	if (!isList || catalog.extended === undefined) return { catalog, failures: [] };
	return catalog.extended(list, folder);
}

/** `file:line:col: message` */
export function formatError(error: ConfigError): string {
	return `${error.file}:${error.line}:${error.column}: ${error.message}`;
}

/** In the file that goes furthest towards it; of two the one that counts. */
function placed(documents: readonly ConfigDocument[], problem: Problem, names: Map<unknown, string>): ConfigError {
	if (problem.place !== undefined) return { ...problem.place, message: problem.message };
	let best = documents[0]!;
	let place = best.locate(problem);
	for (const document of documents.slice(1)) {
		const other = document.locate(problem);
		if (other.depth <= place.depth) continue;
		best = document;
		place = other;
	}
	const name = names.get(place.node);
	const message = name === undefined ? problem.message : hidden(problem.message, name, place.node);
	return best.at(place.offset, withPath({ ...problem, message }));
}

/** The message without the value, which may be a password. */
function hidden(message: string, name: string, node: unknown): string {
	const value = isScalar(node) ? String(node.value) : "";
	const short = message.replace(/, got .*$/s, `, got the value of ${name}`);
	return value === "" ? short : short.replaceAll(`"${value}"`, name).replaceAll(value, name);
}

function withPath(problem: Problem): string {
	const path = problem.atKey ? problem.path.slice(0, -1) : problem.path;
	return path.length === 0 ? problem.message : `${path.join(".")}: ${problem.message}`;
}

/** `over` on top of `under`: mappings are joined, everything else is replaced. */
function merged(under: unknown, over: unknown): unknown {
	if (!isMapping(under) || !isMapping(over)) return over ?? under;
	const out: Record<string, unknown> = { ...under };
	for (const [key, value] of Object.entries(over)) out[key] = key in under ? merged(under[key], value) : value;
	return out;
}

function isMapping(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function secretsIn(documents: readonly ConfigDocument[], names: Map<unknown, string>): Path[] {
	const paths: Path[] = [];
	for (const document of documents) for (const path of document.pathsOf((node) => names.has(node))) paths.push(path);
	return paths;
}
