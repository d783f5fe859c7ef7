/** Sources, engines and sinks of one thread: what a worker runs, and what `polytap read` runs without one. */
import { setTimeout as delay } from "node:timers/promises";
import type { SinkEntry } from "../config/schema.js";
import type { Delivery } from "../delivery/delivery.js";
import { PolytapError } from "../errors.js";
import type { Sink } from "../plugin.js";
import type { Recorder } from "../recording/recorder.js";
import { compileFilter } from "../routing/filter.js";
import { wallUs } from "./clock.js";
import { type CounterGroups, sumCounters } from "./counters.js";
import type { RateLimitedBoard } from "./diagnostics.js";
import { type Notice, noticeOf } from "./notice.js";
import type { Pulse } from "./pulse.js";
import { type NamedSource, pump } from "./pump.js";

const TICK_MS = 10;
/** What sources get to yield what they have already captured. */
const SOURCE_STOP_MS = 10_000;
/** What a source that was closed meanwhile gets to say what it leaves behind. */
const FAREWELL_MS = 1_000;
/** What sinks get to write what waits for them. */
const FLUSH_MS = 10_000;
const CLOSE_MS = 3_000;

export interface NamedSink {
	readonly entry: SinkEntry;
	readonly sink: Sink;
}

export interface PipelineParts {
	readonly sources: readonly NamedSource[];
	readonly sinks: readonly NamedSink[];
	readonly delivery: Delivery;
	readonly recorder: Recorder | null;
	readonly board: RateLimitedBoard;
	readonly pulse: Pulse;
}

export class Pipeline {
	/** Sources and sinks that failed for good while others went on. */
	readonly failures: Notice[] = [];
	private readonly parts: PipelineParts;
	private sources: NamedSource[] = [];
	private sinks: NamedSink[] = [];

	constructor(parts: PipelineParts) {
		this.parts = parts;
	}

	/** Opens sinks, then sources. Resolves when all that could be opened captures; rejects where no sink or no source could. */
	async open(signal: AbortSignal): Promise<void> {
		const { parts } = this;
		this.sinks = await this.openEach(
			parts.sinks,
			(one) => one.sink.open(signal),
			(one) => one.entry.name,
			"SINK_FAILED",
		);
		for (const { entry, sink } of this.sinks)
			parts.delivery.add(entry.name, sink, outletOptions(entry), compileFilter(entry.filter ?? {}));
		await parts.recorder?.open();
		this.sources = await this.openEach(
			parts.sources,
			(one) => one.source.open(signal),
			(one) => one.name,
			"SOURCE_FAILED",
		);
	}

	/** `node (ebpf), file (pcap)`: what captures. */
	get capturing(): string {
		return this.sources.map((source) => `${source.name} (${source.type})`).join(", ");
	}

	/** Resolves when all sources have ended, by themselves or because of `stop`. */
	async run(stop: AbortSignal): Promise<void> {
		const { delivery, pulse, board } = this.parts;
		const live = new Set(this.sources.filter((source) => !source.offline).map((source) => source.engine));
		const ticks = setInterval(() => {
			pulse.beat();
			const nowUs = wallUs();
			for (const engine of live) engine.tick(nowUs);
			delivery.tick(performance.now());
		}, TICK_MS);
		// From here on silence means something: before the first beat a slow start is forgiven.
		pulse.beat();
		const pumps = this.sources.map((source) =>
			pump(source, delivery, pulse, stop, this.parts.recorder).catch((error: unknown) => {
				const notice = asNotice(error, "SOURCE_FAILED", source.name);
				this.failures.push(notice);
				board.warn(notice, source.name);
			}),
		);
		const late = new Promise<void>((resolve) => {
			const wait = () => setTimeout(resolve, SOURCE_STOP_MS).unref();
			if (stop.aborted) wait();
			else stop.addEventListener("abort", wait, { once: true });
		});
		const ended = Promise.all(pumps);
		if ((await Promise.race([ended, late])) === undefined) {
			await this.closeSources();
			await Promise.race([ended, delay(FAREWELL_MS, undefined, { ref: false })]);
		}
		clearInterval(ticks);
	}

