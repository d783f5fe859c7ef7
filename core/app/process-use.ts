/** What polytap itself costs: of the whole process, all threads together. */
import { readdirSync } from "node:fs";

export interface ProcessUse {
	readonly cpuMs: number;
	readonly residentBytes: number;
	/** Null where /proc does not tell. */
	readonly openFiles: number | null;
}

export function processUse(): ProcessUse {
	const { user, system } = process.cpuUsage();
	return {
		cpuMs: Math.round((user + system) / 1000),
		residentBytes: process.memoryUsage.rss(),
		openFiles: openFiles(),
	};
}

function openFiles(): number | null {
	try {
		return readdirSync("/proc/self/fd").length;
	} catch {
		return null;
	}
}
