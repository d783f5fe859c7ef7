import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Endpoint, Transport } from "../../core/index.js";
import { addressText } from "./addresses.js";

const AF_INET = 2;
const AF_INET6 = 10;
/** By number, as in the kernel's tcp_states.h. */
const TCP_STATES = [
	"unknown",
	"established",
	"syn-sent",
	"syn-received",
	"fin-wait-1",
	"fin-wait-2",
	"time-wait",
	"closed",
	"close-wait",
	"last-ack",
	"listening",
	"closing",
] as const;
const UNIX_LISTENING = 0x10000;
const UNIX_CONNECTED = 3;

/** A socket that some process holds, as /proc shows it. */
export interface ProcessSocket {
	readonly pid: number;
	readonly fd: number;
	readonly transport: Transport;
	/** `established`, `listening`, … */
	readonly state: string;
	readonly local: Endpoint;
	/** Null: of a Unix socket nobody tells, others have none. */
	readonly remote: Endpoint | null;
}

type NamespaceSocket = Omit<ProcessSocket, "pid" | "fd">;

/** Lists the sockets of processes; each network namespace is read once. */
export class SocketLists {
	readonly #byNamespace = new Map<string, ReadonlyMap<string, NamespaceSocket>>();

	/** Null: the process is gone, or not ours to look at. */
	of(pid: number): ProcessSocket[] | null {
		let names: string[];
		let namespace: string;
		try {
			names = readdirSync(`/proc/${pid}/fd`);
			namespace = readlinkSync(`/proc/${pid}/ns/net`);
		} catch {
			return null;
		}
		let known = this.#byNamespace.get(namespace);
		if (known === undefined) this.#byNamespace.set(namespace, (known = socketsSeenBy(pid)));
		const seen = new Set<string>();
		const found: ProcessSocket[] = [];
		for (const name of names) {
			const inode = socketInode(`/proc/${pid}/fd/${name}`);
			if (inode === null || seen.has(inode)) continue;
			seen.add(inode);
			const socket = known.get(inode);
			if (socket !== undefined) found.push({ pid, fd: Number(name), ...socket });
		}
		return found;
	}
}

function socketInode(path: string): string | null {
	try {
		return /^socket:\[(\d+)\]$/.exec(readlinkSync(path))?.[1] ?? null;
	} catch {
		return null;
	}
}

/** By inode, all that the process's network namespace has. */
function socketsSeenBy(pid: number): ReadonlyMap<string, NamespaceSocket> {
	const sockets = new Map<string, NamespaceSocket>();
	for (const [file, family, transport] of [
		["tcp", AF_INET, "tcp"],
		["tcp6", AF_INET6, "tcp"],
		["udp", AF_INET, "udp"],
		["udp6", AF_INET6, "udp"],
	] as const)
		for (const line of linesOf(`/proc/${pid}/net/${file}`)) addInet(sockets, line, family, transport);
	for (const line of linesOf(`/proc/${pid}/net/unix`)) addUnix(sockets, line);
	return sockets;
}

/** `0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 …` */
export function addInet(
	sockets: Map<string, NamespaceSocket>,
	line: string,
	family: number,
	transport: "tcp" | "udp",
): void {
	const [, local, remote, state, , , , , , inode] = line.trim().split(/\s+/);
	if (local === undefined || remote === undefined || state === undefined || inode === undefined) return;
	// what has no process any more has no inode either
	if (inode === "0") return;
	const peer = endpointOf(remote, family);
	const isAlone = peer.port === 0;
	const number = Number.parseInt(state, 16);
	sockets.set(inode, {
		transport,
		state: transport === "tcp" ? (TCP_STATES[number] ?? "unknown") : isAlone ? "unconnected" : "connected",
		local: endpointOf(local, family),
		remote: isAlone ? null : peer,
	});
}

/** `0000000000000000: 00000002 00000000 00010000 0001 01 23456 /run/some.sock` */
export function addUnix(sockets: Map<string, NamespaceSocket>, line: string): void {
	const [, , , flags, type, state, inode, ...path] = line.trim().split(/\s+/);
	if (flags === undefined || type === undefined || state === undefined || inode === undefined) return;
	const isListening = (Number.parseInt(flags, 16) & UNIX_LISTENING) !== 0;
	const isConnected = Number.parseInt(state, 16) === UNIX_CONNECTED;
	// datagrams pass without a connection, and are not looked at
	if (Number.parseInt(type, 16) !== 1) return;
	sockets.set(inode, {
		transport: "unix",
		state: isListening ? "listening" : isConnected ? "established" : "unconnected",
		local: { address: path.join(" "), port: 0 },
		remote: null,
	});
}

/** Words of the address as the kernel has them in memory, written as numbers of this machine. */
function endpointOf(text: string, family: number): Endpoint {
	const [address = "", port = ""] = text.split(":");
	const bytes = Buffer.from(address, "hex");
	if (bytes.length % 4 === 0) bytes.swap32();
	return { address: bytes.length < 4 ? "" : addressText(family, bytes, 0), port: Number.parseInt(port, 16) };
}

function linesOf(path: string): string[] {
	try {
		return readFileSync(path, "latin1").split("\n").slice(1);
	} catch {
		return [];
	}
}
