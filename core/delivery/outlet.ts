/** One sink behind its queue, and behind a spool where it has one. Nothing a sink does leaves here. */
import type { Exchange } from "../exchange.js";
import type { Sink } from "../plugin.js";
import { Batch } from "./batch.js";
import { ExchangeQueue, type QueueLimits } from "./queue.js";
import { Sender, type SenderOptions, type SenderOwner } from "./sender.js";
import { Spill } from "./spill.js";
import type { Spool } from "./spool/spool.js";

export interface OutletOptions extends QueueLimits, SenderOptions {
	readonly batchExchanges: number;
	readonly batchBytes: number;
	/** How long what is not a full batch may wait for more. 0: until the next tick. */
	readonly batchMs: number;
	/** With a spool: what the sink gets always comes from there. */
	readonly spoolAlways?: boolean;
}

/** What an outlet has to tell. Rate limits belong to the listener. */
export interface OutletListener {
	queueFull(sink: string, dropped: number): void;
	writeFailed(sink: string, exchanges: number, error: unknown): void;
	/** A filter or redaction threw: the exchange was dropped. */
	redactionFailed?(error: unknown): void;
	/** The spool is at its bound, or its disk has no room. */
	spoolFull?(sink: string, reason: string): void;
	spoolFailed?(sink: string, error: unknown): void;
	/** `exchanges`: what could not be read and is lost. */
	spoolDamaged?(sink: string, bytes: number, exchanges: number): void;
}

/** How long one write may keep the source waiting. A page cache takes a batch in less. */
const WORTH_WAITING_MS = 4;

/** A sink that has not finished a write for so long is not worth waiting for at all. */
const STALLED_MS = 250;

/** A queue that holds more than this part of its limits is deep. */
const DEEP = 4;

/** With a spool a queue that holds more than this part of its limits goes there. */
const SPILL = 2;

const FLUSH_TURN_MS = 50;

/** What is under way at the end gets so long where a spool has it. */
const SPOOLED_GRACE_MS = 1_000;

export class Outlet implements SenderOwner {
	readonly name: string;
	readonly queue: ExchangeQueue;
	private readonly sender: Sender;
	private readonly options: OutletOptions;
	private readonly listener: OutletListener;
	private readonly spill: Spill | null;
	private readonly behindExchanges: number;
	private readonly behindBytes: number;
	private readonly stop = new AbortController();
	private scheduled = false;
	private flushing = false;
	private isClosed = false;
	private reportedDrops = 0;
	private sinceMs = 0;
	private waiters: (() => void)[] = [];

	private offered = 0;
	private numberWritten = 0;
	private numberFailed = 0;
	private abandoned = 0;

	/** The spool is open and belongs to the outlet. */
	constructor(name: string, sink: Sink, options: OutletOptions, listener: OutletListener, spool: Spool | null = null) {
		this.name = name;
		this.options = options;
		this.listener = listener;
		this.sender = new Sender(sink, options, this);
		const lanes = this.sender.lanes.length;
		this.queue = new ExchangeQueue(options, lanes);
		// at half of what the queue may hold at the latest
		this.behindExchanges = Math.min(options.batchExchanges * lanes, Math.ceil(options.maxExchanges / 2));
		this.behindBytes = Math.min(options.batchBytes * lanes, options.maxBytes / 2);
		this.spill =
			spool === null
				? null
				: new Spill(
						spool,
						this.queue,
						this.sender,
						{ always: options.spoolAlways === true, batchExchanges: options.batchExchanges },
						() => listener.writeFailed(name, 1, new Error("it is larger than a quarter of the spool")),
					);
		if (spool !== null && spool.unread > 0) this.schedule();
	}

	/** Takes an exchange. Never throws, never waits. */
	offer(exchange: Exchange): void {
		this.offered++;
		this.queue.push(exchange);
		// a whole batch goes out at once: what is serialised now need not live on
		if (this.behind) this.pressed();
	}

	/** Called every 10 ms or so: sends what is not a full batch yet, ends writes that take too long, reports drops. */
	tick(nowMs: number): void {
		this.spill?.tick(nowMs);
		if (this.queue.count === 0) this.sinceMs = 0;
		else {
			if (this.sinceMs === 0) this.sinceMs = nowMs;
			if (nowMs - this.sinceMs >= this.options.batchMs) this.schedule();
		}
		this.sender.tick(nowMs);
		if (this.queue.dropped > this.reportedDrops) {
			this.listener.queueFull(this.name, this.queue.dropped - this.reportedDrops);
			this.reportedDrops = this.queue.dropped;
		}
	}

	/** True where a whole batch waits: the event loop should get a turn, so that it can be written. */
	get behind(): boolean {
		return this.queue.count >= this.behindExchanges || this.queue.bytes >= this.behindBytes;
	}

	/**
	 * Resolves when a write under way is done, or has had its few milliseconds: a sink that is fast is worth waiting for,
	 * because what waits in front of the engine costs less memory and garbage collection than what waits behind it. A slow
	 * one is not waited for again until its write is over.
	 */
	async breathe(): Promise<void> {
		if (!this.isDeep(DEEP) || this.sender.underWay === 0) return;
		const leftMs = this.sender.latestStartMs + WORTH_WAITING_MS - performance.now();
		if (leftMs > 0) await this.progress(leftMs);
	}

	/** True where much waits, and the sink takes it well: what is not offered to it now will soon find room. */
	get isCatchingUp(): boolean {
		if (!this.isDeep(DEEP)) return false;
		const lastMs = Math.max(this.sender.lastWrittenMs, this.sender.latestStartMs);
		return performance.now() - lastMs < STALLED_MS;
	}

