/** Sources, engines and sinks of one thread: what a worker runs, and what `polytap read` runs without one. */
import { setTimeout as delay } from "node:timers/promises";
import type { CaptureOptions } from "../config/schema.js";
import type { Delivery } from "../delivery/delivery.js";
import type { Engine } from "../engine/engine.js";
import { PolytapError } from "../errors.js";
import type { PodNames } from "../kubernetes/pod-names.js";
import type { Recorder } from "../recording/recorder.js";
import { Redactor } from "../redaction/redactor.js";
import { wallUs } from "./clock.js";
import type { PipelineSettings } from "./compose.js";
import { type CounterGroups, countersOf, sumCounters } from "./counters.js";
import { engineOptions } from "./engine-options.js";
import { within } from "./lifecycle.js";
import type { NamedSink, Workshop } from "./making.js";
import { type Notice, noticeOf } from "./notice.js";
import type { PluginModules } from "./plugins.js";
import { type NamedSource, pump } from "./pump.js";
import { type PreparedChange, type ReloadChange, SinkSet } from "./sink-set.js";

const TICK_MS = 10;
/** What sources get to yield what they have already captured. */
const SOURCE_STOP_MS = 10_000;
/** What a source that was closed meanwhile gets to say what it leaves behind. */
const FAREWELL_MS = 1_000;
/** What sinks get to write what waits for them. */
const FLUSH_MS = 10_000;
const CLOSE_MS = 3_000;

/** A sink or source that does not open has failed after this time. */
const OPEN_MS = 10_000;

export interface PipelineParts {
	readonly settings: PipelineSettings;
	readonly sources: readonly NamedSource[];
	readonly sinks: readonly NamedSink[];
	readonly delivery: Delivery;
	readonly recorder: Recorder | null;
	readonly shop: Workshop;
	/** By protocol. */
	readonly parserFailures: ReadonlyMap<string, number>;
	readonly names: PodNames | null;
}

/** What a source or sink does now. `failed`: for good. */
export type PartState = "running" | "ended" | "failed";

export interface PipelineStates {
	readonly sources: Readonly<Record<string, PartState>>;
	readonly sinks: Readonly<Record<string, PartState>>;
}

export class Pipeline {
	/** Sources and sinks that failed for good while others went on. */
	readonly failures: Notice[] = [];
	private readonly parts: PipelineParts;
	private readonly outlets: SinkSet;
	private readonly states = { sources: new Map<string, PartState>(), sinks: new Map<string, PartState>() };
	private sources: readonly NamedSource[] = [];
	private capture: CaptureOptions;

	constructor(parts: PipelineParts) {
		this.parts = parts;
		this.outlets = new SinkSet(parts.delivery, parts.shop);
		this.capture = parts.settings.config.capture;
	}

	/** Opens sinks, then sources. Resolves when all that could be opened captures; rejects where no sink or no source could. */
	async open(signal: AbortSignal): Promise<void> {
		const { parts } = this;
		const sinks = parts.sinks.map((one) => ({
			name: one.entry.name,
			one,
			open: () => this.outlets.open(one, signal),
			close: () => this.outlets.dropSpool(one.entry.name).then(() => one.sink.close()),
		}));
		for (const { one } of await this.openEach(sinks, "SINK_FAILED", this.states.sinks)) this.outlets.add(one);
		await parts.recorder?.open();
		const sources = parts.sources.map((one) => ({
			name: one.name,
			one,
			open: () => one.source.open(signal),
			close: () => one.source.close(),
		}));
		this.sources = (await this.openEach(sources, "SOURCE_FAILED", this.states.sources)).map(({ one }) => one);
		// one that never began has ended: what is held for it must not wait for it
		for (const one of parts.sources) if (!this.sources.includes(one)) one.engine.sourceEnded(one.number, wallUs());
	}

	/** `node (ebpf), file (pcap)`: what captures. */
	get capturing(): string {
		return this.sources.map((source) => `${source.name} (${source.type})`).join(", ");
	}

