/** Writing all of a buffer to a file descriptor, for sinks. */
import { write } from "node:fs";
import { Permanent, Retryable } from "../errors.js";

const RETRY_MS = 5;

/**
 * Writes bytes `from` (inclusive) to `to` (exclusive) at the descriptor's own position, however many calls that takes.
 * A descriptor that somebody made non-blocking is waited for. Rejects with the system's error.
 */
export function writeFully(fd: number, bytes: Uint8Array, from = 0, to = bytes.length): Promise<void> {
	return new Promise((resolve, reject) => {
		let at = from;
		const next = () => {
			write(fd, bytes, at, to - at, null, (error, written) => {
				if (error !== null && error.code === "EAGAIN") {
					setTimeout(next, RETRY_MS);
				} else if (error !== null) {
					reject(error);
				} else {
					at += written;
					if (at < to) next();
					else resolve();
				}
			});
		};
		if (from < to) next();
		else resolve();
	});
}

const HOPELESS = new Set(["EPIPE", "EBADF", "EINVAL", "EISDIR", "ENXIO"]);

/** A system error as delivery understands it: `Permanent` where the descriptor will never take more, else `Retryable`. */
export function asWriteError(error: unknown): Permanent | Retryable {
	const code = codeOf(error);
	const message = error instanceof Error ? error.message : String(error);
	return HOPELESS.has(code) ? new Permanent(message, { cause: error }) : new Retryable(message, { cause: error });
}

/** True where the reader of a pipe went away: not a failure, nobody wants more. */
export function isBrokenPipe(error: unknown): boolean {
	return codeOf(error) === "EPIPE" || (error instanceof Error && codeOf(error.cause) === "EPIPE");
}

function codeOf(error: unknown): string {
	return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}
