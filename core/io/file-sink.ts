import { Partial, Retryable } from "../errors.js";
import type { Exchange } from "../exchange.js";
import type { Sink, SinkContext } from "../plugin.js";
import type { FileOptions } from "./file-options.js";
import { type Output, StandardOutput } from "./output.js";
import { type FileStart, RotatingFile } from "./rotating-file.js";
import { asWriteError, isBrokenPipe } from "./write-fully.js";

/** One `write` to the file carries about this much. */
const CHUNK_BYTES = 1 << 20;
/** Buffers for records that are larger are kept up to this size: their pages are dear. */
const KEPT_BYTES = 1 << 23;
/** A single record needs more than this: it is not polytap's. */
const LARGEST_RECORD_BYTES = 1 << 29;

/** Serialised records that wait for their turn at the file. */
interface Prepared {
	readonly chunks: readonly { readonly buffer: Buffer; readonly length: number }[];
	/** Indexes of records that cannot be written. */
	readonly failed: readonly number[];
}

/** How exchanges become the bytes of a file. */
export interface FileFormat extends FileStart {
	/** What cannot be written in this format is said to be so: `records that cannot be written as JSON`. */
	readonly name: string;
	/** A record is at least so long: no need to try where there is less room. */
	leastBytes(exchange: Exchange): number;
	/**
	 * One record into `target` from `at` on. Returns the position after it, or -1 where there is no room. Throws where the
	 * record itself is at fault.
	 */
	write(exchange: Exchange, target: Buffer, at: number): number;
}

/**
 * A sink that writes records into a file or standard output. Serialises a batch at once, in the call, so that its exchanges live no longer than they must; the file takes one batch after
 * the other.
 */
export class FileSink implements Sink {
	readonly maxInFlight = 4;
	readonly keepsOrder = true;
	private readonly output: Output;
	private readonly format: FileFormat;
	private readonly free: Buffer[] = [];
	private last: Promise<void> = Promise.resolve();
	private waiting = 0;
	/** A batch failed: those behind it must not overtake it, so they fail too and come again in order. */
	private isBroken = false;
	private bytesWritten = 0;

	constructor(config: FileOptions, context: SinkContext, format: FileFormat) {
		this.format = format;
		this.output =
			config.path === "-" ? new StandardOutput(format.header()) : new RotatingFile(config, context.diagnostics, format);
	}

	open(): Promise<void> {
		return this.output.open();
	}

	async write(batch: readonly Exchange[]): Promise<void> {
		const prepared = this.prepare(batch);
		this.waiting++;
		const turn = this.last.then(() => this.put(prepared));
		this.last = turn.then(
			() => this.done(prepared, false),
			() => this.done(prepared, true),
		);
		await turn;
		if (prepared.failed.length > 0)
			throw new Partial(`records that cannot be written as ${this.format.name}`, prepared.failed, false);
	}

	async close(): Promise<void> {
		await this.last;
		this.free.length = 0;
		await this.output.close();
	}

	counters(): Readonly<Record<string, number>> {
		return { bytes_written: this.bytesWritten, ...this.output.counters() };
	}

	private prepare(batch: readonly Exchange[]): Prepared {
		const chunks: { buffer: Buffer; length: number }[] = [];
		const failed: number[] = [];
		let buffer = this.buffer(0);
		let at = 0;
		for (let index = 0; index < batch.length; index++) {
			const least = this.format.leastBytes(batch[index]!);
			let end = least > buffer.length - at ? -1 : this.serialise(batch[index]!, buffer, at);
			while (end === -1) {
				if (at > 0) {
					chunks.push({ buffer, length: at });
					buffer = this.buffer(least);
					at = 0;
				} else if (buffer.length >= LARGEST_RECORD_BYTES) {
					end = null;
					break;
				} else {
					this.recycle(buffer);
					buffer = this.buffer(Math.max(least, buffer.length * 1.5));
				}
				end = this.serialise(batch[index]!, buffer, at);
			}
			if (end === null) failed.push(index);
			else at = end;
		}
		chunks.push({ buffer, length: at });
		return { chunks, failed };
	}

	private async put({ chunks }: Prepared): Promise<void> {
		if (this.isBroken) throw new Retryable("an earlier batch was not written");
		let bytes = 0;
		try {
			await this.output.begin();
			for (const { buffer, length } of chunks) {
				if (length > 0) await this.output.write(buffer, length);
				bytes += length;
			}
			await this.output.commit();
		} catch (error) {
			if (!isBrokenPipe(error)) await this.output.rollback();
			throw asWriteError(error);
		}
		this.bytesWritten += bytes;
	}

	private done({ chunks }: Prepared, hasFailed: boolean): void {
		for (const { buffer } of chunks) this.recycle(buffer);
		this.waiting--;
		this.isBroken = this.waiting > 0 && (this.isBroken || hasFailed);
	}

	/** One that holds at least so many bytes, base64 included. */
	private buffer(bytes: number): Buffer {
		let size = CHUNK_BYTES;
		while (size < (bytes / 3) * 4) size *= 2;
		const index = this.free.findIndex((buffer) => buffer.length === size);
		return index < 0 ? Buffer.allocUnsafeSlow(size) : this.free.splice(index, 1)[0]!;
	}

	private recycle(buffer: Buffer): void {
		if (buffer.length <= KEPT_BYTES && this.free.length <= this.maxInFlight) this.free.push(buffer);
	}

	/** -1: does not fit. Null: never will, the record itself is at fault. */
	private serialise(exchange: Exchange, buffer: Buffer, at: number): number | null {
		try {
			return this.format.write(exchange, buffer, at);
		} catch {
			return null;
		}
	}
}
