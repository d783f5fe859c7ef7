import { readFileSync, readlinkSync, statSync } from "node:fs";
import type { ProcessIdentity } from "../events.js";
import { type CgroupFacts, cgroupFacts } from "./cgroup-path.js";

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
			...belongingOf(readText(`/proc/${pid}/cgroup`)),
			uid: ownerOf(pid),
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

type Belonging = Pick<ProcessIdentity, "cgroup" | "container" | "pod" | "runtime" | "unit">;

/** By /proc/PID/cgroup; where version 2 does not tell of a container a hierarchy of version 1 may. */
export function belongingOf(text: string | null): Belonging {
	const paths = (text ?? "").split("\n").flatMap((line) => {
		const [, hierarchy, path] = /^(\d+):[^:]*:(.*)$/.exec(line) ?? [];
		return path === undefined ? [] : [{ isVersion2: hierarchy === "0", path }];
	});
	const own = paths.find(({ isVersion2 }) => isVersion2)?.path ?? null;
	const candidates = [...(own === null ? [] : [own]), ...paths.map(({ path }) => path)].map(cgroupFacts);
	const known: CgroupFacts | undefined =
		candidates.find(({ container }) => container !== null) ?? candidates.find(({ unit }) => unit !== null);
	return {
		cgroup: own,
		container: known?.container ?? null,
		pod: known?.podUid ?? null,
		runtime: known?.runtime ?? null,
		unit: known?.unit ?? null,
	};
}

/** Who owns the folder of a process is who it runs as; of one that may not be looked at it is root. */
function ownerOf(pid: number): number | null {
	try {
		return statSync(`/proc/${pid}`).uid;
	} catch {
		return null;
	}
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
