/** Writes batches to one sink: in lanes, with time limits, again after a while where that helps. Nothing a sink does leaves here. */
import { setTimeout as delay } from "node:timers/promises";
import { Partial as PartialWrite, Permanent, Retryable } from "../errors.js";
import type { Sink } from "../plugin.js";
import { backoffMs } from "./backoff.js";
import type { Batch } from "./batch.js";
import { Lane } from "./lane.js";
import { settle } from "./releasable.js";

export interface SenderOptions {
	readonly writeTimeoutMs: number;
	readonly maxRetries: number;
	/** Wait before the first retry; it doubles each time, and up to half of it is left out by chance. */
	readonly retryMs: number;
	readonly retryMaxMs: number;
}

/** Whoever has the exchanges. */
export interface SenderOwner {
	/** What a lane is to write next; null: nothing. */
	next(lane: number): Batch | null;
	/** So many of the batch are written; `sequences` are those of them that the spool has. */
	written(count: number, sequences: readonly number[]): void;
	/** Given up. */
	failed(batch: Batch, error: unknown): void;
	/** A batch was not taken and will be offered again. */
	refused(): void;
	/** A write is over, well or not. */
	changed(): void;
}

/** What a write that was told to stop gets to do so. */
const LAST_GRACE_MS = 200;

const NONE: readonly number[] = [];

export class Sender {
	batches = 0;
	retries = 0;
	timeouts = 0;
	/** Writes under way; retries that wait are not. */
	underWay = 0;
	lastWrittenMs = 0;
	readonly lanes: readonly Lane[];
	private readonly sink: Sink;
	private readonly options: SenderOptions;
	private readonly owner: SenderOwner;
	private readonly writes = new Set<Batch>();
	private numbers = 0;
	private isStopped = false;
	private isClosed = false;

	constructor(sink: Sink, options: SenderOptions, owner: SenderOwner) {
		this.sink = sink;
		this.options = options;
		this.owner = owner;
		const inFlight = Math.max(1, sink.maxInFlight);
		const count = sink.keepsOrder === true ? 1 : inFlight;
		this.lanes = Array.from({ length: count }, (_, number) => new Lane(number, inFlight / count));
	}

	/** Sends what there is, as far as lanes have room. */
	drain(): void {
		for (const lane of this.lanes) this.drainLane(lane);
	}

	drainLane(lane: Lane): void {
		while (lane.hasRoom && !this.isStopped) {
			const batch = lane.retries.shift() ?? this.owner.next(lane.number);
			if (batch === null) return;
			void this.send(lane, batch);
		}
	}

	/** True where a lane waits to offer something again. */
	get isFailing(): boolean {
		return this.lanes.some((lane) => lane.isFailing || lane.retries.length > 0);
	}

	/** Batches that are not done, in the order in which they were taken. */
	get unfinished(): readonly Batch[] {
		return [...this.writes, ...this.lanes.flatMap((lane) => lane.retries)].sort((a, b) => a.number - b.number);
	}

	/** When the write that has been under way longest was begun; never, where there is none. */
	get oldestStartMs(): number {
		let oldest = Number.POSITIVE_INFINITY;
		for (const { startedMs } of this.writes) oldest = Math.min(oldest, startedMs);
		return oldest;
	}

	get latestStartMs(): number {
		let latest = 0;
		for (const { startedMs } of this.writes) latest = Math.max(latest, startedMs);
		return latest;
	}

	/** Tells writes that take too long to stop. */
	tick(nowMs: number): void {
		for (const { abort, startedMs } of this.writes) {
			if (nowMs - startedMs <= this.options.writeTimeoutMs || abort === null || abort.signal.aborted) continue;
			this.timeouts++;
			abort.abort(new Retryable(`no answer within ${this.options.writeTimeoutMs} ms`));
		}
	}

