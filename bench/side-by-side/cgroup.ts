import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pause } from "../../test/e2e/support/program.js";
import type { Scope } from "../../test/e2e/support/scope.js";

const PREFIX = "polytap-bench-";

/** What a group of processes used of the machine. */
export interface GroupUse {
	readonly processes: number;
	readonly rssBytes: number;
	/** Shared pages divided by those who share them. */
	readonly pssBytes: number;
	/** Since each process began, voluntary or not. */
	readonly contextSwitches: number;
}

/**
 * A control group (version 2) with nothing but accounts: what is started `inside` it, and its children, have their processor
 * time counted exactly, ended ones too.
 */
export class Cgroup {
	private readonly path: string;
	private readonly outside: string;

	private constructor(path: string, outside: string) {
		this.path = path;
		this.outside = outside;
	}

	/** Removed at the end of the scope, when everything in it is gone. Throws where no cgroup2 is mounted. */
	static make(scope: Scope, name: string): Cgroup {
		const mount = /^\S+ (\S+) cgroup2 /m.exec(readFileSync("/proc/mounts", "latin1"))?.[1];
		if (mount === undefined) throw new Error("cgroup2 is not mounted: mount -t cgroup2 none /sys/fs/cgroup/unified");
		const own = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "latin1"))?.[1] ?? "/";
		removeLeftovers(mount);
		const path = join(mount, `${PREFIX}${process.pid}-${name}`);
		mkdirSync(path);
		scope.defer(() => removeSoon(path));
		return new Cgroup(path, join(mount, own, "cgroup.procs"));
	}

	/** Programs that `start` starts are born in the group. One at a time. */
	async inside<T>(start: () => Promise<T>): Promise<T> {
		writeFileSync(join(this.path, "cgroup.procs"), String(process.pid));
		try {
			return await start();
		} finally {
			writeFileSync(this.outside, String(process.pid));
		}
	}

	cpuUs(): number {
		const stat = readFileSync(join(this.path, "cpu.stat"), "latin1");
		return Number(/^usage_usec (\d+)/m.exec(stat)?.[1]);
	}

	pids(): readonly number[] {
		return readFileSync(join(this.path, "cgroup.procs"), "latin1").split("\n").filter(Boolean).map(Number);
	}

	use(): GroupUse {
		const use = { processes: 0, rssBytes: 0, pssBytes: 0, contextSwitches: 0 };
		for (const pid of this.pids()) {
			// a server's helpers, as of PostgreSQL, may end while they are looked at
			const rollup = read(`/proc/${pid}/smaps_rollup`);
			if (rollup === null) continue;
			use.processes++;
			use.rssBytes += kib(rollup, "Rss") * 1024;
			use.pssBytes += kib(rollup, "Pss") * 1024;
			for (const task of tasksOf(pid)) {
				const status = read(`/proc/${pid}/task/${task}/status`) ?? "";
				for (const [, count] of status.matchAll(/^(?:non)?voluntary_ctxt_switches:\s+(\d+)$/gm))
					use.contextSwitches += Number(count);
			}
		}
		return use;
	}
}

/** Of runs that were killed: what they had started has died with them. */
function removeLeftovers(mount: string): void {
	for (const name of readdirSync(mount)) {
		const pid = name.startsWith(PREFIX) ? Number.parseInt(name.slice(PREFIX.length), 10) : Number.NaN;
		if (!(pid > 0) || existsSync(`/proc/${pid}`)) continue;
		try {
			rmdirSync(join(mount, name));
		} catch {
			// something lives in it, which is not ours to end
		}
	}
}

/** Null where the process is gone. */
function read(path: string): string | null {
	try {
		return readFileSync(path, "latin1");
	} catch {
		return null;
	}
}

function tasksOf(pid: number): readonly string[] {
	try {
		return readdirSync(`/proc/${pid}/task`);
	} catch {
		return [];
	}
}

function kib(rollup: string, name: string): number {
	return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1] ?? 0);
}

/** A process that has just ended is in its group for a moment longer. */
async function removeSoon(path: string): Promise<void> {
	for (let tries = 0; ; tries++) {
		try {
			rmdirSync(path);
			return;
		} catch (error) {
			if (tries >= 100) throw error;
			await pause(20);
		}
	}
}
