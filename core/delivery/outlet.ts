/** One sink behind its queue: batches, writes under way, retries, time limits, counters. Nothing a sink does leaves here. */
import { setTimeout as delay } from "node:timers/promises";
import { Partial as PartialWrite, Permanent, Retryable } from "../errors.js";
import type { Exchange } from "../exchange.js";
import type { Sink } from "../plugin.js";
import { ExchangeQueue, type QueueLimits } from "./queue.js";
import { settle } from "./releasable.js";

export interface OutletOptions extends QueueLimits {
	readonly batchExchanges: number;
	readonly batchBytes: number;
	readonly writeTimeoutMs: number;
	readonly maxRetries: number;
	/** Wait before the first retry; it doubles each time, up to 30 s. */
	readonly retryMs: number;
}

/** What an outlet has to tell. Rate limits belong to the listener. */
export interface OutletListener {
	queueFull(sink: string, dropped: number): void;
	writeFailed(sink: string, exchanges: number, error: unknown): void;
	/** A filter or redaction threw: the exchange was dropped. */
	redactionFailed?(error: unknown): void;
}

interface Write {
	readonly abort: AbortController;
	startedMs: number;
}

const LONGEST_RETRY_MS = 30_000;

/** How long one write may keep the source waiting. A page cache takes a batch in less. */
const WORTH_WAITING_MS = 4;

/** A sink that has not finished a write for so long is not worth waiting for at all. */
const STALLED_MS = 250;

/** A queue that holds more than this part of its limits is deep. */
const DEEP = 4;

/** What a write that was told to stop gets to do so. */
const LAST_GRACE_MS = 200;

export class Outlet {
	readonly name: string;
	readonly queue: ExchangeQueue;
	private readonly sink: Sink;
	private readonly options: OutletOptions;
	private readonly listener: OutletListener;
	private readonly writes = new Set<Write>();
	private readonly stop = new AbortController();
	private underWay = 0;
	private scheduled = false;
	private flushing = false;
	private closed = false;
	private reportedDrops = 0;
	private lastWrittenMs = 0;
	private waiters: (() => void)[] = [];

	private offered = 0;
	private written = 0;
	private failed = 0;
	private abandoned = 0;
	private batches = 0;
	private retries = 0;
	private timeouts = 0;

	constructor(name: string, sink: Sink, options: OutletOptions, listener: OutletListener) {
		this.name = name;
		this.sink = sink;
		this.options = options;
		this.listener = listener;
		this.queue = new ExchangeQueue(options);
	}

	/** Takes an exchange. Never throws, never waits. */
	offer(exchange: Exchange): void {
		this.offered++;
		this.queue.push(exchange);
		// a whole batch goes out at once: what is serialised now need not live on
		if (this.behind && this.underWay < this.sink.maxInFlight) this.drain();
	}

	/** Called every 10 ms or so: sends what is not a full batch yet, ends writes that take too long, reports drops. */
	tick(nowMs: number): void {
		if (this.queue.count > 0) this.schedule();
		for (const write of this.writes) {
			if (nowMs - write.startedMs > this.options.writeTimeoutMs && !write.abort.signal.aborted) {
				this.timeouts++;
				write.abort.abort(new Retryable(`no answer within ${this.options.writeTimeoutMs} ms`));
			}
		}
		if (this.queue.dropped > this.reportedDrops) {
			this.listener.queueFull(this.name, this.queue.dropped - this.reportedDrops);
			this.reportedDrops = this.queue.dropped;
		}
	}

	/** True where a whole batch waits: the event loop should get a turn, so that it can be written. */
	get behind(): boolean {
		const { queue, options } = this;
		return queue.count >= options.batchExchanges || queue.bytes >= options.batchBytes;
	}

	/**
	 * Resolves when a write under way is done, or has had its few milliseconds: a sink that is fast is worth waiting for,
	 * because what waits in front of the engine costs less memory and garbage collection than what waits behind it. A slow
	 * one is not waited for again until its write is over.
	 */
	async breathe(): Promise<void> {
		if (!this.isDeep) return;
		const nowMs = performance.now();
		let leftMs = 0;
		for (const write of this.writes) leftMs = Math.max(leftMs, write.startedMs + WORTH_WAITING_MS - nowMs);
		if (leftMs > 0) await this.progress(leftMs);
	}

