/** The folder that a spool lives in: its own, for one process at a time, closed to everybody else. */
import { chmod, type FileHandle, mkdir, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { PolytapError } from "../../errors.js";
import { lockFile, unlockFile } from "../../io/file-lock.js";

const LOCK = "lock";
const SEGMENT = /^(\d{16})\.spool$/;

export class SpoolFolder {
	readonly path: string;
	private readonly lock: FileHandle;

	private constructor(path: string, lock: FileHandle) {
		this.path = path;
		this.lock = lock;
	}

	/** Makes it where it is not there. Rejects with `SPOOL_LOCKED` or `SPOOL_UNUSABLE`. */
	static async open(path: string): Promise<SpoolFolder> {
		let lock: FileHandle | null = null;
		try {
			await mkdir(path, { recursive: true, mode: 0o700 });
			const names = await readdir(path);
			if (names.length > 0 && !names.includes(LOCK)) throw new Error("it holds files and is no spool");
			await chmod(path, 0o700);
			lock = await open(join(path, LOCK), "a", 0o600);
			if (lockFile(lock.fd)) return new SpoolFolder(path, lock);
			await lock.close();
		} catch (error) {
			await lock?.close();
			throw unusable(path, error);
		}
		throw new PolytapError(
			"SPOOL_LOCKED",
			`the spool ${path} is in use`,
			"a spool belongs to one polytap at a time: give each its own `queue.spool.path`",
		);
	}

	get cursorPath(): string {
		return join(this.path, "cursor");
	}

	segmentPath(first: number): string {
		return join(this.path, `${String(first).padStart(16, "0")}.spool`);
	}

	/** First sequences of the segments, in order. */
	async segments(): Promise<number[]> {
		const names = await readdir(this.path);
		return names.flatMap((name) => (SEGMENT.test(name) ? [Number(name.slice(0, 16))] : [])).sort((a, b) => a - b);
	}

	/** Makes the names of new segments last. */
	async sync(): Promise<void> {
		const handle = await open(this.path, "r");
		try {
			await handle.sync();
		} finally {
			await handle.close();
		}
	}

	/** Gives the lock back. */
	async close(): Promise<void> {
		unlockFile(this.lock.fd);
		await this.lock.close();
	}
}

export function unusable(path: string, error: unknown): PolytapError {
	if (error instanceof PolytapError) return error;
	const reason = error instanceof Error ? error.message : String(error);
	const hint = "check the path, the rights and the room on that disk";
	return new PolytapError("SPOOL_UNUSABLE", `the spool ${path} cannot be used: ${reason}`, hint, error);
}
