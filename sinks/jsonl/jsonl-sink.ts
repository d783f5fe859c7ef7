import {
	asWriteError,
	type Exchange,
	isBrokenPipe,
	Partial,
	type Sink,
	type SinkContext,
	writeFully,
	writeJson,
} from "../../core/index.js";
import type { JsonlConfig } from "./index.js";
import { RotatingFile } from "./rotating-file.js";

/** One `write` to the file carries about this much. */
const CHUNK_BYTES = 1 << 20;
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

export class JsonlSink implements Sink {
	readonly maxInFlight = 1;
	private readonly output: Output;
	private buffer: Buffer | null = null;
	private bytesWritten = 0;

	constructor(config: JsonlConfig, context: SinkContext) {
		this.output = config.path === "-" ? new StandardOutput() : new RotatingFile(config, context.diagnostics);
	}

	open(): Promise<void> {
		return this.output.open();
	}

	async write(batch: readonly Exchange[]): Promise<void> {
		const failed: number[] = [];
		let bytes = 0;
		try {
			await this.output.begin();
			let buffer = this.buffer ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
			this.buffer = buffer;
			let at = 0;
			for (let index = 0; index < batch.length; index++) {
				let end = serialise(batch[index]!, buffer, at);
				while (end === -1) {
					if (at > 0) {
						await this.output.write(buffer, at);
						bytes += at;
						at = 0;
					} else if (buffer.length >= LARGEST_RECORD_BYTES) {
						end = null;
						break;
					} else {
						// Only for this batch: `this.buffer` stays as it is.
						buffer = Buffer.allocUnsafeSlow(buffer.length * 2);
					}
					end = serialise(batch[index]!, buffer, at);
				}
				if (end === null) failed.push(index);
				else at = end;
			}
			if (at > 0) await this.output.write(buffer, at);
			bytes += at;
			await this.output.commit();
		} catch (error) {
			if (!isBrokenPipe(error)) await this.output.rollback();
			throw asWriteError(error);
		}
		this.bytesWritten += bytes;
		if (failed.length > 0) throw new Partial("records that cannot be written as JSON", failed, false);
	}

	async close(): Promise<void> {
		this.buffer = null;
		await this.output.close();
	}

	counters(): Readonly<Record<string, number>> {
		return { bytes_written: this.bytesWritten, ...this.output.counters() };
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
