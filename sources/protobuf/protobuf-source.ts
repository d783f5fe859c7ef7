import {
	ByteReader,
	type CaptureEvent,
	type CaptureSource,
	decodeEntry,
	PolytapError,
	type SourceContext,
} from "../../core/index.js";
import type { ProtobufConfig } from "./index.js";

const BATCH_EXCHANGES = 256;
const BATCH_BYTES = 1 << 20;
/** The sink writes no longer ones. */
const LARGEST_ENTRY_BYTES = 2 ** 30;
const LONGEST_LENGTH_BYTES = 5;

/** Reads records one after the other. A file that is cut off or damaged gives everything before the damage, and a warning. */
export class ProtobufSource implements CaptureSource {
	readonly #config: ProtobufConfig;
	readonly #context: SourceContext;
	readonly #counters = { files: 0, files_damaged: 0, exchanges: 0, bytes: 0 };
	#reader: ByteReader | null = null;

	constructor(config: ProtobufConfig, context: SourceContext) {
		this.#config = config;
		this.#context = context;
	}

	/** Looks at the first file. Rejects with `CAPTURE_UNREADABLE`. */
	async open(): Promise<void> {
		this.#reader = await opened(this.#config.files[0] ?? "");
	}

	async *batches(signal: AbortSignal): AsyncGenerator<readonly CaptureEvent[]> {
		for (const path of this.#config.files) {
			if (signal.aborted) return;
			const reader = (this.#reader ??= await opened(path));
			this.#counters.files++;
			try {
				yield* this.#entries(reader, signal);
			} catch (error) {
				this.#damaged(path, reader, error);
			}
			this.#counters.bytes += reader.position;
			await this.close();
		}
	}

	async close(): Promise<void> {
		const reader = this.#reader;
		this.#reader = null;
		await reader?.close();
	}

	counters(): Readonly<Record<string, number>> {
		return { ...this.#counters };
	}

	async *#entries(reader: ByteReader, signal: AbortSignal): AsyncGenerator<readonly CaptureEvent[]> {
		let batch: CaptureEvent[] = [];
		let bytes = 0;
		let damage: unknown = null;
		while (damage === null && !signal.aborted) {
			try {
				const length = await entryLength(reader);
				if (length === null) break;
				if (!(await reader.fill(length))) throw new Error("the file ends in the middle of a record");
				const exchange = decodeEntry(reader.peek(length));
				reader.take(length);
				bytes += length;
				if (exchange !== null) batch.push({ kind: "exchange", exchange });
			} catch (error) {
				// what was read before is yielded first
				damage = error;
			}
			if (batch.length < BATCH_EXCHANGES && bytes < BATCH_BYTES) continue;
			this.#counters.exchanges += batch.length;
			yield batch;
			batch = [];
			bytes = 0;
		}
		this.#counters.exchanges += batch.length;
		if (batch.length > 0) yield batch;
		if (damage !== null) throw damage;
	}

	#damaged(path: string, reader: ByteReader, error: unknown): void {
		this.#counters.files_damaged++;
		const which = this.#config.files.length > 1 ? `${path}: ` : "";
		const reason = error instanceof Error ? error.message : String(error);
		const where = `at byte ${reader.position}; everything before it was read`;
		this.#context.diagnostics.warn("CAPTURE_DAMAGED", `${which}${reason}, ${where}`);
	}
}

/** The length of the next entry, which is taken. Null: the file is over. */
async function entryLength(reader: ByteReader): Promise<number | null> {
	await reader.fill(LONGEST_LENGTH_BYTES);
	const bytes = reader.peek(LONGEST_LENGTH_BYTES);
	if (bytes.length === 0) return null;
	let length = 0;
	for (let index = 0; index < bytes.length; index++) {
		const byte = bytes[index]!;
		length += (byte & 127) * 128 ** index;
		if (byte > 127) continue;
		if (length > LARGEST_ENTRY_BYTES) throw new Error(`a record of ${length} bytes`);
		reader.take(index + 1);
		return length;
	}
	throw new Error(
		bytes.length < LONGEST_LENGTH_BYTES
			? "the file ends in the middle of a record"
			: "this is not the length of a record",
	);
}

async function opened(path: string): Promise<ByteReader> {
	try {
		const reader = await ByteReader.open(path);
		// what cannot be read at all is said now
		await reader.fill(1);
		return reader;
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		throw new PolytapError("CAPTURE_UNREADABLE", `${path}: ${reason}`, null, error);
	}
}
