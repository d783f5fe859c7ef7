import { PolytapError } from "../errors.js";
import { ByteReader } from "../io/byte-reader.js";
import {
	bytesBehind,
	checkBlock,
	HEAD_BYTES,
	KIND_CALLS,
	KIND_END,
	KIND_HEADER,
	MAGIC,
	RECORDING_FORMAT,
} from "./block.js";
import { CallReading, type RecordedCall } from "./call-reading.js";
import type { RecordingEnd, RecordingHeader } from "./header.js";

/** A recording from its beginning to its end, or to the first block that is not whole. */
export class RecordingReader {
	readonly header: RecordingHeader;
	/** What its last block said; null: there is none, it was not ended in an orderly way. */
	end: RecordingEnd | null = null;
	/** What ended it before that: a torn or changed block. */
	damage: string | null = null;
	readonly #reader: ByteReader;
	#blocks = 1;

	private constructor(reader: ByteReader, header: RecordingHeader) {
		this.#reader = reader;
		this.header = header;
	}

	/** Rejects with `CAPTURE_UNREADABLE`, or `CAPTURE_UNSUPPORTED` where it is of another version. */
	static async open(path: string): Promise<RecordingReader> {
		let reader: ByteReader | null = null;
		try {
			reader = await ByteReader.open(path);
			await reader.fill(MAGIC.length);
			if (!reader.take(MAGIC.length).equals(MAGIC)) throw new Error("not a recording");
			const block = await nextBlock(reader, 0);
			if (block === null || block[HEAD_BYTES] !== KIND_HEADER) throw new Error("it has no header");
			const header: RecordingHeader = jsonOf(block);
			if (header.format !== RECORDING_FORMAT)
				throw new PolytapError("CAPTURE_UNSUPPORTED", `${path}: a recording of format ${header.format}`);
			return new RecordingReader(reader, header);
		} catch (error) {
			await reader?.close();
			if (error instanceof PolytapError) throw error;
			const reason = error instanceof Error ? error.message : String(error);
			throw new PolytapError("CAPTURE_UNREADABLE", `${path}: ${reason}`, null, error);
		}
	}

	/** The calls of one block after the other. Ends with `end` or `damage` set, or neither: killed between two blocks. */
	async *blocks(): AsyncGenerator<readonly RecordedCall[]> {
		for (;;) {
			let calls: readonly RecordedCall[];
			try {
				const block = await nextBlock(this.#reader, this.#blocks++);
				if (block === null) return;
				const kind = block[HEAD_BYTES];
				if (kind === KIND_END) {
					this.end = jsonOf(block);
					return;
				}
				// kinds that came later may be skipped
				calls = kind === KIND_CALLS ? callsOf(block, this.header) : [];
			} catch (error) {
				const reason = error instanceof Error ? error.message : String(error);
				this.damage = `${reason}, at byte ${this.#reader.position}`;
				return;
			}
			yield calls;
		}
	}

	close(): Promise<void> {
		return this.#reader.close();
	}
}

/** Head and all; a view that is valid until the next one. Null: the file ends here. */
async function nextBlock(reader: ByteReader, number: number): Promise<Buffer | null> {
	if (!(await reader.fill(HEAD_BYTES))) {
		if (reader.available === 0) return null;
		throw new Error("the file ends in the middle of a block");
	}
	const length = HEAD_BYTES + bytesBehind(reader.peek(HEAD_BYTES), number);
	if (!(await reader.fill(length))) throw new Error("the file ends in the middle of a block");
	const block = reader.peek(length);
	checkBlock(block);
	return reader.take(length);
}

/** All of them, so that a block counts whole or not at all. */
function callsOf(block: Buffer, header: RecordingHeader): RecordedCall[] {
	const reading = new CallReading(block, HEAD_BYTES + 1, header.causes);
	const calls: RecordedCall[] = [];
	for (let call = reading.next(); call !== null; call = reading.next()) calls.push(call);
	return calls;
}

function jsonOf(block: Buffer) {
	return JSON.parse(block.toString("utf8", HEAD_BYTES + 1));
}