	/** Resolves when a write is over, or after `ms`. */
	async progress(ms: number): Promise<void> {
		let timer: NodeJS.Timeout | undefined;
		const late = new Promise<void>((resolve) => {
			timer = setTimeout(resolve, ms);
		});
		await Promise.race([this.change(), late]);
		clearTimeout(timer);
	}

	/** True where whoever reads a file should wait before it offers more. */
	get full(): boolean {
		return this.options.whenFull === "block" && this.queue.full;
	}

	/** Resolves when `full` is false again. */
	async room(): Promise<void> {
		while (this.full && !this.stop.signal.aborted) {
			this.schedule();
			await this.change();
		}
	}

	/**
	 * Writes everything that waits; after `deadlineMs` gives up what is left and counts it, or leaves it in the spool. A sink
	 * that does not take what it is offered gets no time where there is a spool. Nothing may be offered later.
	 */
	async flush(deadlineMs: number): Promise<void> {
		this.flushing = true;
		this.schedule();
		const timer = setTimeout(() => this.stop.abort(), deadlineMs);
		this.stop.signal.addEventListener("abort", () => this.wake(), { once: true });
		while (this.hasWork && !this.stop.signal.aborted) {
			this.spill?.hurry();
			await this.progress(Math.min(deadlineMs, FLUSH_TURN_MS));
		}
		clearTimeout(timer);
		const isLate = this.stop.signal.aborted;
		this.stop.abort();
		if (this.spill !== null) await this.spill.absorb();
		const waitMs = this.spill === null || isLate ? 0 : Math.min(deadlineMs, SPOOLED_GRACE_MS);
		await this.sender.stop(waitMs);
		this.queue.clear();
		if (this.spill !== null) await this.spill.spool.close();
		this.abandoned += this.waiting;
		this.isClosed = true;
		this.wake();
	}

	counters(): Readonly<Record<string, number>> {
		const { queue, sender } = this;
		const common = {
			offered: this.offered,
			written: this.numberWritten,
			dropped_queue_full: queue.dropped,
			dropped_at_stop: this.abandoned,
			failed: this.numberFailed,
			waiting: this.isClosed ? 0 : this.waiting,
			batches: sender.batches,
			retries: sender.retries,
			timeouts: sender.timeouts,
			queue_exchanges_high_water: queue.countHighWater,
			queue_bytes_high_water: queue.bytesHighWater,
		};
		if (this.spill === null) return common;
		return { ...common, ...this.spill.spool.counters(), spool_too_large: this.spill.tooLarge };
	}

	// what the sender asks and tells

	next(lane: number): Batch | null {
		const { spill, options } = this;
		if (spill !== null && spill.mode !== "direct") return spill.take(lane, options.batchExchanges, options.batchBytes);
		const exchanges = this.queue.take(options.batchExchanges, options.batchBytes, lane);
		return exchanges.length === 0 ? null : new Batch(exchanges);
	}

	written(count: number, sequences: readonly number[]): void {
		this.numberWritten += count;
		for (const sequence of sequences) this.spill?.spool.done(sequence);
	}

	failed(batch: Batch, error: unknown): void {
		this.numberFailed += batch.exchanges.length;
		for (const sequence of batch.sequences ?? []) this.spill?.spool.done(sequence);
		this.listener.writeFailed(this.name, batch.exchanges.length, error);
	}

	refused(): void {
		if (this.spill !== null && this.spill.mode !== "spooling") this.spill.begin();
	}

	changed(): void {
		if (this.flushing || this.behind || (this.spill !== null && this.spill.mode !== "direct")) this.schedule();
		this.wake();
	}

	/** True where so much waits that it costs more than waiting. */
	private isDeep(part: number): boolean {
		const { queue, options } = this;
		return queue.count * part > options.maxExchanges || queue.bytes * part > options.maxBytes;
	}

	/** A whole batch waits. */
	private pressed(): void {
		const { spill, sender, options, queue } = this;
		if (spill !== null) {
			if (spill.mode === "spooling") spill.pump();
			else if (this.isDeep(SPILL)) spill.begin();
		}
		for (const lane of sender.lanes)
			if (
				lane.hasRoom &&
				queue.hasIn(lane.number, Math.min(options.batchExchanges, this.behindExchanges), options.batchBytes)
			)
				sender.drainLane(lane);
	}

	/** True where something may still be written before the end. */
	private get hasWork(): boolean {
		const { spill, sender, queue } = this;
		if (spill === null) return queue.count > 0 || sender.underWay > 0 || sender.isFailing;
		if (sender.isFailing || spill.isSlow(performance.now())) return false;
		return queue.count > 0 || sender.underWay > 0 || !spill.isEmpty;
	}

	/** In the queue or under way, and not on any disk. */
	private get waiting(): number {
		const known = this.numberWritten + this.numberFailed + this.queue.dropped + this.abandoned;
		const inMemory = this.offered - known;
		return this.spill === null ? inMemory : inMemory + this.spill.balance;
	}

	private schedule(): void {
		if (this.scheduled) return;
		this.scheduled = true;
		setImmediate(() => this.drain());
	}

	private drain(): void {
		this.scheduled = false;
		if (this.stop.signal.aborted) return;
		this.spill?.pump();
		this.sender.drain();
	}

	private change(): Promise<void> {
		return new Promise((resolve) => this.waiters.push(resolve));
	}

	private wake(): void {
		const { waiters } = this;
		this.waiters = [];
		for (const resolve of waiters) resolve();
	}
}
