import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pause } from "../../test/e2e/support/program.js";
import type { Scope } from "../../test/e2e/support/scope.js";

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
		const path = join(mount, `polytap-bench-${process.pid}-${name}`);
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
		const pids = this.pids();
		let rssBytes = 0;
		let pssBytes = 0;
		let contextSwitches = 0;
		for (const pid of pids) {
			const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
			rssBytes += kib(rollup, "Rss") * 1024;
			pssBytes += kib(rollup, "Pss") * 1024;
			for (const task of readdirSync(`/proc/${pid}/task`)) {
				const status = readFileSync(`/proc/${pid}/task/${task}/status`, "latin1");
				for (const [, count] of status.matchAll(/^(?:non)?voluntary_ctxt_switches:\s+(\d+)$/gm))
					contextSwitches += Number(count);
			}
		}
		return { processes: pids.length, rssBytes, pssBytes, contextSwitches };
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
