import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import type { Socket } from "node:net";
import koffi from "koffi";

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const UCRED_BYTES = 12;

/** Who is at the other end of a socket. */
export interface Peer {
	/** In polytap's own pid namespace; 0: not visible from here, or not known. */
	readonly pid: number;
	/** Null: a TCP connection, where the kernel does not say. */
	readonly uid: number | null;
}

const NOBODY: Peer = { pid: 0, uid: null };

type GetSockopt = (fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array) => number;
let getsockopt: GetSockopt | null = null;

/** SO_PEERCRED of a connected Unix socket: what the kernel noted when it connected. Uid null where it cannot be asked. */
export function unixPeer(socket: Socket): Peer {
	const fd = descriptorOf(socket);
	if (fd < 0) return NOBODY;
	const value = new Uint8Array(UCRED_BYTES);
	const length = new Uint8Array(new Uint32Array([UCRED_BYTES]).buffer);
	try {
		getsockopt ??= koffi
			.load("libc.so.6")
			.func("int getsockopt(int fd, int level, int name, void *value, void *length)") as GetSockopt;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, length) !== 0) return NOBODY;
	} catch {
		return NOBODY;
	}
	const fields = new DataView(value.buffer);
	return { pid: fields.getInt32(0, true), uid: fields.getUint32(4, true) };
}

/**
 * A TCP peer says which process it is. That is believed where this process has the very socket: its table of connections has
 * one from the peer's port to ours, and one of its descriptors is that socket.
 */
export function tcpPeer(socket: Socket, claimedPid: number): Peer {
	const { remotePort, localPort } = socket;
	if (remotePort === undefined || localPort === undefined) return NOBODY;
	const inode = inodeOf(claimedPid, remotePort, localPort);
	if (inode === null) return NOBODY;
	try {
		const wanted = `socket:[${inode}]`;
		for (const fd of readdirSync(`/proc/${claimedPid}/fd`))
			if (linkOf(`/proc/${claimedPid}/fd/${fd}`) === wanted) return { pid: claimedPid, uid: null };
	} catch {
		// another user's process
	}
	return NOBODY;
}

/** Inode of the network namespace of a process, or null. */
export function netnsOf(pid: number): number | null {
	if (pid <= 0) return null;
	try {
		return statSync(`/proc/${pid}/ns/net`).ino;
	} catch {
		return null;
	}
}

function descriptorOf(socket: Socket): number {
	const handle: unknown = Reflect.get(socket, "_handle");
	if (typeof handle !== "object" || handle === null || !("fd" in handle)) return -1;
	return typeof handle.fd === "number" ? handle.fd : -1;
}

function inodeOf(pid: number, localPort: number, remotePort: number): string | null {
	for (const table of ["tcp", "tcp6"]) {
		let text: string;
		try {
			text = readFileSync(`/proc/${pid}/net/${table}`, "latin1");
		} catch {
			return null;
		}
		for (const line of text.split("\n").slice(1)) {
			const fields = line.trim().split(/\s+/);
			if (portOf(fields[1]) === localPort && portOf(fields[2]) === remotePort) return fields[9] ?? null;
		}
	}
	return null;
}

function portOf(field: string | undefined): number {
	return field === undefined ? -1 : Number.parseInt(field.slice(field.indexOf(":") + 1), 16);
}

function linkOf(path: string): string | null {
	try {
		return readlinkSync(path);
	} catch {
		return null;
	}
}
