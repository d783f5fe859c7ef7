import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { basename } from "node:path";

/** A file whose code a process may run. */
export interface MappedFile {
	/** Equal for the same file in whatever mount namespace: device and inode. */
	readonly key: string;
	/** By which we can open it, through the process's own root. */
	readonly path: string;
	readonly name: string;
}

/** `7f1c0000-7f1c1000 r-xp 00024000 08:01 1234  /usr/lib/x86_64-linux-gnu/libssl.so.3` */
const EXECUTABLE = /^(\S+) ..x. \S+ (\S+) (\d+)\s+(\/.*)$/;
const DELETED = " (deleted)";

/** Every process that /proc shows. */
export function processIds(): number[] {
	return readdirSync("/proc")
		.filter((name) => /^\d+$/.test(name))
		.map(Number);
}

/** The program of a process and what of `isWanted` it has loaded. Empty where it is gone, or not ours to look at. */
export function mappedFiles(pid: number, isWanted: (name: string) => boolean): MappedFile[] {
	const files = new Map<string, MappedFile>();
	let maps: string;
	let program: string;
	try {
		program = readlinkSync(`/proc/${pid}/exe`);
		maps = readFileSync(`/proc/${pid}/maps`, "latin1");
	} catch {
		return [];
	}
	for (const line of maps.split("\n")) {
		const fields = EXECUTABLE.exec(line);
		if (fields === null) continue;
		const [, range = "", device = "", inode = "", shown = ""] = fields;
		if (inode === "0") continue;
		const key = `${device} ${inode}`;
		if (files.has(key)) continue;
		const isDeleted = shown.endsWith(DELETED);
		const name = basename(isDeleted ? shown.slice(0, -DELETED.length) : shown);
		if (shown !== program && !isWanted(name)) continue;
		// another file may have its name by now: an upgrade replaces what runs
		const path = isDeleted ? `/proc/${pid}/map_files/${range}` : `/proc/${pid}/root${shown}`;
		files.set(key, { key, path, name });
	}
	return [...files.values()];
}

/** The same for a file that nobody has loaded yet; null where there is none. */
export function fileAt(path: string): MappedFile | null {
	try {
		const { dev, ino } = statSync(path, { bigint: true });
		const major = (dev >> 8n) & 0xfffn;
		const minor = (dev & 0xffn) | ((dev >> 12n) & 0xfff00n);
		const hex = (value: bigint): string => value.toString(16).padStart(2, "0");
		return { key: `${hex(major)}:${hex(minor)} ${ino}`, path, name: basename(path) };
	} catch {
		return null;
	}
}

/** A file's path as its own process has it, without the way that we reach it by. */
export function pathInOwnRoot(path: string): string {
	return path.replace(/^\/proc\/\d+\/root/, "");
}
