import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

const PIECE = Buffer.alloc(1 << 20);

/**
 * Writes `bytes` into a file and removes it again. A virtual machine gets its memory from the host when it first touches a
 * page, at several times the cost of the write itself, and gives freed pages back after some seconds: without this, whoever
 * writes a file pays for the host. What is measured next finds pages that are there already.
 */
export function warmMemory(folder: string, bytes: number): void {
	const path = join(folder, "warm-memory");
	const fd = openSync(path, "wx", 0o600);
	try {
		for (let written = 0; written < bytes; written += PIECE.length) writeSync(fd, PIECE);
	} finally {
		closeSync(fd);
		rmSync(path);
	}
}
