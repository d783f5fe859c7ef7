import { readFileSync, readlinkSync } from "node:fs";
import type { ProcessIdentity } from "../events.js";

/** Identities that are remembered; the oldest go first. */
const MAX_PROCESSES = 4096;
/** How long an identity is believed before its start time is looked at again. */
const TRUST_MS = 1000;

interface Known {
	readonly identity: ProcessIdentity;
	readonly startTime: string;
	checkedMs: number;
}

/** Who a process is, from /proc: read once for each connection at the most, never for a record. */
export class Processes {
	readonly #known = new Map<number, Known>();

	/** Null where the process is gone or /proc does not show it. */
	of(pid: number): ProcessIdentity | null {
		if (pid <= 0) return null;
		const known = this.#known.get(pid);
		const nowMs = Date.now();
		if (known !== undefined && nowMs - known.checkedMs < TRUST_MS) return known.identity;
		const stat = readText(`/proc/${pid}/stat`);
		if (stat === null) return known?.identity ?? null;
		const startTime = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
		if (known !== undefined && known.startTime === startTime) {
			known.checkedMs = nowMs;
			return known.identity;
		}
		const identity: ProcessIdentity = {
			pid,
			name: stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")")),
			executable: readLink(`/proc/${pid}/exe`),
			cgroup: cgroupOf(pid),
			container: null,
			pod: null,
		};
		this.#known.delete(pid);
		this.#known.set(pid, { identity, startTime, checkedMs: nowMs });
		if (this.#known.size > MAX_PROCESSES) {
			const oldest = this.#known.keys().next().value;
			if (oldest !== undefined) this.#known.delete(oldest);
		}
		return identity;
	}
}

function cgroupOf(pid: number): string | null {
	const line = readText(`/proc/${pid}/cgroup`)
		?.split("\n")
		.find((each) => each.startsWith("0::"));
	return line?.slice(3) ?? null;
}

function readText(path: string): string | null {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return null;
	}
}

function readLink(path: string): string | null {
	try {
		return readlinkSync(path);
	} catch {
		return null;
	}
}
