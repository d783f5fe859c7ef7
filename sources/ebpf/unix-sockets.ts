import { readFileSync } from "node:fs";
import type { Endpoint } from "../../core/index.js";
import { asPort, cookieAt } from "./cookie.js";
import * as layout from "./record-layout.js";
import type { RecordMemory } from "./ring.js";

export const AF_UNIX = 1;
const TWO_32 = 2 ** 32;
/** Between two looks for sockets that are gone. */
const LOOK_MS = 5_000;
/** The same while the other end of one has said its last word. */
const LOOK_SOON_MS = 250;

/** Both ends of the record at `at`, own first: the server's has the path, and both have their sockets' cookies for a port. */
export function unixEnds({ words, bytes }: RecordMemory, at: number, isServer: boolean): [Endpoint, Endpoint] {
	const isOpen = bytes[at + layout.RECORD_KIND] === layout.RECORD_OPEN;
	const length = isOpen ? words[(at + layout.RECORD_LENGTH) >>> 2]! : 0;
	const path = pathText(bytes.subarray(at + layout.UNIX_OPEN_PATH, at + layout.UNIX_OPEN_PATH + length));
	const own = asPort(cookieAt(words, at + layout.RECORD_COOKIE));
	const other = asPort(cookieAt(words, at + layout.RECORD_REMOTE));
	return [
		{ address: isServer ? path : "", port: own },
		{ address: isServer ? "" : path, port: other },
	];
}

/** As people write it: an abstract name with `@` for its first byte. */
export function pathText(bytes: Uint8Array): string {
	if (bytes.length === 0) return "";
	const isAbstract = bytes[0] === 0;
	// some pad abstract names with zeros
	const end = bytes.indexOf(0, 1);
	const name = Buffer.from(bytes.subarray(isAbstract ? 1 : 0, end < 0 ? bytes.length : end)).toString("utf8");
	return isAbstract ? `@${name}` : name;
}

interface Known {
	readonly inode: number;
	readonly pid: number;
	readonly netns: number;
}

/** Unix sockets whose bytes are told, and which of them are gone: the kernel tells nobody when one ends. */
export class UnixSockets {
	readonly #open = new Map<number, Known>();
	#isEnding = false;
	#lookedMs = 0;

	get count(): number {
		return this.#open.size;
	}

	/** From its open record at `at`. */
	opened({ words }: RecordMemory, at: number): void {
		this.#open.set(cookieAt(words, at + layout.RECORD_COOKIE), {
			inode: number64(words, at + layout.RECORD_OFFSET),
			pid: words[(at + layout.RECORD_PID) >>> 2]!,
			netns: words[(at + layout.RECORD_NETNS) >>> 2]!,
		});
	}

	/** Some socket's other end will say nothing more. */
	ending(): void {
		this.#isEnding = true;
	}

	/** Cookies of those that nobody holds any more, each told once. Looks now and then only. */
	gone(nowMs: number): number[] {
		if (this.#open.size === 0) return NOBODY;
		if (nowMs - this.#lookedMs < (this.#isEnding ? LOOK_SOON_MS : LOOK_MS)) return NOBODY;
		this.#lookedMs = nowMs;
		const seen = new Map<number, ReadonlySet<number> | null>();
		const gone: number[] = [];
		for (const [cookie, { inode, pid, netns }] of this.#open) {
			if (!seen.get(netns)) seen.set(netns, inodesSeenBy(pid));
			// a namespace of which no process is left to ask is gone as well, as far as we can know
			if (seen.get(netns)?.has(inode) === true) continue;
			gone.push(cookie);
			this.#open.delete(cookie);
		}
		this.#isEnding &&= this.#open.size > 0 && gone.length === 0;
		return gone;
	}
}

const NOBODY: number[] = [];

/** Null: there is no such process. */
function inodesSeenBy(pid: number): ReadonlySet<number> | null {
	let text: string;
	try {
		text = readFileSync(`/proc/${pid}/net/unix`, "latin1");
	} catch {
		return null;
	}
	const inodes = new Set<number>();
	for (const line of text.split("\n").slice(1)) {
		const inode = Number(line.trim().split(/\s+/, 7)[6]);
		if (inode > 0) inodes.add(inode);
	}
	return inodes;
}

function number64(words: Uint32Array, at: number): number {
	return words[at >>> 2]! + words[(at >>> 2) + 1]! * TWO_32;
}
