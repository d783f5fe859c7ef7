/**
 * Who is at the other end of a leg, where that end is a socket of this network namespace: the kernel's table of TCP sockets
 * tells its inode, and /proc/PID/fd which process has it. Where several have it, or none, nobody is named.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type CaptureEvent, type Endpoint, Processes, type ProcessIdentity } from "../../core/index.js";
import { addressBytes } from "./proxy-protocol.js";

/** Connections whose ends are looked for at once; of what comes beyond that nobody is named. */
const MOST_WANTED = 4096;
/** A server may take a while to accept. */
const MOST_TRIES = 20;
/** Looks take at most this share of the time, and what was not used of it for a while may be used at once. */
const SHARE = 0.05;
const MOST_CREDIT_MS = 250;
const RETRY_MS = 100;
/** Longer tables are another machine's problem: nobody is named. */
const MOST_TABLE_BYTES = 16 << 20;

interface Wanted {
	readonly conn: number;
	/** Which end of the connection is looked for. */
	readonly end: "client" | "server";
	/** As the tables write the socket: its own address, then the other one's. */
	readonly keys: readonly string[];
	tries: number;
}

export class SocketOwners {
	readonly counts = { found: 0, unknown: 0 };
	readonly #wanted = new Map<number, Wanted>();
	readonly #processes = new Processes();
	#hasNew = false;
	/** Time that may be spent on looking. */
	#creditMs = MOST_CREDIT_MS;
	#creditedMs = performance.now();
	/** No look before that for what was looked for in vain. */
	#retryMs = 0;

	want(
		conn: number,
		leg: "downstream" | "upstream",
		ends: { readonly client: Endpoint; readonly server: Endpoint },
	): void {
		if (this.#wanted.size >= MOST_WANTED) {
			this.counts.unknown++;
			return;
		}
		const { client, server } = ends;
		const end = leg === "downstream" ? "client" : "server";
		const keys = end === "client" ? keysOf(client, server) : keysOf(server, client);
		this.#wanted.set(conn, { conn, end, keys, tries: 0 });
		this.#hasNew = true;
	}

	forget(conn: number): void {
		if (this.#wanted.delete(conn)) this.counts.unknown++;
	}

	/** One of those that were looked for in vain has shown that it is there. */
	spoke(conns: readonly number[]): void {
		for (const conn of conns) if (this.#wanted.has(conn)) this.#hasNew = true;
	}

	/** Adds what is known by now to the batch. Takes a bounded share of the time; does nothing where it has had that. */
	look(batch: CaptureEvent[], nowMs: number): void {
		if (this.#wanted.size === 0 || !(this.#hasNew || nowMs >= this.#retryMs)) return;
		this.#creditMs = Math.min(MOST_CREDIT_MS, this.#creditMs + (nowMs - this.#creditedMs) * SHARE);
		this.#creditedMs = nowMs;
		if (this.#creditMs <= 0) return;
		this.#hasNew = false;
		const inodes = this.#inodes();
		const owners = this.#owners(new Set(inodes.values()));
		for (const wanted of [...this.#wanted.values()]) {
			const inode = inodes.get(wanted.conn);
			const process = inode === undefined ? null : (owners.get(inode) ?? null);
			if (process !== null) this.#found(wanted, process, batch);
			else if (++wanted.tries >= MOST_TRIES) this.forget(wanted.conn);
		}
		this.#creditMs -= performance.now() - nowMs;
		this.#retryMs = nowMs + RETRY_MS;
	}

	#found({ conn, end }: Wanted, process: ProcessIdentity, batch: CaptureEvent[]): void {
		this.#wanted.delete(conn);
		this.counts.found++;
		const client = end === "client" ? process : null;
		batch.push({ kind: "identify", conn, client, server: end === "server" ? process : null, tls: null });
	}

	/** By connection. */
	#inodes(): Map<number, string> {
		const byKey = new Map<string, number>();
		for (const { keys, conn } of this.#wanted.values()) for (const key of keys) byKey.set(key, conn);
		const found = new Map<number, string>();
		for (const file of ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"])
			for (const line of linesOf(file)) {
				// `sl: local remote state queues timer retransmits uid timeout inode`
				const from = line.indexOf(":") + 2;
				const end = line.indexOf(" ", line.indexOf(" ", from) + 1);
				const conn = byKey.get(line.slice(from, end));
				if (conn === undefined) continue;
				const inode = line.slice(end).trim().split(/\s+/, 7)[6];
				if (inode !== undefined && inode !== "0") found.set(conn, inode);
			}
		return found;
	}

	#owners(inodes: ReadonlySet<string>): Map<string, ProcessIdentity> {
		const pids = new Map<string, number>();
		if (inodes.size === 0) return new Map();
		// all of them: a socket that two processes have is nobody's
		const all = readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
		const netns = namespaceOf("self");
		for (const pid of all) if (namespaceOf(pid) === netns) collect(pid, inodes, pids);
		const owners = new Map<string, ProcessIdentity>();
		for (const [inode, pid] of pids) {
			const identity = pid === SEVERAL ? null : this.#processes.of(pid);
			if (identity !== null) owners.set(inode, identity);
		}
		return owners;
	}
}

const SEVERAL = -1;

function namespaceOf(pid: number | "self"): string | null {
	try {
		return readlinkSync(`/proc/${pid}/ns/net`);
	} catch {
		return null;
	}
}

/** Which of the sockets this process has. */
function collect(pid: number, inodes: ReadonlySet<string>, pids: Map<string, number>): void {
	let names: readonly string[];
	try {
		names = readdirSync(`/proc/${pid}/fd`);
	} catch {
		// it ended, or is none of ours to look into
		return;
	}
	for (const name of names) {
		let target: string;
		try {
			target = readlinkSync(`/proc/${pid}/fd/${name}`);
		} catch {
			continue;
		}
		if (!target.startsWith("socket:[")) continue;
		const inode = target.slice(8, -1);
		if (!inodes.has(inode)) continue;
		const before = pids.get(inode);
		pids.set(inode, before === undefined || before === pid ? pid : SEVERAL);
	}
}

function linesOf(file: string): readonly string[] {
	try {
		const text = readFileSync(file, "latin1");
		return text.length > MOST_TABLE_BYTES ? [] : text.split("\n");
	} catch {
		return [];
	}
}

/** An IPv4 connection may be that of an IPv6 socket. */
function keysOf(own: Endpoint, other: Endpoint): readonly string[] {
	const isIpv4 = !own.address.includes(":") && !other.address.includes(":");
	const key = `${tableForm(own)} ${tableForm(other)}`;
	return isIpv4 ? [key, `${tableForm(own, MAPPED)} ${tableForm(other, MAPPED)}`] : [key];
}

const MAPPED = "0000000000000000FFFF0000";

/** 32-bit words of the address as this machine, which has their low byte first, reads them. */
function tableForm({ address, port }: Endpoint, before = ""): string {
	const bytes = addressBytes(address);
	let text = before;
	for (let at = 0; at < bytes.length; at += 4) text += bytes.readUInt32LE(at).toString(16).padStart(8, "0");
	return `${text}:${port.toString(16).padStart(4, "0")}`.toUpperCase();
}