	/** Resolves when all sources have ended, by themselves or because of `stop`. */
	async run(stop: AbortSignal): Promise<void> {
		const { delivery } = this.parts;
		const { pulse, board } = this.parts.shop;
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
			pump(source, delivery, pulse, stop, this.parts.recorder).then(
				() => void this.states.sources.set(source.name, "ended"),
				(error: unknown) => {
					const notice = asNotice(error, "SOURCE_FAILED", source.name);
					this.failures.push(notice);
					this.states.sources.set(source.name, "failed");
					board.warn(notice, source.name);
				},
			),
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

	/**
	 * Writes what waits, then closes everything that was made, what others wrote last: a loop there takes nothing else with it.
	 * `onWritten` is called when nothing waits any more. Never rejects.
	 */
	async close(onWritten: () => void = () => {}): Promise<void> {
		const { delivery, shop } = this.parts;
		const ticks = setInterval(() => {
			shop.pulse.beat();
			delivery.tick(performance.now());
		}, TICK_MS);
		const { foreign, own } = this.byAuthor();
		await this.closeAll(own.sources);
		await this.outlets.flush(FLUSH_MS);
		const { recorder } = this.parts;
		if (recorder !== null)
			await this.closeAll([{ name: "record", code: "SINK_FAILED", close: () => recorder.close() }]);
		delivery.tick(performance.now());
		onWritten();
		await this.closeAll(own.sinks);
		onWritten();
		await this.closeAll([...foreign.sources, ...foreign.sinks]);
		clearInterval(ticks);
	}

	/** All or nothing: what is new is made and opened first. Rejects, with nothing changed, where something of it fails. */
	prepare(change: ReloadChange): Promise<PreparedChange> {
		return this.outlets.prepare(change, OPEN_MS);
	}

	/** From one exchange to the next: synchronous. What left is drained and closed behind it. */
	commit(prepared: PreparedChange): void {
		const { change } = prepared;
		this.outlets.commit(prepared, FLUSH_MS);
		for (const name of change.remove) this.states.sinks.delete(name);
		for (const { entry } of prepared.sinks) this.states.sinks.set(entry.name, "running");
		if (change.redact !== null) this.parts.delivery.redactWith(Redactor.of(change.redact));
		this.capture = change.capture;
		const options = engineOptions(this.capture);
		for (const { engine, offline } of this.parts.sources)
			engine.configure(offline ? { ...options, merge: "off" } : options);
		for (const { engine, source } of this.parts.sources) {
			engine.forgetAdvice();
			source.forgetAdvice?.();
		}
	}

	/** What was prepared is not wanted. */
	discard(prepared: PreparedChange): Promise<void> {
		return this.outlets.discard(prepared);
	}

	private engines(): Set<Engine> {
		return new Set(this.parts.sources.map((source) => source.engine));
	}

	/** How to close what this pipeline has, by whether somebody else wrote it. */
	private byAuthor() {
		const { plugins } = this.parts.shop;
		const isForeign = (list: PluginModules["sources"], type: string) =>
			list.some((one) => one.name === type && one.foreign === true);
		const groups = {
			own: { sources: [] as Closing[], sinks: [] as Closing[] },
			foreign: { sources: [] as Closing[], sinks: [] as Closing[] },
		};
		for (const { name, type, source } of this.parts.sources)
			groups[isForeign(plugins.sources, type) ? "foreign" : "own"].sources.push({
				name,
				code: "SOURCE_FAILED",
				close: () => source.close(),
			});
		const failed = this.parts.sinks.filter(({ entry }) => this.states.sinks.get(entry.name) === "failed");
		for (const { entry, sink } of [...this.outlets.all(), ...failed])
			groups[isForeign(this.outlets.plugins.sinks, entry.type) ? "foreign" : "own"].sinks.push({
				name: entry.name,
				code: "SINK_FAILED",
				close: () => sink.close(),
			});
		return groups;
	}

	private async closeSources(): Promise<void> {
		const { foreign, own } = this.byAuthor();
		await this.closeAll([...own.sources, ...foreign.sources]);
	}

	/** What every part does now. */
	stateOfParts(): PipelineStates {
		return {
			sources: Object.fromEntries(this.states.sources),
			sinks: Object.fromEntries(this.states.sinks),
		};
	}

	counters(): CounterGroups {
		const engines = [...this.engines()].map((engine) => engine.counters());
		const parsers = [...this.parts.parserFailures].map(([name, failures]) => [name, { failures }] as const);
		return {
			engine: [
				...engines,
				this.parts.delivery.redactionCounters(),
				this.parts.recorder?.counters() ?? {},
				this.parts.names?.counters() ?? {},
			].reduce(sumCounters, {}),
			sources: Object.fromEntries(this.sources.map((one) => [one.name, countersOf(one.source)])),
			parsers: Object.fromEntries(parsers),
			sinks: this.outlets.counters(),
		};
	}

	private async openEach<T extends Opening>(
		all: readonly T[],
		code: PartCode,
		states: Map<string, PartState>,
	): Promise<T[]> {
		const { board } = this.parts.shop;
		const results = await Promise.allSettled(all.map((one) => within(OPEN_MS, one.open())));
		let last: unknown = null;
		const opened: T[] = [];
		for (const [index, result] of results.entries()) {
			const one = all[index]!;
			states.set(one.name, result.status === "fulfilled" ? "running" : "failed");
			if (result.status === "fulfilled") {
				opened.push(one);
				continue;
			}
			last = result.reason instanceof PolytapError ? result.reason : wrapped(result.reason, code, one.name);
			if (all.length > 1) {
				const notice = asNotice(last, code, one.name);
				this.failures.push(notice);
				board.warn(notice, one.name);
			}
		}
		if (opened.length === 0) throw last;
		return opened;
	}

	private async closeAll(parts: readonly Closing[]): Promise<void> {
		const { board } = this.parts.shop;
		await Promise.all(
			parts.map(async ({ name, code, close }) => {
				try {
					await within(CLOSE_MS, close());
				} catch (error) {
					board.warn(asNotice(error, code, name, "it did not close: "), name);
				}
			}),
		);
	}
}

type PartCode = "SINK_FAILED" | "SOURCE_FAILED";

interface Opening {
	readonly name: string;
	open(): Promise<void>;
}

interface Closing {
	readonly name: string;
	readonly code: PartCode;
	close(): Promise<void>;
}

function wrapped(error: unknown, code: PartCode, name: string, what = ""): PolytapError {
	const reason = error instanceof Error ? error.message : String(error);
	return new PolytapError(code, `${name}: ${what}${reason}`, null, error);
}

function asNotice(error: unknown, code: PartCode, name: string, what = ""): Notice {
	return noticeOf(error instanceof PolytapError ? error : wrapped(error, code, name, what));
}
