import { readdirSync, readlinkSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { isMainThread } from "node:worker_threads";

/** What is open in this thread: timers, sockets, files. */
export interface Resources {
	readonly active: ReadonlyMap<string, number>;
	readonly files: ReadonlyMap<string, number>;
}

/** What test runners have of their own. */
const IGNORED = new Set(["MessagePort", "PipeWrap", "TTYWrap", "Immediate", "FSReqPromise", "FSReqCallback"]);
const PATIENCE_MS = 1000;

/** `paths`: in a worker thread only files that begin with one of them count, because other threads open files as well. */
export function resources(paths: readonly string[]): Resources {
	const active = new Map<string, number>();
	for (const name of process.getActiveResourcesInfo())
		if (!IGNORED.has(name)) active.set(name, (active.get(name) ?? 0) + 1);
	const files = new Map<string, number>();
	for (const fd of readdirSync("/proc/self/fd")) {
		let target: string;
		try {
			target = readlinkSync(`/proc/self/fd/${fd}`);
		} catch {
			continue;
		}
		const isOurs = isMainThread ? target.startsWith("/") : paths.some((path) => target.startsWith(path));
		if (isOurs && !target.startsWith("/dev/") && !target.startsWith("/proc/"))
			files.set(target, (files.get(target) ?? 0) + 1);
	}
	return { active, files };
}

/** What is open that was not open before, after a second at the most for what is about to go; null: nothing. */
export async function leftovers(before: Resources, paths: readonly string[]): Promise<string | null> {
	for (const until = performance.now() + PATIENCE_MS; ; await delay(20)) {
		const now = resources(paths);
		const more = [...added(before.active, now.active), ...added(before.files, now.files)];
		if (more.length === 0) return null;
		if (performance.now() > until) return more.join(", ");
	}
}

function added(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): string[] {
	return [...now].filter(([name, count]) => count > (before.get(name) ?? 0)).map(([name]) => name);
}

/** Every absolute path in a config. */
export function pathsIn(config: unknown): string[] {
	if (typeof config === "string") return config.startsWith("/") ? [config] : [];
	return typeof config === "object" && config !== null ? Object.values(config).flatMap(pathsIn) : [];
}