	/** True where much waits, and the sink takes it well: what is not offered to it now will soon find room. */
	get isCatchingUp(): boolean {
		if (!this.isDeep) return false;
		let lastMs = this.lastWrittenMs;
		for (const write of this.writes) lastMs = Math.max(lastMs, write.startedMs);
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

	/** True where so much waits that it costs more than waiting. */
	private get isDeep(): boolean {
		const { queue, options } = this;
		return queue.count * DEEP > options.maxExchanges || queue.bytes * DEEP > options.maxBytes;
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

	/** Writes everything that waits; after `deadlineMs` gives up what is left and counts it. Nothing may be offered later. */
	async flush(deadlineMs: number): Promise<void> {
		this.flushing = true;
		this.schedule();
		const timer = setTimeout(() => this.stop.abort(), deadlineMs);
		this.stop.signal.addEventListener("abort", () => this.wake(), { once: true });
		while ((this.queue.count > 0 || this.underWay > 0) && !this.stop.signal.aborted) await this.change();
		clearTimeout(timer);
		this.stop.abort();
		for (const write of this.writes) write.abort.abort(new Permanent("polytap is stopping"));
		this.abandoned += this.queue.clear();
		const graceEnds = performance.now() + LAST_GRACE_MS;
		while (this.underWay > 0 && performance.now() < graceEnds) await delay(5);
		this.abandoned += this.waiting;
		this.closed = true;
	}

	counters(): Readonly<Record<string, number>> {
		const { queue } = this;
		return {
			offered: this.offered,
			written: this.written,
			dropped_queue_full: queue.dropped,
			dropped_at_stop: this.abandoned,
			failed: this.failed,
			waiting: this.waiting,
			batches: this.batches,
			retries: this.retries,
			timeouts: this.timeouts,
			queue_exchanges_high_water: queue.countHighWater,
			queue_bytes_high_water: queue.bytesHighWater,
		};
	}

	/** In the queue or under way. */
	private get waiting(): number {
		return this.offered - this.written - this.queue.dropped - this.abandoned - this.failed;
	}

	private schedule(): void {
		if (this.scheduled || this.underWay >= this.sink.maxInFlight) return;
		this.scheduled = true;
		setImmediate(() => this.drain());
	}

	private drain(): void {
		this.scheduled = false;
		const { queue, options, sink } = this;
		while (queue.count > 0 && this.underWay < sink.maxInFlight && !this.stop.signal.aborted) {
			this.underWay++;
			void this.send(queue.take(options.batchExchanges, options.batchBytes));
		}
	}

	/** One batch, until it is written or given up. */
	private async send(batch: Exchange[]): Promise<void> {
		this.batches++;
		let rest: Exchange[] = batch;
		for (let attempt = 0; rest.length > 0; attempt++) {
			const error = await this.attempt(rest);
			// Too late: it has been counted as given up, and its memory may not be read or freed any more.
			if (this.closed) return;
			if (error === null) {
				this.written += rest.length;
				this.lastWrittenMs = performance.now();
				break;
			}
			const failed = error instanceof PartialWrite ? failedOf(rest, error) : rest;
			this.written += rest.length - failed.length;
			rest = failed;
			const again = error instanceof Retryable || (error instanceof PartialWrite && error.retryable);
			if (!again || attempt >= this.options.maxRetries || this.stop.signal.aborted) {
				this.failed += rest.length;
				this.listener.writeFailed(this.name, rest.length, error);
				break;
			}
			this.retries++;
			await this.pause(Math.min(this.options.retryMs * 2 ** attempt, LONGEST_RETRY_MS));
		}
		for (const exchange of batch) settle(exchange);
		this.underWay--;
		if (this.flushing || this.behind) this.schedule();
		this.wake();
	}

	/**
	 * One write. A sink that answers neither in time nor to its signal keeps its place among the writes under way: its
	 * batch may still be read, so it cannot be freed, and the queue behind it drops by its policy.
	 */
	private async attempt(batch: readonly Exchange[]): Promise<unknown> {
		const write: Write = { abort: new AbortController(), startedMs: performance.now() };
		this.writes.add(write);
		try {
			const written = this.sink.write(batch, write.abort.signal);
			// What it did before it gave the promise was its own work, not waiting.
			write.startedMs = performance.now();
			await written;
			return null;
		} catch (error) {
			const { signal } = write.abort;
			return signal.aborted ? signal.reason : (error ?? new Error("the sink rejected without a reason"));
		} finally {
			this.writes.delete(write);
		}
	}

	private pause(ms: number): Promise<void> {
		return new Promise((resolve) => {
			const done = () => {
				clearTimeout(timer);
				this.stop.signal.removeEventListener("abort", done);
				resolve();
			};
			const timer = setTimeout(done, ms);
			this.stop.signal.addEventListener("abort", done, { once: true });
		});
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

function failedOf(batch: readonly Exchange[], error: PartialWrite): Exchange[] {
	const failed = new Set(error.failed);
	return batch.filter((_, index) => failed.has(index));
}
