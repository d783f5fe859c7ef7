import { readFileSync, statSync } from "node:fs";
import { PolytapError } from "../../../core/index.js";

/** Bit of SIGQUIT in a signal mask of /proc. */
const SIGQUIT_MASK = 4n;

/** A JVM as /proc shows it. */
export interface Target {
	readonly pid: number;
	/** In its own pid namespace: the number in the names of its files. */
	readonly ownPid: number;
	readonly uid: number;
	readonly gid: number;
	/** Its root folder as we see it. */
	readonly root: string;
	/** What its runtime calls itself in a path, for people. */
	readonly version: string;
}

/**
 * Looks whether the process is a HotSpot JVM that listens for SIGQUIT. One that does not would die of it: with `-Xrs` the
 * signal keeps its default. Rejects with JAVA_ATTACH_REFUSED; nothing is done to the process.
 */
export function examine(pid: number): Target {
	const status = read(pid, "status");
	if (status === null) throw refused(pid, "there is no such process, or it is not ours to see");
	const maps = read(pid, "maps");
	if (maps === null) throw refused(pid, "it belongs to another user", "run as root, or as the user of the JVM");
	const library = /\s(\/\S*\/(libjvm|libj9vm\d*)\.so)/.exec(maps);
	if (library === null) throw refused(pid, "it is no JVM");
	if (library[2] !== "libjvm")
		throw refused(pid, "it is an OpenJ9 JVM, which is attached to in another way", "start it with -javaagent");
	if ((BigInt(`0x${field(status, "SigCgt") || "0"}`) & SIGQUIT_MASK) === 0n)
		throw refused(
			pid,
			"it does not handle SIGQUIT (-Xrs, or it is still starting), and would die of being asked",
			"start it with -javaagent",
		);
	const told = `${read(pid, "cmdline") ?? ""}\0${read(pid, "environ") ?? ""}`;
	if (told.includes("-XX:+DisableAttachMechanism"))
		throw refused(pid, "it was started with -XX:+DisableAttachMechanism", "start it with -javaagent");
	const ownPid = Number(field(status, "NSpid").split(/\s+/).at(-1) || pid);
	const effective = (name: string) => Number(field(status, name).split(/\s+/)[1]);
	const [uid, gid] = [effective("Uid"), effective("Gid")];
	const mine = process.geteuid?.() ?? -1;
	if (mine !== 0 && mine !== uid)
		throw refused(pid, `it runs as user ${uid}`, "run as root, or as the user of the JVM");
	const version = library[1]!.replace(/\/lib\/.*$/, "").replace(/^.*\//, "");
	return { pid, ownPid, uid, gid, root: `/proc/${pid}/root`, version };
}

/** True where the JVM's file at `path` is ours. */
export function isSameFile({ root }: Target, path: string): boolean {
	try {
		const [own, theirs] = [statSync(path), statSync(`${root}${path}`)];
		return own.ino === theirs.ino && own.dev === theirs.dev;
	} catch {
		return false;
	}
}

export function refused(pid: number, why: string, hint: string | null = null): PolytapError {
	return new PolytapError("JAVA_ATTACH_REFUSED", `process ${pid}: ${why}`, hint);
}

function read(pid: number, name: string): string | null {
	try {
		return readFileSync(`/proc/${pid}/${name}`, "latin1");
	} catch {
		return null;
	}
}

function field(status: string, name: string): string {
	return new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1]?.trim() ?? "";
}
