/**
 * The disk behind one sink's queue. Records go in as bytes, in blocks, and come out in the same order until each of them is
 * done. `append` and `done` are synchronous and touch no disk; one write, one sync and one read are under way at most.
 */
import type { Exchange } from "../../exchange.js";
import { Block, exchangesOf, type Spooled } from "./block.js";
import { Cursor } from "./cursor.js";
import { SpoolFolder, unusable } from "./folder.js";
import { SpoolLog } from "./log.js";
import type { Progress } from "./progress.js";

export interface SpoolOptions {
	/** The folder of this sink alone. */
	readonly path: string;
	/** Of all segments. */
	readonly maxBytes: number;
	/** How long what is written may wait for its sync, and for others to share its block. 0: each block is synced before the next. */
	readonly syncMs: number;
	readonly whenFull: "drop_oldest" | "drop_newest";
}

export interface SpoolListener {
	/** The bound is reached, or the disk has no room. */
	full(reason: string): void;
	/** The system refuses something else. What was not written yet stays in memory and is tried again. */
	failed(error: unknown): void;
	/** What was in it and cannot be read. `records` is what their numbers tell. */
	damaged(bytes: number, records: number): void;
}

/** Blocks in memory that wait for the disk: one is written while the other is full. */
const WAITING_BLOCKS = 2;
const TRY_AGAIN_MS = 200;
const IDLE_MS = 1_000;
/** A record that is longer than this part of the bound has no place. */
const LARGEST_PART = 4;
const LARGEST_RECORD_BYTES = 1 << 28;

export class Spool {
	private readonly options: SpoolOptions;
	private readonly listener: SpoolListener;
	private readonly folder: SpoolFolder;
	private readonly log: SpoolLog;
	private readonly cursor: Cursor;
	private readonly progress: Progress;
	/** Sequence of the next record to be appended. */
	private next: number;
	/** Of the next one to be read. */
	private reading: number;
	private block: Block | null = null;
	private blockSinceMs = 0;
	private readonly waiting: Block[] = [];
	private spare: Buffer | null = null;
	private nowMs = 0;
	private stalledUntilMs = 0;
	private syncedMs = 0;
	private writing: Promise<void> | null = null;
	private syncing: Promise<void> | null = null;
	private saving: Promise<void> | null = null;
	private isReading = false;
	private savedVersion = -1;
	private isClosing = false;
	private lastPutMs = 0;
	private unsynced = 0;

	private readonly found: number;
	private spooled = 0;
	private dropped = 0;
	private lost = 0;
	private damagedBytes = 0;
	private acknowledged = 0;
	private bytesWritten = 0;
	private bytesHighWater = 0;
	private stalls = 0;

	private constructor(
		options: SpoolOptions,
		listener: SpoolListener,
		parts: { folder: SpoolFolder; log: SpoolLog; cursor: Cursor; progress: Progress },
	) {
		this.options = options;
		this.listener = listener;
		this.folder = parts.folder;
		this.log = parts.log;
		this.cursor = parts.cursor;
		this.progress = parts.progress;
		this.progress.skipTo(this.log.first);
		// after a loss of power the cursor may know of more than the log does: those numbers are never given again, and what the
		// log still has below them is not done because of it
		this.next = Math.max(this.log.end, this.progress.end);
		for (let sequence = this.log.end; sequence < this.next; sequence++) this.progress.mark(sequence);
		this.reading = this.progress.next;
		this.found = this.progress.waiting(this.next);
		this.bytesHighWater = this.log.bytes;
	}

	/** Rejects with `SPOOL_LOCKED` or `SPOOL_UNUSABLE`. */
	static async open(options: SpoolOptions, listener: SpoolListener): Promise<Spool> {
		const folder = await SpoolFolder.open(options.path);
		try {
			const { cursor, progress } = await Cursor.open(folder.cursorPath);
			try {
				const { log, cut } = await SpoolLog.open(folder, options.maxBytes);
				const spool = new Spool(options, listener, { folder, log, cursor, progress });
				spool.damagedBytes = cut;
				if (!cursor.isWhole) listener.failed(new Error("its cursor was damaged: all that it holds is delivered again"));
				return spool;
			} catch (error) {
				await cursor.close();
				throw error;
			}
		} catch (error) {
			await folder.close();
			throw unusable(options.path, error);
		}
	}

	/** True where `append` should be called: the disk keeps up. */
	get hasRoom(): boolean {
		return this.waiting.length < WAITING_BLOCKS;
	}

