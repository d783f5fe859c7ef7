import { constants, createGunzip, type Gunzip } from "node:zlib";
import { PolytapError } from "../../core/index.js";
import type { ByteOrigin } from "./file-window.js";

/** Compressed bytes handed over at once: what they become must fit in memory, which is a thousand times as much at worst. */
const PIECE_BYTES = 16 << 10;
const OUTPUT_BYTES = 64 << 10;

/** Decompresses another origin. What came out before damage is given out before the error. */
export class GunzipOrigin implements ByteOrigin {
	readonly #compressed: ByteOrigin;
	readonly #gunzip: Gunzip;
	readonly #piece = new Uint8Array(PIECE_BYTES);
	#ready: Buffer[] = [];
	#error: Error | null = null;
	#isOver = false;
	#start: Uint8Array | null;

	/** `start`: the few bytes that were read from `compressed` already. */
	constructor(compressed: ByteOrigin, start: Uint8Array) {
		this.#compressed = compressed;
		this.#gunzip = createGunzip({ chunkSize: OUTPUT_BYTES, finishFlush: constants.Z_FINISH });
		this.#gunzip.on("data", (chunk: Buffer) => this.#ready.push(chunk));
		this.#gunzip.on("error", (error) => {
			this.#error = error;
		});
		this.#start = start;
	}

	/** Rejects with `CAPTURE_DAMAGED` where the compressed data is cut off or broken. */
	async read(target: Uint8Array, at: number): Promise<number> {
		while (this.#ready.length === 0) {
			if (this.#error !== null) {
				throw new PolytapError("CAPTURE_DAMAGED", `the gzip data is damaged: ${this.#error.message}`);
			}
			if (this.#isOver) return 0;
			await this.#feed();
		}
		let written = at;
		while (written < target.length) {
			const chunk = this.#ready[0];
			if (chunk === undefined) break;
			const take = Math.min(chunk.length, target.length - written);
			target.set(take === chunk.length ? chunk : chunk.subarray(0, take), written);
			written += take;
			if (take === chunk.length) this.#ready.shift();
			else this.#ready[0] = chunk.subarray(take);
		}
		return written - at;
	}

	async close(): Promise<void> {
		this.#gunzip.destroy();
		await this.#compressed.close();
	}

	/** One more piece goes in; resolves when all that it becomes is there. */
	async #feed(): Promise<void> {
		let piece = this.#start;
		this.#start = null;
		if (piece === null) {
			const read = await this.#compressed.read(this.#piece, 0);
			piece = this.#piece.subarray(0, read);
		}
		const given = piece;
		await new Promise<void>((resolve) => {
			this.#gunzip.once("close", resolve);
			const done = (): void => {
				this.#gunzip.off("close", resolve);
				resolve();
			};
			if (given.length > 0) {
				this.#gunzip.write(given, done);
				return;
			}
			this.#isOver = true;
			this.#gunzip.once("end", done);
			this.#gunzip.end();
		});
	}
}
