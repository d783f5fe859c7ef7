import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

/** Linux counts processor time of a process in hundredths of a second. */
const TICK_US = 10_000;

/** Processor time of a process since its start, all threads, ended ones too. Microseconds, in steps of 10,000. */
export function cpuUs(pid: number): number {
	const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
	// The second field is a name in parentheses that may hold anything.
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

function threadsOf(pid: number): string[] {
	try {
		return readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`);
	} catch {
		return [];
	}
}

/** It runs, or would if there were a processor for it. One that has ended does not. */
function isBusy(thread: string): boolean {
	try {
		const stat = readFileSync(`${thread}/stat`, "latin1");
		const state = stat[stat.lastIndexOf(")") + 2];
		return state === "R" || state === "D";
	} catch {
		return false;
	}
}

/** True where one of its threads runs, or would if there were a processor for it. */
export function isRunnable(pid: number): boolean {
	return threadsOf(pid).some(isBusy);
}

function threadsBelow(pid: number): string[] {
	return threadsOf(pid).flatMap((thread) => {
		let children = "";
		try {
			children = readFileSync(`${thread}/children`, "latin1");
		} catch {
			// it ended meanwhile
		}
		const pids = children.split(" ").filter((child) => child !== "");
		return pids.map(Number).flatMap((child) => [...threadsOf(child), ...threadsBelow(child)]);
	});
}

/**
 * Resolves when each thread of what this process has started has slept once from now on, or ended. On a busy machine a client has
 * its answer while the server's thread still waits for a processor inside the call that sent it: it is captured as that returns.
 */
export async function callsReturned(timeoutMs = 30_000): Promise<void> {
	const deadline = Date.now() + timeoutMs;
	for (let left = threadsBelow(process.pid).filter(isBusy); left.length > 0 && Date.now() < deadline; ) {
		await pause(5);
		left = left.filter(isBusy);
	}
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