	/** How many were appended and not read yet. */
	get unread(): number {
		return this.next - this.reading;
	}

	/** What was in it at the start, less what is in it, and what of it is gone without being done. */
	get balance(): number {
		return this.found - this.dropped - this.lost - this.undone;
	}

	/** How many of those in it are not done. */
	get undone(): number {
		return this.progress.waiting(this.next);
	}

	/**
	 * Takes a copy of the exchange, in memory until its block is full or old. Returns its sequence, or -1 where it can never be
	 * in this spool.
	 */
	append(exchange: Exchange): number {
		if (this.block === null) {
			this.block = new Block(this.next, this.spare ?? undefined);
			this.spare = null;
			this.blockSinceMs = this.nowMs;
		}
		const largest = Math.min(LARGEST_RECORD_BYTES, this.options.maxBytes / LARGEST_PART);
		if (!this.block.append(exchange, largest)) {
			return -1;
		}
		this.spooled++;
		const sequence = this.next++;
		if (this.block.isFull) this.seal();
		return sequence;
	}

	/** What was appended is on its way to the disk, full block or not. */
	seal(): void {
		const { block } = this;
		if (block === null || block.records === 0) return;
		this.block = null;
		this.waiting.push(block);
		this.write();
	}

	/** Nothing that was appended so far is read: whoever appended it still has it. Only where all before was read. */
	skipUnread(): void {
		this.reading = this.next;
	}

	/** The next records that are not done, of one block; null: there are none now. One call at a time. */
	async read(): Promise<readonly Spooled[] | null> {
		if (this.isReading) return null;
		this.isReading = true;
		try {
			while (this.reading < this.log.end) {
				const from = this.reading;
				const { block, first, end, damaged } = await this.log.read(from);
				// dropped to make room while it was read
				if (this.reading > from) continue;
				const records = block === null ? null : this.decoded(block, from);
				this.reading = Math.max(from, end);
				this.lose(from, records === null ? end : Math.min(first, end), damaged);
				if (records !== null && records.length > 0) return records;
			}
			return this.fromMemory();
		} catch (error) {
			this.listener.failed(error);
			return null;
		} finally {
			this.isReading = false;
		}
	}

	/** The record is delivered, or never will be. */
	done(sequence: number): void {
		this.progress.mark(sequence);
	}

	/** Called every 10 ms or so. */
	tick(nowMs: number): void {
		this.nowMs = nowMs;
		const { syncMs } = this.options;
		if (this.block !== null && nowMs - this.blockSinceMs >= syncMs) this.seal();
		if (this.waiting.length > 0 && nowMs >= this.stalledUntilMs) this.write();
		if (syncMs > 0 && this.log.end > this.log.synced && nowMs - this.syncedMs >= syncMs) this.sync();
		if (this.progress.version !== this.savedVersion) this.save();
		if (this.log.bytes > 0 && this.isIdle && nowMs - this.lastPutMs > IDLE_MS) this.clear();
	}

	/** Everything that was appended is on the disk and synced, or cannot be now: false. */
	async settle(): Promise<boolean> {
		this.seal();
		this.stalledUntilMs = 0;
		while (this.waiting.length > 0 && this.stalledUntilMs === 0) {
			this.write();
			await this.writing;
		}
		await this.syncing;
		this.sync();
		await this.syncing;
		return this.waiting.length === 0 && this.unsynced === 0;
	}

	/** Settles and gives the folder back. What could not be written is not in it any more. */
	async close(): Promise<void> {
		await this.settle();
		this.isClosing = true;
		await this.saving;
		this.save();
		await this.saving;
		if (this.isIdle) this.clear();
		await this.writing;
		this.next = Math.min(this.next, Math.max(this.log.end, this.progress.next));
		for (const close of [() => this.cursor.close(), () => this.log.close(), () => this.folder.close()])
			await close().catch((error: unknown) => this.listener.failed(error));
	}

	counters(): Readonly<Record<string, number>> {
		return {
			spool_found: this.found,
			spooled: this.spooled,
			spool_acknowledged: this.acknowledged,
			spool_waiting: this.undone,
			spool_dropped: this.dropped,
			spool_lost: this.lost,
			spool_stalls: this.stalls,
			spool_bytes: this.log.bytes,
			spool_bytes_written: this.bytesWritten,
			spool_bytes_damaged: this.damagedBytes,
			spool_bytes_high_water: this.bytesHighWater,
		};
	}

