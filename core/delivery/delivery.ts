/** Routes every exchange to the sinks that want it, without its secrets, each sink behind its own queue. */
import { setImmediate as turn } from "node:timers/promises";
import type { AdviceSubject } from "../advice.js";
import type { Exchange } from "../exchange.js";
import type { Sink } from "../plugin.js";
import type { Redactor } from "../redaction/redactor.js";
import type { Filter } from "../routing/filter.js";
import { Router } from "../routing/router.js";
import { Outlet, type OutletListener, type OutletOptions } from "./outlet.js";
import { discard, hold } from "./releasable.js";
import { Spool, type SpoolOptions } from "./spool/spool.js";

const RELIEF_MS = 10;

export class Delivery {
	private readonly listener: OutletListener;
	private outlets: Outlet[] = [];
	private only: Outlet | null = null;
	private redactor: Redactor | null;
	/** Counts of redactors before this one. */
	private redactedBefore: Record<string, number> = {};
	/** Null where every sink wants everything. */
	private router: Router<Outlet> | null = null;
	private refused = 0;

	constructor(listener: OutletListener, redactor: Redactor | null = null) {
		this.listener = listener;
		this.redactor = redactor;
	}

	/** For `add`, which must follow. Rejects with `SPOOL_LOCKED` or `SPOOL_UNUSABLE`. */
	openSpool(name: string, options: SpoolOptions): Promise<Spool> {
		const { listener } = this;
		return Spool.open(options, {
			full: (reason) => listener.spoolFull?.(name, reason),
			failed: (error) => listener.spoolFailed?.(name, error),
			damaged: (bytes, exchanges) => listener.spoolDamaged?.(name, bytes, exchanges),
		});
	}

	/** The sink must be open already. `filter` null: it wants everything. The spool, if there is one, is closed by `flush`. */
	add(
		name: string,
		sink: Sink,
		options: OutletOptions,
		filter: Filter | null = null,
		spool: Spool | null = null,
	): void {
		const outlet = new Outlet(name, sink, options, this.listener, spool);
		if (filter !== null) this.router ??= new Router(this.outlets);
		this.router?.add(outlet, filter);
		this.outlets.push(outlet);
		this.only = this.outlets.length === 1 && this.router === null ? outlet : null;
	}

	/** Takes an outlet out: it is offered nothing more. Whoever asked flushes it. */
	retire(name: string): Outlet | null {
		const retired = this.outlets.find((outlet) => outlet.name === name) ?? null;
		this.outlets = this.outlets.filter((outlet) => outlet !== retired);
		if (retired !== null) this.router?.remove(retired);
		const [only] = this.outlets;
		this.only = this.outlets.length === 1 && this.router === null ? (only ?? null) : null;
		return retired;
	}

	/** Another filter for an outlet that stays; null: it wants everything. */
	refilter(name: string, filter: Filter | null): void {
		const outlet = this.outlets.find((one) => one.name === name);
		if (outlet === undefined) return;
		this.router ??= new Router(this.outlets);
		this.router.replace(outlet, filter);
		this.only = null;
	}

	/** False: no sink can want any record of such a connection. */
	couldWant(subject: AdviceSubject): boolean {
		return this.router === null || this.outlets.length === 0 || this.router.couldWant(subject);
	}

	/** Other rules, from the next exchange on. */
	redactWith(redactor: Redactor | null): void {
		for (const [name, count] of Object.entries(this.redactor?.counters() ?? {}))
			this.redactedBefore[name] = (this.redactedBefore[name] ?? 0) + count;
		this.redactor = redactor;
	}

	/** What the engine calls for each exchange: synchronous, cheap, never throws. */
	readonly emit = (exchange: Exchange): void => {
		const { router, redactor, only } = this;
		let outlets: readonly Outlet[] = this.outlets;
		let shown = exchange;
		try {
			// by the record as it is, of which nothing leaves here
			if (router !== null) outlets = router.route(exchange);
			if (redactor !== null && outlets.length > 0) shown = redactor.redact(exchange);
		} catch (error) {
			// nobody knows what is in it: it goes nowhere
			this.refused++;
			discard(exchange);
			this.listener.redactionFailed?.(error);
			return;
		}
		if (shown !== exchange) discard(exchange);
		hold(shown, outlets.length);
		if (only !== null) {
			only.offer(shown);
		} else if (outlets.length === 0) {
			discard(shown);
		} else {
			for (const outlet of outlets) outlet.offer(shown);
		}
	};

	tick(nowMs: number): void {
		for (const outlet of this.outlets) outlet.tick(nowMs);
	}

	/** True where a whole batch waits for some sink. */
	get behind(): boolean {
		for (const outlet of this.outlets) if (outlet.behind) return true;
		return false;
	}

	/** Gives the sinks that are behind a chance to write, some milliseconds at most. */
	async breathe(): Promise<void> {
		await turn();
		for (const outlet of this.outlets) if (outlet.behind) await outlet.breathe();
	}

	/** Resolves when no sink that writes well has much to write any more, or after a few milliseconds: false then. */
	async relief(): Promise<boolean> {
		for (const outlet of this.outlets) {
			if (!outlet.isCatchingUp) continue;
			await outlet.progress(RELIEF_MS);
			return !outlet.isCatchingUp;
		}
		return true;
	}

	/** True where a queue with `block` is full. */
	get full(): boolean {
		for (const outlet of this.outlets) if (outlet.full) return true;
		return false;
	}

	async room(): Promise<void> {
		for (const outlet of this.outlets) await outlet.room();
	}

	/** Writes all that waits, all sinks at once, each within the deadline. */
	async flush(deadlineMs: number): Promise<void> {
		await Promise.all(this.outlets.map((outlet) => outlet.flush(deadlineMs)));
	}

	/** By sink name. */
	counters(): Record<string, Readonly<Record<string, number>>> {
		return Object.fromEntries(this.outlets.map((outlet) => [outlet.name, this.counted(outlet)]));
	}

	/** What redaction did, and the exchanges that went nowhere because it failed. */
	redactionCounters(): Readonly<Record<string, number>> {
		const counters: Record<string, number> = { ...this.redactedBefore };
		for (const [name, count] of Object.entries(this.redactor?.counters() ?? {}))
			counters[name] = (counters[name] ?? 0) + count;
		counters.redaction_failed = this.refused;
		return counters;
	}

	private counted(outlet: Outlet): Readonly<Record<string, number>> {
		const filtered = this.router?.filtered(outlet) ?? null;
		return filtered === null ? outlet.counters() : { ...outlet.counters(), filtered };
	}
}
