/**
 * The main thread's part: opens what must outlive a worker, starts the worker, watches its pulse, starts it again over the
 * same sources where it hangs or dies, and keeps the totals.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Config, SourceEntry } from "../config/schema.js";
import { PolytapError } from "../errors.js";
import type { SourceHost } from "../plugin.js";
import { buried, type Counters, NO_COUNTERS } from "./counters.js";
import type { RateLimitedBoard } from "./diagnostics.js";
import { Generation, type GenerationEnd } from "./generation.js";
import { Lifecycle } from "./lifecycle.js";
import { type Notice, noticeOf } from "./notice.js";
import { type PluginModules, Plugins } from "./plugins.js";
import { type Totals, TotalsBook } from "./totals.js";

const HOST_STOP_MS = 3_000;
const HANGS_PER_PARSER = 3;
/** Workers in a row that never got as far as capturing. */
const MOST_FRUITLESS = 3;
const LONGEST_PAUSE_MS = 10_000;

export interface SupervisorEvents {
	/** Once: every source captures. */
	ready(capturing: string): void;
	/** Whoever read standard output went away. */
	brokenPipe(): void;
}

export interface Outcome {
	readonly totals: Totals;
	/** What failed for good, in order of appearance. Empty: all went well. */
	readonly failures: readonly Notice[];
}

export class Supervisor {
	private readonly config: Config;
	private readonly plugins: PluginModules;
	private readonly board: RateLimitedBoard;
	private readonly events: SupervisorEvents;
	private readonly book = new TotalsBook();
	private readonly lifecycle = new Lifecycle(HOST_STOP_MS);
	private readonly hosts = new Map<string, SourceHost>();
	private readonly hostData: Record<string, unknown> = {};
	private readonly failures: Notice[] = [];
	private wasReady = false;

	constructor(config: Config, plugins: PluginModules, board: RateLimitedBoard, events: SupervisorEvents) {
		this.config = config;
		this.plugins = plugins;
		this.board = board;
		this.events = events;
	}

	/** Resolves when all sources have ended or `stop` was aborted, and everything is written and closed. Never rejects. */
	async run(stop: AbortSignal): Promise<Outcome> {
		try {
			const sources = await this.openHosts(stop);
			await this.runWorkers({ ...this.config, sources }, stop);
		} catch (error) {
			this.failures.push(noticeOf(error));
		}
		for (const [name, host] of this.hosts) this.countHost(name, host);
		for (const { name, error } of await this.lifecycle.stop()) {
			this.board.for(name).warn("SOURCE_FAILED", `did not close: ${noticeOf(error).message}`);
		}
		return { totals: this.book.close(this.config), failures: this.failures };
	}

	/** Returns the sources that can go on. Rejects where none can. */
	private async openHosts(stop: AbortSignal): Promise<SourceEntry[]> {
		const able: SourceEntry[] = [];
		let last: unknown = null;
		for (const entry of this.config.sources) {
			try {
				await this.openHost(entry, stop);
				able.push(entry);
			} catch (error) {
				last = asSourceError(error, entry.name);
				if (this.config.sources.length === 1) break;
				this.failures.push(noticeOf(last));
				this.board.warn(noticeOf(last), entry.name);
			}
		}
		if (able.length === 0) throw last;
		return able;
	}

	private async openHost(entry: SourceEntry, stop: AbortSignal): Promise<void> {
		const plugin = await new Plugins(this.plugins).source(entry.type);
		const host = plugin?.host?.(entry.options, { name: entry.name, diagnostics: this.board.for(entry.name) });
		if (host === undefined) return;
		await this.lifecycle.start({
			name: entry.name,
			start: async () => {
				this.hostData[entry.name] = await host.open(stop);
			},
			stop: () => host.close(),
		});
		this.hosts.set(entry.name, host);
	}

	private async runWorkers(config: Config, stop: AbortSignal): Promise<void> {
		const { worker } = this.book;
		for (let fruitless = 0; ; ) {
			const settings = { config, plugins: this.plugins, hosts: this.hostData, disabledParsers: worker.disabledParsers };
			const generation = new Generation(settings, {
				ready: (capturing) => {
					fruitless = 0;
					if (!this.wasReady) this.events.ready(capturing);
					this.wasReady = true;
				},
				warn: (notice) => this.board.warn(notice, "worker"),
				info: (message) => this.board.info(message),
				brokenPipe: () => this.events.brokenPipe(),
			});
			const end = await generation.run(stop);
			const finished = end.kind === "ended";
			this.book.add(finished ? generation.counters : buried(generation.counters));
			if (end.kind === "ended") {
				this.failures.push(...end.failures);
				return;
			}
			if (end.kind === "failed" && !this.wasReady) {
				this.failures.push(end.notice);
				return;
			}
			this.tell(end, config.capture.worker_timeout_ms);
			if (stop.aborted) return;
			if (!generation.wasReady && ++fruitless >= MOST_FRUITLESS) {
				this.failures.push(deathOf(end));
				return;
			}
			worker.restarts++;
			if (end.kind !== "hung" || fruitless > 0) await this.pause(fruitless, stop);
			if (stop.aborted) return;
		}
	}

	private tell(end: Exclude<GenerationEnd, { kind: "ended" }>, timeoutMs: number): void {
		const { worker } = this.book;
		if (end.kind !== "hung") {
			worker.died++;
			this.board.warn(deathOf(end));
			return;
		}
		const protocol = this.plugins.parsers[end.parser - 1]?.name ?? null;
		const times = (worker.hung[protocol ?? "unknown"] ?? 0) + 1;
		worker.hung[protocol ?? "unknown"] = times;
		const where = protocol === null ? "" : ` in the parser of ${protocol}`;
		this.board.warn({
			code: "WORKER_HUNG",
			message: `the worker did not answer for ${timeoutMs} ms${where}: it was ended and is started again`,
			hint: protocol === null ? "the machine may be overloaded: a larger `worker_timeout_ms` may help" : null,
		});
		if (protocol !== null && times === HANGS_PER_PARSER) {
			worker.disabledParsers.push(protocol);
			this.board.warn({
				code: "PARSER_DISABLED",
				message: `the parser of ${protocol} hung ${times} times and is switched off: its connections are opaque now`,
				hint: "please report it, with a packet capture of such a connection if you can",
			});
		}
	}

	private async pause(fruitless: number, stop: AbortSignal): Promise<void> {
		const ms = Math.min(100 * 4 ** fruitless, LONGEST_PAUSE_MS);
		await delay(ms, undefined, { signal: stop }).catch(() => undefined);
	}

	private countHost(name: string, host: SourceHost): void {
		let counters: Counters = {};
		try {
			counters = host.counters?.() ?? {};
		} catch (error) {
			this.board.for(name).warn("SOURCE_FAILED", `its counters could not be read: ${noticeOf(error).message}`);
		}
		this.book.add({ ...NO_COUNTERS, sources: { [name]: counters } });
	}
}

function deathOf(end: Exclude<GenerationEnd, { kind: "ended" }>): Notice {
	if (end.kind === "failed") return end.notice;
	const reason = end.kind === "died" ? end.reason : "it did not answer";
	return { code: "WORKER_DIED", message: `a worker thread ended unexpectedly: ${reason}`, hint: null };
}

function asSourceError(error: unknown, name: string): PolytapError {
	if (error instanceof PolytapError) return error;
	return new PolytapError(
		"SOURCE_FAILED",
		`${name}: ${error instanceof Error ? error.message : String(error)}`,
		null,
		error,
	);
}