	/**
	 * Nothing goes out any more; what is under way gets `waitMs` to end, is then told to, and gets a little more. Returns how
	 * many exchanges were given up that no spool has.
	 */
	async stop(waitMs: number): Promise<number> {
		this.isStopped = true;
		for (const { timer } of this.lanes) if (timer !== null) clearTimeout(timer);
		await this.idle(waitMs);
		for (const { abort } of this.writes) abort?.abort(new Permanent("polytap is stopping"));
		await this.idle(LAST_GRACE_MS);
		this.isClosed = true;
		let lost = 0;
		// the memory of what is still being written may still be read: it is not freed
		for (const batch of this.writes) if (batch.sequences === null) lost += batch.exchanges.length;
		for (const lane of this.lanes)
			for (const batch of lane.retries) {
				if (batch.sequences === null) lost += batch.exchanges.length;
				release(batch);
			}
		return lost;
	}

	private async idle(ms: number): Promise<void> {
		const endMs = performance.now() + ms;
		while (this.underWay > 0 && performance.now() < endMs) await delay(5);
	}

	private async send(lane: Lane, batch: Batch): Promise<void> {
		if (batch.attempts++ === 0) {
			this.batches++;
			batch.number = this.numbers++;
		} else this.retries++;
		lane.underWay++;
		this.underWay++;
		const error = await this.attempt(batch);
		// Too late: it has been counted as given up, and its memory may not be read or freed any more.
		if (this.isClosed) return;
		lane.underWay--;
		this.underWay--;
		if (error === null) {
			this.lastWrittenMs = performance.now();
			this.owner.written(batch.exchanges.length, batch.sequences ?? NONE);
			release(batch);
		} else this.failed(lane, batch, error);
		if (lane.isFailing && lane.underWay === 0 && lane.timer === null) this.pause(lane);
		this.owner.changed();
	}

	/**
	 * One write. A sink that answers neither in time nor to its signal keeps its place among the writes under way: its
	 * batch may still be read, so it cannot be freed, and the queue behind it drops by its policy.
	 */
	private async attempt(batch: Batch): Promise<unknown> {
		const abort = new AbortController();
		batch.abort = abort;
		batch.startedMs = performance.now();
		this.writes.add(batch);
		try {
			const written = this.sink.write(batch.exchanges, abort.signal);
			// What it did before it gave the promise was its own work, not waiting.
			batch.startedMs = performance.now();
			await written;
			return null;
		} catch (error) {
			const { signal } = abort;
			return signal.aborted ? signal.reason : (error ?? new Error("the sink rejected without a reason"));
		} finally {
			this.writes.delete(batch);
		}
	}

	private failed(lane: Lane, batch: Batch, error: unknown): void {
		if (error instanceof PartialWrite) {
			const before = batch.exchanges.length;
			const sequences = batch.reduceTo(new Set(error.failed));
			this.owner.written(before - batch.exchanges.length, sequences);
		}
		const again = error instanceof Retryable || (error instanceof PartialWrite && error.retryable);
		if (batch.exchanges.length === 0) release(batch);
		else if (again && batch.attempts <= this.options.maxRetries) {
			lane.isFailing = true;
			lane.add(batch);
			this.owner.refused();
		} else if (this.isStopped && batch.sequences !== null) {
			// the spool has it
			lane.add(batch);
		} else {
			this.owner.failed(batch, error);
			release(batch);
		}
	}

	/** All that failed comes again in its order, after a while. */
	private pause(lane: Lane): void {
		const attempt = lane.retries[0]?.attempts ?? 1;
		const ms = backoffMs(this.options.retryMs, attempt, this.options.retryMaxMs);
		lane.timer = setTimeout(() => {
			lane.timer = null;
			lane.isFailing = false;
			this.drainLane(lane);
		}, ms);
		if (this.isStopped) clearTimeout(lane.timer);
	}
}

function release(batch: Batch): void {
	for (const exchange of batch.all) settle(exchange);
}
