/** `polytap run`: capture until told to stop. */
import { writeFile } from "node:fs/promises";
import { formatError } from "../../config/load.js";
import type { Config } from "../../config/schema.js";
import { PolytapError } from "../../errors.js";
import { BUILTINS } from "../builtins.js";
import { makeConfig, readConfig } from "../config-file.js";
import { RateLimitedBoard } from "../diagnostics.js";
import { type Format, stdoutSink } from "../formats.js";
import { Liveness } from "../liveness.js";
import { type Log, RunLog } from "../log.js";
import type { MetricsServer } from "../metrics-server.js";
import { exitCodeOf, type Notice, noticeOf } from "../notice.js";
import { type ManagerState, notifyManager, watchdogMs } from "../notify.js";
import { type PluginModules, Plugins } from "../plugins.js";
import { Reloader } from "../reloader.js";
import { Supervisor } from "../supervisor.js";

export interface RunOptions {
	readonly config: string | null;
	readonly ports: readonly number[];
	/** Milliseconds after `ready`, or null for ever. */
	readonly forMs: number | null;
	/** File for the totals as JSON. */
	readonly totals: string | null;
	/** What standard output shows where there is no config file. */
	readonly format: Format;
	readonly version: string;
}

/** How SIGINT, SIGTERM and SIGHUP arrive. */
export interface Signals {
	readonly stop: AbortController;
	/** What SIGHUP does instead of stopping. */
	onHangup(work: () => void): void;
}

/** Returns the exit code. */
export async function run(options: RunOptions, signals: Signals): Promise<number> {
	const { stop } = signals;
	const chosen = await configOf(options);
	const { config, modules, pluginFailures } = chosen;
	const log = new RunLog(config.log);
	const board = new RateLimitedBoard(log);
	for (const failure of pluginFailures) board.warn(failure, "plugins");
	if (config.sources.length === 0 || config.sinks.length === 0) {
		for (const failure of pluginFailures) log.error(failure);
		return pluginFailures[0] === undefined ? 1 : exitCodeOf(pluginFailures[0]);
	}
	let timer: NodeJS.Timeout | undefined;
	const tellManager = managerTeller(board);
	const supervisor = new Supervisor(config, modules, board, {
		ready: (capturing) => {
			log.info(`ready: ${capturing}`);
			tellManager("READY=1");
			if (options.forMs !== null) timer = setTimeout(() => stop.abort(), options.forMs);
		},
		brokenPipe: () => stop.abort(),
	});
	const liveness = new Liveness(
		() => supervisor.beats,
		() => supervisor.workerTimeoutMs,
	);
	const metrics = await openMetrics(config, supervisor, liveness, options.version, log);
	const watchdog = startWatchdog(liveness, tellManager);
	if (options.config !== null && options.config !== "-") {
		const reloader = new Reloader(options.config, supervisor, log, tellManager);
		signals.onHangup(() => void reloader.reload());
	}
	stop.signal.addEventListener("abort", () => tellManager("STOPPING=1"), { once: true });
	const { totals, failures: own } = await supervisor.run(stop.signal);
	const failures = [...pluginFailures, ...own];
	clearTimeout(timer);
	clearInterval(watchdog);
	metrics?.close();
	for (const failure of failures) log.error(failure);
	if (failures.length === 0 || totals.engine.events !== undefined) log.totals(totals);
	if (options.totals !== null) await writeTotals(options.totals, totals);
	return failures[0] === undefined ? 0 : exitCodeOf(failures[0]);
}

/** Rejects with `METRICS_FAILED`: who asked for an endpoint wants to know that there is none. */
async function openMetrics(
	{ metrics }: Config,
	supervisor: Supervisor,
	liveness: Liveness,
	version: string,
	log: Log,
): Promise<MetricsServer | null> {
	if (metrics === undefined) return null;
	// only who asks for it loads the library behind it
	const { MetricsServer: Endpoint } = await import("../metrics-server.js");
	const server = await Endpoint.open(metrics, {
		totals: () => supervisor.totals(),
		health: () => supervisor.health(),
		isAlive: () => liveness.isAlive,
		version,
	});
	log.info(`metrics: http://${server.address}/metrics`);
	return server;
}

/** Twice as often as is asked for, and only while the worker answers. */
function startWatchdog(liveness: Liveness, tell: (state: ManagerState) => void): NodeJS.Timeout | undefined {
	const everyMs = watchdogMs();
	if (everyMs === null) return undefined;
	return setInterval(() => {
		if (liveness.isAlive) tell("WATCHDOG=1");
	}, everyMs / 2).unref();
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

function managerTeller(board: RateLimitedBoard): (state: ManagerState) => void {
	return (state) => {
		notifyManager(state).catch((error: unknown) => {
			const [what] = state.split("\n", 1);
			board.warn({ ...noticeOf(error), message: `the service manager could not be told ${what}` }, "notify");
		});
	};
}
