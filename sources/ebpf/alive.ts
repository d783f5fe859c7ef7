import { readSync } from "node:fs";
import { libbpf, libc, type Pointer, withMemory } from "./libbpf.js";

const COOKIE_BYTES = 8;
/** What the kernel gives in one go: in several it may leave out what was there all the time. */
const CHUNK_BYTES = 32_768;
/** Of a part, on the average: a part that does not come in one go tells nothing. */
const PART_SOCKETS = 1024;
const MOST_PARTS = 4096;

/** What the host keeps for it; the link's descriptor is -1 where the kernel refuses. */
export interface AliveState {
	readonly linkFd: number;
	/** `.data.alive` */
	readonly partFd: number;
}

/** Attaches the walk to the sockets' own memory of them. Null: the kernel refused. */
export function attachAlive(program: Pointer, socketsFd: number): Pointer {
	const target = new Uint8Array(Uint32Array.of(socketsFd, 0, 0, 0).buffer);
	return withMemory(target, (address) => {
		const options = new DataView(new ArrayBuffer(24));
		options.setBigUint64(0, 24n, true);
		options.setBigUint64(8, address, true);
		options.setUint32(16, target.length, true);
		return libbpf().attachIterator(program, new Uint8Array(options.buffer));
	});
}

/** Into how many parts the cookies of so many sockets are divided. */
export function partsOf(sockets: number): number {
	let parts = 1;
	while (parts * PART_SOCKETS < sockets && parts < MOST_PARTS) parts *= 2;
	return parts;
}

/**
 * Cookies of the sockets that are there and that user space was told of, of those that are `part` modulo `parts`. Null: too
 * many for one go, or it failed.
 */
export function aliveCookies({ linkFd, partFd }: AliveState, part: number, parts: number): ReadonlySet<number> | null {
	const bpf = libbpf();
	if (bpf.update(partFd, new Uint8Array(4), new Uint8Array(Uint32Array.of(parts, part).buffer), 0) !== 0) return null;
	const fd = bpf.createIterator(linkFd);
	if (fd < 0) return null;
	try {
		const bytes = new Uint8Array(CHUNK_BYTES);
		const length = readSync(fd, bytes);
		// nothing more comes, and it has not stopped for want of room
		if (length > CHUNK_BYTES - COOKIE_BYTES || (length > 0 && readSync(fd, new Uint8Array(COOKIE_BYTES)) > 0))
			return null;
		const cookies = new Set<number>();
		for (const cookie of new BigInt64Array(bytes.buffer, 0, length / COOKIE_BYTES)) cookies.add(Number(cookie));
		return cookies;
	} catch {
		return null;
	} finally {
		libc().close(fd);
	}
}
