/** The config as commands get it: from a file, or made from command-line options. */
import { readFile } from "node:fs/promises";
import { formatError, loadConfig } from "../config/load.js";
import { resolveConfig } from "../config/resolve.js";
import type { Config } from "../config/schema.js";
import { PolytapError } from "../errors.js";
import { BUILTINS } from "./builtins.js";
import { Plugins } from "./plugins.js";

/** A config file that was read but is not acceptable: every problem as `file:line:col: message`. */
export class ConfigProblems extends PolytapError {
	readonly lines: readonly string[];

	constructor(file: string, lines: readonly string[]) {
		super(
			"CONFIG_INVALID",
			`${file} has ${lines.length} ${lines.length === 1 ? "problem" : "problems"}`,
			"`polytap list` shows the plugins and their options",
		);
		this.lines = lines;
	}
}

/** Rejects with `CONFIG_UNREADABLE` or `ConfigProblems`. */
export async function readConfig(file: string): Promise<Config> {
	let text: string;
	try {
		text = await readFile(file, "utf8");
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		throw new PolytapError("CONFIG_UNREADABLE", `cannot read ${file}: ${reason}`, null, error);
	}
	const loaded = await loadConfig(text, new Plugins(BUILTINS));
	if (loaded.config !== null) return loaded.config;
	throw new ConfigProblems(
		file,
		loaded.errors.map((error) => formatError(file, error)),
	);
}

/** A config that a command makes itself. Rejects with `USAGE`: what is wrong came from the command line. */
export async function makeConfig(raw: {
	readonly sources: Readonly<Record<string, unknown>>;
	readonly sinks: Readonly<Record<string, unknown>>;
}): Promise<Config> {
	const { config, problems } = await resolveConfig({ version: 1, ...raw }, new Plugins(BUILTINS));
	if (config !== null) return config;
	const text = problems.map((problem) => `${problem.path.join(".")}: ${problem.message}`).join("; ");
	throw new PolytapError("USAGE", text);
}
