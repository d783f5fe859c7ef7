/** The halves of sources that live in the main thread: opened before the first worker, closed after the last. */
import type { Config, SourceEntry } from "../config/schema.js";
import { PolytapError } from "../errors.js";
import type { SourceHost } from "../plugin.js";
import { type CounterGroups, type Counters, NO_COUNTERS } from "./counters.js";
import type { RateLimitedBoard } from "./diagnostics.js";
import { onlyNumbers } from "./guarded-sink.js";
import { Lifecycle, within } from "./lifecycle.js";
import { type Notice, noticeOf } from "./notice.js";
import { type PluginModules, Plugins } from "./plugins.js";
import type { SourceChange } from "./reload-plan.js";

const STOP_MS = 3_000;
const OPEN_MS = 30_000;

export class SourceHosts {
	/** What each `open` returned, by source. */
	readonly data: Record<string, unknown> = {};
	/** Sources that cannot, while others can. */
	readonly failures: Notice[] = [];
	private readonly plugins: PluginModules;
	private readonly board: RateLimitedBoard;
	private readonly lifecycle = new Lifecycle(STOP_MS);
	private readonly hosts = new Map<string, SourceHost>();

	constructor(plugins: PluginModules, board: RateLimitedBoard) {
		this.plugins = plugins;
		this.board = board;
	}

	/** Returns the sources that can go on. Rejects where none can. */
	async open(config: Config, stop: AbortSignal): Promise<SourceEntry[]> {
		const able: SourceEntry[] = [];
		let last: unknown = null;
		for (const entry of config.sources) {
			try {
				await this.openOne(entry, stop);
				able.push(entry);
			} catch (error) {
				last = asSourceError(error, entry.name);
				if (config.sources.length === 1) break;
				this.failures.push(noticeOf(last));
				this.board.warn(noticeOf(last), entry.name);
			}
		}
		if (able.length === 0) throw last;
		return able;
	}

	/**
	 * Gives hosts their new options. Returns the entry as it takes effect and what waits for a restart; throws what a host
	 * threw, which then has changed nothing.
	 */
	reconfigure({ now, next }: SourceChange, changed: readonly string[]): { entry: SourceEntry; waiting: string[] } {
		const reconfigure = this.hosts.get(now.name)?.reconfigure?.bind(this.hosts.get(now.name));
		if (reconfigure === undefined) return { entry: now, waiting: [...changed] };
		const refused: unknown = reconfigure(next.options);
		const waiting = Array.isArray(refused) ? changed.filter((key) => refused.includes(key)) : [];
		const options: Record<string, unknown> = { ...(now.options as object) };
		const wanted: Record<string, unknown> = { ...(next.options as object) };
		for (const key of changed) if (!waiting.includes(key)) options[key] = wanted[key];
		return { entry: { ...now, options }, waiting };
	}

	counters(): CounterGroups {
		const sources = [...this.hosts].map(([name, host]) => [name, this.countersOf(name, host)] as const);
		return { ...NO_COUNTERS, sources: Object.fromEntries(sources) };
	}

	async close(): Promise<void> {
		for (const { name, error } of await this.lifecycle.stop())
			this.board.for(name).warn("SOURCE_FAILED", `did not close: ${noticeOf(error).message}`);
	}

	private async openOne(entry: SourceEntry, stop: AbortSignal): Promise<void> {
		const plugin = await new Plugins(this.plugins).source(entry.type);
		const host = plugin?.host?.(entry.options, { name: entry.name, diagnostics: this.board.for(entry.name) });
		if (host === undefined) return;
		await this.lifecycle.start({
			name: entry.name,
			start: async () => {
				this.data[entry.name] = await within(OPEN_MS, host.open(stop));
			},
			stop: () => host.close(),
		});
		this.hosts.set(entry.name, host);
	}

	private countersOf(name: string, host: SourceHost): Counters {
		try {
			return onlyNumbers(host.counters?.());
		} catch (error) {
			this.board.for(name).warn("SOURCE_FAILED", `its counters could not be read: ${noticeOf(error).message}`);
			return {};
		}
	}
}

function asSourceError(error: unknown, name: string): PolytapError {
	if (error instanceof PolytapError) return error;
	const reason = error instanceof Error ? error.message : String(error);
	return new PolytapError("SOURCE_FAILED", `${name}: ${reason}`, null, error);
}
