/** The sinks of a pipeline, each behind its outlet, and how they change while exchanges flow. */
import type { CaptureOptions, SinkEntry } from "../config/schema.js";
import type { Delivery } from "../delivery/delivery.js";
import type { Spool } from "../delivery/spool/spool.js";
import type { RedactRule } from "../redaction/schema.js";
import { compileFilter } from "../routing/filter.js";
import { type Counters, countersOf, sumCounters } from "./counters.js";
import { within } from "./lifecycle.js";
import { findSink, makeSink, type NamedSink, type Workshop } from "./making.js";
import { noticeOf } from "./notice.js";
import { outletOptions, spoolOptions } from "./outlet-options.js";
import type { PluginModules } from "./plugins.js";
import { Roster, type RosterEntry } from "./roster.js";
import { successor } from "./successor.js";

/** Plain data: it crosses into worker threads. */
export interface ReloadChange {
	readonly plugins: PluginModules;
	readonly roster: readonly RosterEntry[];
	/** To be opened: new ones, and ones that take the place of one of the same name. */
	readonly open: readonly SinkEntry[];
	/** To be drained and closed, the ones of the same name as one of `open` included. */
	readonly remove: readonly string[];
	/** Sinks that stay, with another filter. */
	readonly refilter: readonly SinkEntry[];
	/** Null: as they are. */
	readonly redact: readonly RedactRule[] | null;
	readonly capture: CaptureOptions;
}

export interface PreparedChange {
	readonly change: ReloadChange;
	/** Open, and not yet written to. */
	readonly sinks: readonly NamedSink[];
}

/** One that left: what it had counted by then, and counts while it is drained. */
interface Retired {
	readonly name: string;
	read(): Counters;
}

export class SinkSet {
	plugins: PluginModules;
	private readonly delivery: Delivery;
	private readonly shop: Workshop;
	private readonly sinks = new Map<string, NamedSink>();
	/** Open, of sinks that are not added yet. */
	private readonly spools = new Map<string, Spool>();
	private readonly draining = new Set<Retired & { readonly done: Promise<void>; readonly sink: NamedSink }>();
	/** By name: counters of sinks that are gone. */
	private readonly gone = new Map<string, Counters>();

	constructor(delivery: Delivery, shop: Workshop) {
		this.delivery = delivery;
		this.shop = shop;
		this.plugins = shop.plugins;
	}

	/** The sink, and its spool where it has one. */
	async open({ entry, sink }: NamedSink, signal: AbortSignal): Promise<void> {
		await sink.open(signal);
		const options = spoolOptions(entry);
		if (options === null || signal.aborted) return;
		const spool = await this.delivery.openSpool(entry.name, options);
		// whoever gave up waiting does not come back for it
		if (signal.aborted) await spool.close();
		else this.spools.set(entry.name, spool);
	}

	/** It is open already. */
	add({ entry, sink }: NamedSink): void {
		const { name, filter } = entry;
		const spool = this.spools.get(name) ?? null;
		this.spools.delete(name);
		this.delivery.add(name, sink, outletOptions(entry), compileFilter(filter ?? {}), spool);
		this.sinks.set(entry.name, { entry, sink });
	}

	all(): readonly NamedSink[] {
		return [...this.sinks.values()];
	}

	/** Rejects with what the first one that failed said; those that were opened are closed again. */
	async prepare(change: ReloadChange, openMs: number): Promise<PreparedChange> {
		const shop: Workshop = { ...this.shop, plugins: change.plugins, roster: new Roster(change.roster) };
		for (const { filter } of [...change.open, ...change.refilter]) compileFilter(filter ?? {});
		const found = await Promise.all(change.open.map((entry) => findSink(change.plugins, entry)));
		const sinks = change.open.map((entry, index) => makeSink(found[index]!, entry, shop));
		const abort = new AbortController();
		const opened = await Promise.allSettled(sinks.map((one) => within(openMs, this.open(one, abort.signal))));
		const failed = opened.find((one) => one.status === "rejected");
		if (failed === undefined) return { change, sinks };
		abort.abort();
		await this.discard({ change, sinks });
		throw failed.reason;
	}

	/** What was prepared is not wanted. */
	async discard({ sinks }: PreparedChange): Promise<void> {
		for (const { entry } of sinks) await this.dropSpool(entry.name);
		await Promise.all(sinks.map((one) => this.close(one)));
	}

	/** Of a sink that was opened and is not added. */
	async dropSpool(name: string): Promise<void> {
		const spool = this.spools.get(name);
		this.spools.delete(name);
		await spool?.close();
	}

	commit({ change, sinks }: PreparedChange, flushMs: number): void {
		const done = new Map<string, Promise<void>>();
		for (const name of change.remove) done.set(name, this.retire(name, flushMs));
		for (const { entry, sink } of sinks) {
			const before = done.get(entry.name);
			this.add({ entry, sink: before === undefined ? sink : successor(sink, before) });
		}
		for (const entry of change.refilter) this.delivery.refilter(entry.name, compileFilter(entry.filter ?? {}));
		this.plugins = change.plugins;
	}

	/** Writes what waits, in those that left, too. */
	async flush(deadlineMs: number): Promise<void> {
		await Promise.all([...this.draining].map((one) => one.done));
		await this.delivery.flush(deadlineMs);
	}

	/** By name: what all sinks of that name counted. */
	counters(): Record<string, Counters> {
		const all: Record<string, Counters> = Object.fromEntries(this.gone);
		const add = (name: string, counters: Counters) => {
			all[name] = sumCounters(all[name] ?? {}, counters);
		};
		for (const one of this.draining) add(one.name, one.read());
		const outlets = this.delivery.counters();
		for (const [name, { sink }] of this.sinks) add(name, { ...outlets[name], ...countersOf(sink) });
		return all;
	}

	/** Resolves when it is drained and closed; never rejects. */
	private retire(name: string, flushMs: number): Promise<void> {
		const named = this.sinks.get(name);
		const before = this.delivery.counters()[name] ?? {};
		const outlet = this.delivery.retire(name);
		if (named === undefined || outlet === null) return Promise.resolve();
		this.sinks.delete(name);
		const { filtered } = before;
		const read = () => ({
			...outlet.counters(),
			...(filtered === undefined ? {} : { filtered }),
			...countersOf(named.sink),
		});
		const drain = async () => {
			const ticks = setInterval(() => outlet.tick(performance.now()), 10);
			await outlet.flush(flushMs).catch(() => undefined);
			clearInterval(ticks);
			await this.close(named);
			this.draining.delete(retired);
			this.gone.set(name, sumCounters(this.gone.get(name) ?? {}, read()));
		};
		const done = drain();
		const retired = { name, read, done, sink: named };
		this.draining.add(retired);
		return done;
	}

	private async close({ entry, sink }: NamedSink): Promise<void> {
		try {
			await within(CLOSE_MS, sink.close());
		} catch (error) {
			const { message } = noticeOf(error);
			this.shop.board.for(entry.name).warn("SINK_FAILED", `it did not close: ${message}`);
		}
	}
}

const CLOSE_MS = 3_000;
