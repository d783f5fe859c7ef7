/** `polytap run`: capture until told to stop. */
import { writeFile } from "node:fs/promises";
import { formatError } from "../../config/load.js";
import type { Config } from "../../config/schema.js";
import { PolytapError } from "../../errors.js";
import { BUILTINS } from "../builtins.js";
import { makeConfig, readConfig } from "../config-file.js";
import { RateLimitedBoard, stderrBoard } from "../diagnostics.js";
import { type Format, stdoutSink } from "../formats.js";
import { exitCodeOf, formatNotice, type Notice, noticeOf, say } from "../notice.js";
import { notifyManager } from "../notify.js";
import { type PluginModules, Plugins } from "../plugins.js";
import { Supervisor } from "../supervisor.js";
import { formatTotals } from "../totals.js";

export interface RunOptions {
	readonly config: string | null;
	readonly ports: readonly number[];
	/** Milliseconds after `ready`, or null for ever. */
	readonly forMs: number | null;
	/** File for the totals as JSON. */
	readonly totals: string | null;
	/** What standard output shows where there is no config file. */
	readonly format: Format;
}

/** Returns the exit code. `stop` is aborted by a signal. */
export async function run(options: RunOptions, stop: AbortController): Promise<number> {
	const { config, modules, pluginFailures } = await configOf(options);
	for (const failure of pluginFailures) say(formatNotice("warning", failure));
	if (config.sources.length === 0 || config.sinks.length === 0) {
		for (const failure of pluginFailures) say(formatNotice("error", failure));
		return pluginFailures[0] === undefined ? 1 : exitCodeOf(pluginFailures[0]);
	}
	let timer: NodeJS.Timeout | undefined;
	const supervisor = new Supervisor(config, modules, new RateLimitedBoard(stderrBoard), {
		ready: (capturing) => {
			say(`ready: ${capturing}`);
			tellManager("READY=1");
			if (options.forMs !== null) timer = setTimeout(() => stop.abort(), options.forMs);
		},
		brokenPipe: () => stop.abort(),
	});
	stop.signal.addEventListener("abort", () => tellManager("STOPPING=1"), { once: true });
	const { totals, failures: own } = await supervisor.run(stop.signal);
	const failures = [...pluginFailures, ...own];
	clearTimeout(timer);
	for (const failure of failures) say(formatNotice("error", failure));
	if (failures.length === 0 || totals.engine.events !== undefined) say(formatTotals(totals));
	if (options.totals !== null) await writeTotals(options.totals, totals);
	return failures[0] === undefined ? 0 : exitCodeOf(failures[0]);
}

interface Chosen {
	readonly config: Config;
	readonly modules: PluginModules;
	readonly pluginFailures: readonly Notice[];
}

async function configOf({ config, ports, format }: RunOptions): Promise<Chosen> {
	if (config !== null) {
		if (ports.length > 0) {
			throw new PolytapError("USAGE", "--port and -c cannot go together", "put the ports into `targets` in the file");
		}
		const loaded = await readConfig(config);
		return {
			config: loaded.config,
			modules: loaded.catalog instanceof Plugins ? loaded.catalog.modules : BUILTINS,
			pluginFailures: loaded.pluginFailures.map((one) => ({ code: one.code, message: formatError(one), hint: null })),
		};
	}
	if (ports.length === 0) {
		throw new PolytapError(
			"NO_TARGET",
			"nothing to capture: neither a config file nor a port was given",
			"polytap run --port 8080, or polytap run -c polytap.yaml",
		);
	}
	const made = await makeConfig({
		sources: { node: { type: "ebpf", targets: [{ ports }] } },
		sinks: { stdout: stdoutSink(format) },
	});
	return { config: made, modules: BUILTINS, pluginFailures: [] };
}

async function writeTotals(file: string, totals: unknown): Promise<void> {
	try {
		await writeFile(file, `${JSON.stringify(totals, null, "\t")}\n`);
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		throw new PolytapError("USAGE", `the totals could not be written to ${file}: ${reason}`, null, error);
	}
}

function tellManager(state: "READY=1" | "STOPPING=1"): void {
	notifyManager(state).catch((error: unknown) => {
		say(formatNotice("warning", { ...noticeOf(error), message: `the service manager could not be told ${state}` }));
	});
}
