import {
	asWriteError,
	type Exchange,
	isBrokenPipe,
	leastJsonBytes,
	Partial,
	Retryable,
	type Sink,
	type SinkContext,
	writeFully,
	writeJson,
} from "../../core/index.js";
import type { JsonlConfig } from "./index.js";
import { RotatingFile } from "./rotating-file.js";

/** One `write` to the file carries about this much. */
const CHUNK_BYTES = 1 << 20;
/** Buffers for records that are larger are kept up to this size: their pages are dear. */
const KEPT_BYTES = 1 << 23;
/** A single record needs more than this: it is not polytap's. */
const LARGEST_RECORD_BYTES = 1 << 29;

/** Where the bytes go. */
export interface Output {
	open(): Promise<void>;
	/** Before the first bytes of a batch. */
	begin(): Promise<void>;
	write(bytes: Uint8Array, to: number): Promise<void>;
	/** All of the batch is there. */
	commit(): Promise<void>;
	/** Undo what was written of the batch, as far as that is possible. */
	rollback(): Promise<void>;
	close(): Promise<void>;
	counters(): Readonly<Record<string, number>>;
}

/** Serialised records that wait for their turn at the file. */
interface Prepared {
	readonly chunks: readonly { readonly buffer: Buffer; readonly length: number }[];
	/** Indexes of records that cannot be written. */
	readonly failed: readonly number[];
}

/**
 * Serialises a batch at once, in the call, so that its exchanges live no longer than they must; the file takes one batch after
 * the other.
 */
export class JsonlSink implements Sink {
	readonly maxInFlight = 4;
	private readonly output: Output;
	private readonly free: Buffer[] = [];
	private last: Promise<void> = Promise.resolve();
	private waiting = 0;
	/** A batch failed: those behind it must not overtake it, so they fail too and come again in order. */
	private isBroken = false;
	private bytesWritten = 0;

	constructor(config: JsonlConfig, context: SinkContext) {
		this.output = config.path === "-" ? new StandardOutput() : new RotatingFile(config, context.diagnostics);
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
		if (prepared.failed.length > 0) throw new Partial("records that cannot be written as JSON", prepared.failed, false);
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
			const least = leastJsonBytes(batch[index]!);
			let end = least > buffer.length - at ? -1 : serialise(batch[index]!, buffer, at);
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
				end = serialise(batch[index]!, buffer, at);
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
}

/** -1: does not fit. Null: never will, the record itself is at fault. */
function serialise(exchange: Exchange, buffer: Buffer, at: number): number | null {
	try {
		return writeJson(exchange, buffer, at);
	} catch {
		return null;
	}
}

class StandardOutput implements Output {
	async open(): Promise<void> {}

	async begin(): Promise<void> {}

	write(bytes: Uint8Array, to: number): Promise<void> {
		return writeFully(1, bytes, 0, to);
	}

	async commit(): Promise<void> {}

	async rollback(): Promise<void> {}

	async close(): Promise<void> {}

	counters(): Readonly<Record<string, number>> {
		return {};
	}
}
