/** The config as commands get it: from a file, or made from command-line options. */
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { formatError, type Loaded, loadConfig } from "../config/load.js";
import { resolveConfig } from "../config/resolve.js";
import type { Config } from "../config/schema.js";
import { MOST_FILE_BYTES } from "../config/world.js";
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

export type LoadedConfig = Extract<Loaded, { errors: readonly [] }>;

/** `-` is standard input. Rejects with `CONFIG_UNREADABLE` or `ConfigProblems`. */
export async function readConfig(file: string): Promise<LoadedConfig> {
	let text: string;
	try {
		text = file === "-" ? await readAll(process.stdin) : await readFile(file, "utf8");
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		throw new PolytapError("CONFIG_UNREADABLE", `cannot read ${file}: ${reason}`, null, error);
	}
	const loaded = await loadConfig(text, new Plugins(BUILTINS), {
		file: file === "-" ? "stdin" : file,
		folder: file === "-" ? process.cwd() : dirname(resolve(file)),
		variables: process.env,
		readFile: (path) => readFile(path, "utf8"),
		readBytes: bytesOf,
		list: async (folder) => (await readdir(folder)).sort(),
	});
	if (loaded.config !== null) return loaded;
	throw new ConfigProblems(file, loaded.errors.map(formatError));
}

async function bytesOf(path: string): Promise<Uint8Array> {
	const { size } = await stat(path);
	if (size > MOST_FILE_BYTES) throw new Error(`it is larger than ${MOST_FILE_BYTES} bytes`);
	return readFile(path);
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
