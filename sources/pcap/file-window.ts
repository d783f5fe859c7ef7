import type { FileHandle } from "node:fs/promises";

/** Large enough that a read costs nothing, small enough for the processor's cache. */
export const WINDOW_BYTES = 1 << 20;

/** Where bytes of a file come from, in order. */
export interface ByteOrigin {
	/** Fills `target` from `at` on, as far as it likes. Resolves to how many bytes; 0: there are no more. */
	read(target: Uint8Array, at: number): Promise<number>;
	close(): Promise<void>;
}

export class FileOrigin implements ByteOrigin {
	readonly #file: FileHandle;

	constructor(file: FileHandle) {
		this.#file = file;
	}

	async read(target: Uint8Array, at: number): Promise<number> {
		const { bytesRead } = await this.#file.read(target, at, target.length - at, null);
		return bytesRead;
	}

	close(): Promise<void> {
		return this.#file.close();
	}
}

/** A moving window on a file: what is between `at` and `end` of `bytes` was read and not used yet. */
export class FileWindow {
	bytes: Uint8Array<ArrayBuffer>;
	/** May lie behind `end` after something was skipped. */
	at = 0;
	end = 0;
	/** Position of `bytes[0]` in the file, after decompression. */
	#base = 0;
	readonly #origin: ByteOrigin;

	/** `start` was read from `origin` already. `bytes` is how much is read at once; it grows where one record is larger. */
	constructor(origin: ByteOrigin, start: Uint8Array, bytes: number) {
		this.#origin = origin;
		this.bytes = new Uint8Array(bytes);
		this.bytes.set(start);
		this.end = start.length;
	}

	/** Where `at` is in the file, after decompression. */
	get position(): number {
		return this.#base + this.at;
	}

	/** Moves on until `wanted` bytes are there, which must not be in use any more. False: the file is over before that. */
	async fill(wanted: number): Promise<boolean> {
		this.#makeRoom(wanted);
		while (this.end - this.at < wanted) {
			const read = await this.#origin.read(this.bytes, this.end);
			if (read === 0) return false;
			this.end += read;
			if (this.at > 0 && this.end === this.bytes.length) this.#makeRoom(wanted);
		}
		return true;
	}

	close(): Promise<void> {
		return this.#origin.close();
	}

	#makeRoom(wanted: number): void {
		const from = Math.min(this.at, this.end);
		const unread = this.end - from;
		let target = this.bytes;
		if (wanted > target.length) target = new Uint8Array(Math.max(wanted, target.length * 2));
		if (target === this.bytes) target.copyWithin(0, from, this.end);
		else target.set(this.bytes.subarray(from, this.end));
		this.bytes = target;
		this.#base += from;
		this.at -= from;
		this.end = unread;
	}
}
