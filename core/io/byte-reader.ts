/** A file from its beginning to its end, gzip undone, in pieces of the reader's choice. For sources and commands. */
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { createGunzip } from "node:zlib";

const CHUNK_BYTES = 1 << 20;
const NOTHING = Buffer.alloc(0);

export class ByteReader {
	/** Bytes that were taken so far, of the file's content. */
	position = 0;
	#buffer: Buffer = NOTHING;
	#at = 0;
	#end = 0;
	/** False: the buffer is a chunk as the stream gave it. */
	#isOwn = false;
	readonly #chunks: AsyncIterator<Buffer>;

	constructor(chunks: AsyncIterator<Buffer>) {
		this.#chunks = chunks;
	}

	/** Rejects with the system's error where it cannot be read. */
	static async open(path: string): Promise<ByteReader> {
		const isZipped = await beginsWith(path, [0x1f, 0x8b]);
		const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
		if (!isZipped) return new ByteReader(file[Symbol.asyncIterator]());
		const unzipped = createGunzip({ chunkSize: CHUNK_BYTES });
		file.once("error", (error) => unzipped.destroy(error));
		unzipped.once("close", () => file.destroy());
		return new ByteReader(file.pipe(unzipped)[Symbol.asyncIterator]());
	}

	/** Bytes that are in memory and were not taken. */
	get available(): number {
		return this.#end - this.#at;
	}

	/**
	 * Brings at least so many bytes into memory. False: the file has less left; what there is stays. Rejects where the file
	 * cannot be read on, or is no whole gzip.
	 */
	async fill(bytes: number): Promise<boolean> {
		while (this.available < bytes) {
			const { value, done } = await this.#chunks.next();
			if (done === true) return false;
			this.#append(value);
		}
		return true;
	}

	/** The next bytes, which `fill` has brought, without taking them. Valid until the next `fill`. */
	peek(bytes: number): Buffer {
		return this.#buffer.subarray(this.#at, Math.min(this.#at + bytes, this.#end));
	}

	/** The same, and goes on behind them. */
	take(bytes: number): Buffer {
		const taken = this.peek(bytes);
		this.#at += taken.length;
		this.position += taken.length;
		return taken;
	}

	async close(): Promise<void> {
		await this.#chunks.return?.();
	}

	/** Memory grows with the bytes that are there, not with those that a damaged length promises. */
	#append(chunk: Buffer): void {
		const left = this.available;
		if (left === 0) {
			this.#buffer = chunk;
			this.#at = 0;
			this.#end = chunk.length;
			this.#isOwn = false;
			return;
		}
		if (!this.#isOwn || this.#buffer.length - this.#end < chunk.length) {
			const larger = Buffer.allocUnsafeSlow(2 * (left + chunk.length));
			this.#buffer.copy(larger, 0, this.#at, this.#end);
			this.#buffer = larger;
			this.#at = 0;
			this.#end = left;
			this.#isOwn = true;
		}
		chunk.copy(this.#buffer, this.#end);
		this.#end += chunk.length;
	}
}

async function beginsWith(path: string, magic: readonly number[]): Promise<boolean> {
	const handle = await open(path, "r");
	try {
		// what can be read only once must not be looked at before
		if (!(await handle.stat()).isFile()) return false;
		const start = await firstBytes(handle, magic.length);
		return magic.every((byte, index) => start[index] === byte);
	} finally {
		await handle.close();
	}
}

async function firstBytes(handle: FileHandle, count: number): Promise<Buffer> {
	const bytes = Buffer.alloc(count);
	const { bytesRead } = await handle.read(bytes, 0, count, 0);
	return bytes.subarray(0, bytesRead);
}