	/** Writes what waits, then closes everything that was opened. Never rejects. */
	async close(): Promise<void> {
		const { delivery, pulse } = this.parts;
		const ticks = setInterval(() => {
			pulse.beat();
			delivery.tick(performance.now());
		}, TICK_MS);
		await this.closeSources();
		await delivery.flush(FLUSH_MS);
		const { recorder } = this.parts;
		if (recorder !== null) await this.closeOne(() => recorder.close(), "record");
		delivery.tick(performance.now());
		await Promise.all(this.parts.sinks.map((one) => this.closeOne(() => one.sink.close(), one.entry.name)));
		clearInterval(ticks);
	}

	private async closeSources(): Promise<void> {
		await Promise.all(this.parts.sources.map((one) => this.closeOne(() => one.source.close(), one.name)));
	}

	counters(): CounterGroups {
		const sinks = this.parts.delivery.counters();
		const engines = [...new Set(this.parts.sources.map((source) => source.engine))];
		for (const { entry, sink } of this.sinks) sinks[entry.name] = { ...sinks[entry.name], ...countersOf(sink) };
		return {
			engine: [
				...engines.map((engine) => engine.counters()),
				this.parts.delivery.redactionCounters(),
				this.parts.recorder?.counters() ?? {},
			].reduce(sumCounters, {}),
			sources: Object.fromEntries(this.sources.map((one) => [one.name, countersOf(one.source)])),
			sinks,
		};
	}

	private async openEach<T>(
		all: readonly T[],
		open: (one: T) => Promise<void>,
		nameOf: (one: T) => string,
		code: "SINK_FAILED" | "SOURCE_FAILED",
	): Promise<T[]> {
		const opened: T[] = [];
		let last: unknown = null;
		for (const one of all) {
			try {
				await open(one);
				opened.push(one);
			} catch (error) {
				last = error instanceof PolytapError ? error : wrapped(error, code, nameOf(one));
				if (all.length > 1) {
					const notice = asNotice(last, code, nameOf(one));
					this.failures.push(notice);
					this.parts.board.warn(notice, nameOf(one));
				}
			}
		}
		if (opened.length === 0) throw last;
		return opened;
	}

	private async closeOne(close: () => Promise<void>, name: string): Promise<void> {
		let timer: NodeJS.Timeout | undefined;
		const late = new Promise<never>((_, reject) => {
			timer = setTimeout(() => reject(new Error(`did not close within ${CLOSE_MS} ms`)), CLOSE_MS);
		});
		try {
			await Promise.race([close(), late]);
		} catch (error) {
			this.parts.board.warn(asNotice(error, "SINK_FAILED", name), name);
		} finally {
			clearTimeout(timer);
		}
	}
}

function outletOptions({ queue }: SinkEntry) {
	return {
		maxExchanges: queue.max_exchanges,
		maxBytes: queue.max_bytes,
		whenFull: queue.when_full,
		batchExchanges: queue.batch_exchanges,
		batchBytes: queue.batch_bytes,
		writeTimeoutMs: queue.write_timeout_ms,
		maxRetries: queue.max_retries,
		retryMs: queue.retry_ms,
	};
}

/** A plugin's counters; one that throws has none. */
function countersOf(plugin: { counters?(): Readonly<Record<string, number>> }): Readonly<Record<string, number>> {
	try {
		return plugin.counters?.() ?? {};
	} catch {
		return {};
	}
}

function wrapped(error: unknown, code: "SINK_FAILED" | "SOURCE_FAILED", name: string): PolytapError {
	return new PolytapError(code, `${name}: ${error instanceof Error ? error.message : String(error)}`, null, error);
}

function asNotice(error: unknown, code: "SINK_FAILED" | "SOURCE_FAILED", name: string): Notice {
	return noticeOf(error instanceof PolytapError ? error : wrapped(error, code, name));
}
