/** The `plugins` list of a config: modules that somebody else wrote, by path or package name. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { type ErrorCode, PolytapError } from "../errors.js";
import { PLUGIN_API } from "../plugin.js";
import type { Probed } from "./plugin-probe.js";
import type { PluginModule, PluginModules } from "./plugins.js";

/** An import that takes longer hangs. */
const IMPORT_MS = 10_000;

/** One entry of the list that does not work, or one plugin of it. */
export interface PluginFailure {
	/** Of the list. */
	readonly index: number;
	readonly code: ErrorCode;
	readonly message: string;
}

export interface LoadedPlugins {
	readonly modules: PluginModules;
	readonly failures: readonly PluginFailure[];
}

/** `known` and what the modules bring. A bad one is a failure and hides no other. */
export async function loadPlugins(
	specifiers: readonly string[],
	folder: string,
	known: PluginModules,
): Promise<LoadedPlugins> {
	const found = { sources: [...known.sources], parsers: [...known.parsers], sinks: [...known.sinks] };
	const failures: PluginFailure[] = [];
	const probes = await Promise.all(specifiers.map((specifier) => probe(specifier, folder)));
	for (const [index, { url, probed }] of probes.entries()) {
		const specifier = specifiers[index]!;
		const fail = (code: ErrorCode, message: string) =>
			failures.push({ index, code, message: `${specifier}: ${message}` });
		if (probed.kind === "failed") {
			fail("PLUGIN_IMPORT_FAILED", probed.reason);
			continue;
		}
		if (probed.plugins.length === 0) fail("PLUGIN_INVALID", "its default export is an empty list");
		for (const [position, { kind, name, api, problem }] of probed.plugins.entries()) {
			const list = kind === "source" ? found.sources : kind === "parser" ? found.parsers : found.sinks;
			if (problem !== null) fail("PLUGIN_INVALID", problem);
			else if (api !== PLUGIN_API)
				fail("PLUGIN_API_MISMATCH", `the ${kind} "${name}" is made for plugin API ${api}, this is ${PLUGIN_API}`);
			else if (list.some((one) => one.name === name)) fail("PLUGIN_DUPLICATE", `there is a ${kind} "${name}" already`);
			else list.push({ name, module: url, position, foreign: true } satisfies PluginModule);
		}
	}
	return { modules: found, failures };
}

async function probe(specifier: string, folder: string): Promise<{ url: string; probed: Probed }> {
	let url: string;
	try {
		url = urlOf(specifier, folder);
	} catch (error) {
		const reason = error instanceof PolytapError ? error.message : "there is no such package or file";
		return { url: "", probed: { kind: "failed", reason } };
	}
	const worker = new Worker(new URL("./plugin-probe.js", import.meta.url), { workerData: url, name: "polytap-probe" });
	return new Promise((resolve) => {
		const end = (probed: Probed) => {
			clearTimeout(timer);
			void worker.terminate();
			resolve({ url, probed });
		};
		const timer = setTimeout(
			() => end({ kind: "failed", reason: `its import did not end within ${IMPORT_MS} ms` }),
			IMPORT_MS,
		);
		worker.once("message", (probed: Probed) => end(probed));
		worker.once("error", (error) => end({ kind: "failed", reason: String(error) }));
		worker.once("exit", (code) => end({ kind: "failed", reason: `its import ended the thread with code ${code}` }));
	});
}

/** Paths begin with a dot or a slash; everything else is a package, looked for from the folder upwards. */
function urlOf(specifier: string, folder: string): string {
	if (/^\.{0,2}\//.test(specifier)) {
		const path = resolve(folder, specifier);
		if (!existsSync(path)) throw new PolytapError("PLUGIN_IMPORT_FAILED", `there is no file ${path}`);
		return pathToFileURL(path).href;
	}
	const require = createRequire(join(folder, "polytap.js"));
	try {
		return pathToFileURL(require.resolve(specifier)).href;
	} catch (error) {
		// a package that has a door for `import` only
		const entry = importEntry(specifier, require.resolve.paths(specifier) ?? []);
		if (entry === null) throw error;
		return pathToFileURL(entry).href;
	}
}

function importEntry(name: string, folders: readonly string[]): string | null {
	for (const folder of folders) {
		const file = join(folder, name, "package.json");
		if (!existsSync(file)) continue;
		const { exports, module, main } = JSON.parse(readFileSync(file, "utf8"));
		const root = exports?.["."] ?? exports;
		const entry =
			typeof root === "string" ? root : (root?.import?.default ?? root?.import ?? root?.default ?? module ?? main);
		return typeof entry === "string" ? join(folder, name, entry) : null;
	}
	return null;
}
