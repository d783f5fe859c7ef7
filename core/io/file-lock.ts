/** A lock that the kernel takes back when its owner dies, however it dies: flock(2), which Node.js does not have. */
import koffi from "koffi";

const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

let flock: ((descriptor: number, operation: number) => number) | null = null;

/**
 * True where the open file is now this process's own, until it is closed; false where another open file has the lock (in
 * this process, too). Throws where the file system has no locks.
 */
export function lockFile(descriptor: number): boolean {
	if (call(descriptor, LOCK_EX | LOCK_NB) === 0) return true;
	const errno = koffi.errno();
	if (errno === koffi.os.errno.EAGAIN) return false;
	throw new Error(`flock failed with error ${errno}`);
}

/** Closing alone is not enough where a process is being started at that moment: it has a copy of the descriptor for a while. */
export function unlockFile(descriptor: number): void {
	call(descriptor, LOCK_UN);
}

function call(descriptor: number, operation: number): number {
	flock ??= koffi.load(null).func("int flock(int descriptor, int operation)") as NonNullable<typeof flock>;
	return flock(descriptor, operation);
}
