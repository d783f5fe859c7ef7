import { type FileHandle, mkdir, open, rename, stat } from "node:fs/promises";
import { dirname, extname } from "node:path";
import { writeFully } from "../io/write-fully.js";

/** Blocks go to the file one after the other, whole; whoever gives them does not wait. */
export class RecordingFile {
	/** Bytes that were given and are not written yet. */
	queuedBytes = 0;
	bytesWritten = 0;
	/** What the first write that failed said; nothing is written after it. */
	failure: unknown = null;
	/** Called when a block was written and its memory is free. */
	onWritten: (block: Buffer) => void = () => {};
	/** Called once. */
	onFailure: (error: unknown) => void = () => {};
	readonly #path: string;
	#handle: FileHandle | null = null;
	readonly #queue: { readonly block: Buffer; readonly length: number }[] = [];
	#draining: Promise<void> | null = null;

	constructor(path: string) {
		this.#path = path;
	}

	/** A file from before is put aside. Rejects with the system's error. */
	async open(): Promise<void> {
		await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
		const before = await stat(this.#path).catch(() => null);
		if (before?.isFile() === true && before.size > 0) await rename(this.#path, await this.#nameAside());
		this.#handle = await open(this.#path, "w", 0o600);
		// an empty file of somebody else's making keeps its mode otherwise; devices are left alone
		if ((await this.#handle.stat()).isFile()) await this.#handle.chmod(0o600);
	}

	/** The first `length` bytes of `block`, which belongs to the file until `onWritten`. */
	write(block: Buffer, length: number): void {
		this.#queue.push({ block, length });
		this.queuedBytes += length;
		this.#draining ??= this.#drain();
	}

	/** Resolves when nothing waits any more. */
	async settled(): Promise<void> {
		while (this.#draining !== null) await this.#draining;
	}

	async close(): Promise<void> {
		await this.settled();
		const handle = this.#handle;
		this.#handle = null;
		await handle?.close();
	}

	async #drain(): Promise<void> {
		// not in the call that gave the first block: the engine is in it
		await null;
		for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
			const { block, length } = next;
			if (this.failure === null && this.#handle !== null) {
				try {
					await writeFully(this.#handle.fd, block, 0, length);
					this.bytesWritten += length;
				} catch (error) {
					this.failure = error;
					this.onFailure(error);
				}
			}
			this.queuedBytes -= length;
			this.onWritten(block);
		}
		this.#draining = null;
	}

	async #nameAside(): Promise<string> {
		const extension = extname(this.#path);
		const stem = this.#path.slice(0, this.#path.length - extension.length);
		for (let ms = Date.now(); ; ms++) {
			const name = `${stem}-${new Date(ms).toISOString().replaceAll(/[-:.]/g, "")}${extension}`;
			if ((await stat(name).catch(() => null)) === null) return name;
		}
	}
}
