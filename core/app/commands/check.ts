/** `polytap check`: everything about a config but the world. */
import { stringify } from "yaml";
import { formatError } from "../../config/load.js";
import type { Path } from "../../config/problem.js";
import type { Config } from "../../config/schema.js";
import { ConfigProblems, readConfig } from "../config-file.js";

/** Resolves with what to print; rejects with the problems. `print`: the whole config as it takes effect. */
export async function check(file: string, print: boolean): Promise<string> {
	const { config, secrets, pluginFailures } = await readConfig(file);
	if (pluginFailures.length > 0) throw new ConfigProblems(file, pluginFailures.map(formatError));
	if (print) return stringify(shown(config, secrets), { lineWidth: 0 });
	const { sources, sinks } = config;
	return `${file}: fine (${plural(sources.length, "source")}, ${plural(sinks.length, "sink")})\n`;
}

/** With all defaults, in the form of the file, without what came out of variables and files. */
function shown({ sources, sinks, protocols, ...rest }: Config, secrets: readonly Path[]): unknown {
	const out = structuredClone({
		version: 1,
		...rest,
		sources: Object.fromEntries(sources.map(({ name, type, options }) => [name, { type, ...asMapping(options) }])),
		protocols: Object.fromEntries(
			protocols.map(({ protocol, ports, options }) => [
				protocol,
				{ ...(ports.length > 0 ? { ports } : {}), ...asMapping(options) },
			]),
		),
		sinks: Object.fromEntries(
			sinks.map(({ name, type, options, ...common }) => [name, { type, ...asMapping(options), ...common }]),
		),
	});
	for (const path of secrets) mask(out, path);
	return out;
}

function mask(value: unknown, path: Path): void {
	const last = path.at(-1);
	let at = value;
	for (const step of path.slice(0, -1)) at = asMapping(at)[step];
	if (last !== undefined && typeof at === "object" && at !== null && last in at) asMapping(at)[last] = "***";
}

function asMapping(value: unknown): Record<string | number, unknown> {
	return typeof value === "object" && value !== null ? (value as Record<string | number, unknown>) : {};
}

function plural(count: number, noun: string): string {
	return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
