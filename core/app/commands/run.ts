/** `polytap run`: capture until told to stop. */
import { writeFile } from "node:fs/promises";
import type { Config } from "../../config/schema.js";
import { PolytapError } from "../../errors.js";
import { BUILTINS } from "../builtins.js";
import { makeConfig, readConfig } from "../config-file.js";
import { RateLimitedBoard, stderrBoard } from "../diagnostics.js";
import { type Format, stdoutSink } from "../formats.js";
import { exitCodeOf, formatNotice, noticeOf, say } from "../notice.js";
import { notifyManager } from "../notify.js";
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
	const config = await configOf(options);
	let timer: NodeJS.Timeout | undefined;
	const supervisor = new Supervisor(config, BUILTINS, new RateLimitedBoard(stderrBoard), {
		ready: (capturing) => {
			say(`ready: ${capturing}`);
			tellManager("READY=1");
			if (options.forMs !== null) timer = setTimeout(() => stop.abort(), options.forMs);
		},
		brokenPipe: () => stop.abort(),
	});
	stop.signal.addEventListener("abort", () => tellManager("STOPPING=1"), { once: true });
	const { totals, failures } = await supervisor.run(stop.signal);
	clearTimeout(timer);
	for (const failure of failures) say(formatNotice("error", failure));
	if (failures.length === 0 || totals.engine.events !== undefined) say(formatTotals(totals));
	if (options.totals !== null) await writeTotals(options.totals, totals);
	return failures[0] === undefined ? 0 : exitCodeOf(failures[0]);
}

async function configOf({ config, ports, format }: RunOptions): Promise<Config> {
	if (config !== null) {
		if (ports.length > 0) {
			throw new PolytapError("USAGE", "--port and -c cannot go together", "put the ports into `targets` in the file");
		}
		return (await readConfig(config)).config;
	}
	if (ports.length === 0) {
		throw new PolytapError(
			"NO_TARGET",
			"nothing to capture: neither a config file nor a port was given",
			"polytap run --port 8080, or polytap run -c polytap.yaml",
		);
	}
	return makeConfig({
		sources: { node: { type: "ebpf", targets: [{ ports }] } },
		sinks: { stdout: stdoutSink(format) },
	});
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