	private decoded(block: Buffer, from: number): Spooled[] | null {
		return exchangesOf(block, (sequence) => sequence >= from && !this.progress.isDone(sequence));
	}

	private get isIdle(): boolean {
		return this.block === null && this.waiting.length === 0 && this.writing === null && this.undone === 0;
	}

	/** What is empty takes no room. */
	private clear(): void {
		this.writing ??= this.log
			.clear()
			.catch((error: unknown) => this.listener.failed(error))
			.finally(() => {
				this.writing = null;
			});
	}

	private fromMemory(): readonly Spooled[] | null {
		const block = this.waiting.find(({ end }) => end > this.reading);
		if (block === undefined) return null;
		const records = this.decoded(block.seal(), this.reading);
		this.reading = block.end;
		return records;
	}

	private undoneBetween(from: number, to: number): number {
		let count = 0;
		for (let sequence = from; sequence < to; sequence++) if (!this.progress.isDone(sequence)) count++;
		return count;
	}

	/** Records up to `to` should have been there, and are not. */
	private lose(from: number, to: number, bytes: number): void {
		const missing = this.undoneBetween(from, to);
		if (bytes === 0 && missing === 0) return;
		this.damagedBytes += bytes;
		this.lost += missing;
		for (let sequence = from; sequence < to; sequence++) this.progress.mark(sequence);
		this.listener.damaged(bytes, missing);
	}

	private write(): void {
		this.writing ??= this.writeWaiting().finally(() => {
			this.writing = null;
		});
	}

	private async writeWaiting(): Promise<void> {
		for (let block = this.waiting[0]; block !== undefined; block = this.waiting[0]) {
			try {
				// done while it waited: there is nothing to keep
				if (this.progress.next < block.end && !(await this.put(block))) return;
			} catch (error) {
				if (hasNoRoom(error) && this.options.whenFull === "drop_oldest" && this.log.canRemove) {
					await this.dropOldest();
					continue;
				}
				this.stall();
				if (hasNoRoom(error)) this.listener.full("the disk has no room");
				else this.listener.failed(error);
				return;
			}
			this.waiting.shift();
			this.spare ??= block.reusable;
		}
	}

	/** False: there is no room now. */
	private async put(block: Block): Promise<boolean> {
		const bytes = block.seal();
		while (!this.log.fits(bytes.length)) {
			if (this.options.whenFull === "drop_newest" || !this.log.canRemove) {
				this.stall();
				this.listener.full(`it holds ${this.log.bytes} bytes`);
				return false;
			}
			await this.dropOldest();
		}
		await this.log.append(bytes, block.first, block.end);
		this.unsynced += block.records;
		this.lastPutMs = this.nowMs;
		this.bytesWritten += bytes.length;
		this.bytesHighWater = Math.max(this.bytesHighWater, this.log.bytes);
		if (this.options.syncMs === 0) await this.synced();
		return true;
	}

	private async dropOldest(): Promise<void> {
		const end = this.log.oldestEnd;
		// before it is gone, so that whoever reads meanwhile does not miss it; what was read already is in memory and goes its way
		const count = this.undoneBetween(Math.max(this.reading, this.progress.next), end);
		this.dropped += count;
		this.reading = Math.max(this.reading, end);
		this.progress.skipTo(end);
		await this.log.removeOldest();
		this.listener.full(`the oldest ${count} exchanges in it were dropped`);
	}

	private stall(): void {
		this.stalls++;
		this.stalledUntilMs = Math.max(1, this.nowMs + TRY_AGAIN_MS);
	}

	private sync(): void {
		this.syncedMs = this.nowMs;
		this.syncing ??= this.synced()
			.catch((error: unknown) => this.listener.failed(error))
			.finally(() => {
				this.syncing = null;
			});
	}

	private async synced(): Promise<void> {
		const records = this.unsynced;
		await this.log.sync();
		this.unsynced -= records;
		this.acknowledged += records;
	}

	private save(): void {
		this.saving ??= this.saved()
			.catch((error: unknown) => this.listener.failed(error))
			.finally(() => {
				this.saving = null;
			});
	}

	private async saved(): Promise<void> {
		const { version } = this.progress;
		await this.cursor.write(this.progress);
		this.savedVersion = version;
		if (this.isClosing) return;
		await this.log.removeBelow(this.progress.next);
	}
}

function hasNoRoom(error: unknown): boolean {
	const code = typeof error === "object" && error !== null && "code" in error ? error.code : null;
	return code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
}
