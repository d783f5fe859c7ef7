import { writeFully } from "./write-fully.js";

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

/** Standard output: nothing is rotated, cut or synced. */
export class StandardOutput implements Output {
	private readonly header: Uint8Array;

	constructor(header: Uint8Array) {
		this.header = header;
	}

	open(): Promise<void> {
		return writeFully(1, this.header);
	}

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
