import { readdirSync, readFileSync } from "node:fs";

/** Linux counts processor time of a process in hundredths of a second. */
const TICK_US = 10_000;

/** Processor time of a process since its start, all threads, ended ones too. Microseconds, in steps of 10,000. */
export function cpuUs(pid: number): number {
	const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
	// The second field is a name in parentheses that may hold anything.
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/** True where one of its threads runs, or would if there were a processor for it. */
export function isRunnable(pid: number): boolean {
	for (const thread of readdirSync(`/proc/${pid}/task`)) {
		try {
			const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "latin1");
			const state = stat[stat.lastIndexOf(")") + 2];
			if (state === "R" || state === "D") return true;
		} catch {
			// It ended meanwhile.
		}
	}
	return false;
}

export interface MemoryUse {
	readonly rssBytes: number;
	readonly peakRssBytes: number;
}

export function memoryUse(pid: number): MemoryUse {
	const status = readFileSync(`/proc/${pid}/status`, "latin1");
	const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? Number.NaN);
	return { rssBytes: kib("VmRSS") * 1024, peakRssBytes: kib("VmHWM") * 1024 };
}
