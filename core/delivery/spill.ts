/**
 * When a queue goes through the disk. While its sink takes what comes the spool is empty and costs nothing. As soon as it does
 * not, everything that is not written yet goes into the spool, and the sink is fed from there, until it has caught up: then the
 * queue waits in memory until the spool is empty, and the sink is fed directly again.
 */
import type { Batch } from "./batch.js";
import type { ExchangeQueue } from "./queue.js";
import { ReadAhead } from "./read-ahead.js";
import { settle } from "./releasable.js";
import type { Sender } from "./sender.js";
import type { Spool } from "./spool/spool.js";

/** `draining`: the last that the spool has goes to the sink, and nothing is added to it. */
export type SpillMode = "direct" | "spooling" | "draining";

export interface SpillOptions {
	/** Never leave the disk out. */
	readonly always: boolean;
	/** A batch. */
	readonly batchExchanges: number;
}

/** A write that takes longer, and what waits longer, is not in memory only. */
const PATIENCE_MS = 1_000;
/** With so little in it a spool may be drained. */
const NEARLY_EMPTY = 1_024;
/** So many batches are read ahead. */
const AHEAD = 2;
/** What the end gives the disk to take the queue. */
const LAST_TURNS = 1_000;

export class Spill {
	mode: SpillMode;
	tooLarge = 0;
	readonly spool: Spool;
	private readonly queue: ExchangeQueue;
	private readonly sender: Sender;
	private readonly options: SpillOptions;
	private readonly onTooLarge: () => void;
	private readonly ahead: ReadAhead;
	private isReading = false;

	constructor(spool: Spool, queue: ExchangeQueue, sender: Sender, options: SpillOptions, onTooLarge: () => void) {
		this.spool = spool;
		this.queue = queue;
		this.sender = sender;
		this.options = options;
		this.onTooLarge = onTooLarge;
		this.ahead = new ReadAhead(sender.lanes.length);
		this.mode = options.always || spool.unread > 0 ? "spooling" : "direct";
	}

	/** The sink does not take what comes. */
	begin(): void {
		const before = this.mode;
		this.mode = "spooling";
		// what is under way was taken from memory: a copy of it comes first, and is done when its write is
		if (before === "direct") this.claim();
		this.pump();
	}

	take(lane: number, maxExchanges: number, maxBytes: number): Batch | null {
		const batch = this.ahead.take(lane, maxExchanges, maxBytes);
		this.fill();
		return batch;
	}

	/** From the queue to the disk, as far as that keeps up, and from the disk towards the sink. */
	pump(): void {
		const { queue, spool } = this;
		if (this.mode === "spooling") while (queue.count > 0 && spool.hasRoom) this.store();
		this.fill();
	}

	tick(nowMs: number): void {
		this.spool.tick(nowMs);
		const isSlow = this.isSlow(nowMs);
		if (isSlow && this.mode !== "spooling") this.begin();
		this.pump();
		const { always } = this.options;
		if (this.mode === "spooling" && !always && !isSlow && !this.sender.isFailing && this.isNearlyEmpty) {
			this.mode = "draining";
			this.spool.seal();
			this.fill();
		}
		if (this.mode === "draining" && this.isEmpty) this.mode = "direct";
	}

	/** True where the sink does not answer. */
	isSlow(nowMs: number): boolean {
		return nowMs - this.sender.oldestStartMs > PATIENCE_MS;
	}

	/** Nothing more will come: what is collected for a block is to be read as it is. */
	hurry(): void {
		this.pump();
		if (this.mode !== "direct") this.spool.seal();
		this.fill();
	}

	/** What it took and gave otherwise than by the queue and the sink: what is not in memory is negative. */
	get balance(): number {
		return this.spool.balance - this.tooLarge;
	}

	/** True where nothing is left to be read. */
	get isEmpty(): boolean {
		return this.spool.unread === 0 && this.ahead.count === 0 && !this.isReading;
	}

	/** At the end: all that is not written goes to the disk. What does not get there stays in the queue. */
	async absorb(): Promise<void> {
		this.begin();
		for (let turn = 0; this.queue.count > 0 && turn < LAST_TURNS; turn++) {
			this.pump();
			if (this.queue.count > 0 && !(await this.spool.settle())) return;
		}
	}

	private get isNearlyEmpty(): boolean {
		return this.spool.unread + this.ahead.count + this.queue.count <= NEARLY_EMPTY;
	}

	private claim(): void {
		const { spool } = this;
		for (const batch of this.sender.unfinished)
			batch.sequences ??= batch.exchanges.map((exchange) => spool.append(exchange));
		spool.skipUnread();
	}

	private store(): void {
		const exchange = this.queue.takeOldest()!;
		if (this.spool.append(exchange) < 0) {
			this.tooLarge++;
			this.onTooLarge();
		}
		settle(exchange);
	}

	private fill(): void {
		const enough = this.options.batchExchanges * this.sender.lanes.length * AHEAD;
		if (this.isReading || this.mode === "direct" || this.spool.unread === 0 || this.ahead.count >= enough) return;
		this.isReading = true;
		void this.read();
	}

	private async read(): Promise<void> {
		const records = await this.spool.read();
		this.isReading = false;
		if (records === null) return;
		this.ahead.add(records);
		this.sender.drain();
		this.fill();
	}
}
