import { readdirSync, readFileSync } from "node:fs";
import { PolytapError } from "../../../core/index.js";
import { examine } from "./target.js";

/** What can be said about one process from outside, for `polytap doctor --pid`. */
export interface JvmStatus {
	/** Its runtime's folder, for people; null: it is no JVM that an agent can be loaded into, or may not be looked at. */
	readonly runtime: string | null;
	/** The agent's threads are there. */
	readonly hasAgent: boolean;
	/** Why the agent cannot be loaded into it while it runs; null: it can. */
	readonly refusal: string | null;
	/** What to do, where something is to do. */
	readonly hint: string | null;
}

/** Null where the process is no JVM, or may not be looked at. Looks, and changes nothing. */
export function jvmStatus(pid: number): JvmStatus | null {
	const maps = read(`/proc/${pid}/maps`);
	if (maps === null || !/\/lib(jvm|j9vm\d*)\.so$/m.test(maps)) return null;
	const hasAgent = threadsOf(pid).includes("polytap-agent");
	try {
		const { version } = examine(pid);
		const hint = hasAgent ? null : `polytap java attach ${pid}`;
		return { runtime: version, hasAgent, refusal: null, hint };
	} catch (error) {
		if (!(error instanceof PolytapError)) throw error;
		return { runtime: null, hasAgent, refusal: error.message, hint: hasAgent ? null : error.hint };
	}
}

/** The JVM gives its threads' names to the kernel, which keeps 15 bytes of each. */
function threadsOf(pid: number): string[] {
	try {
		return readdirSync(`/proc/${pid}/task`).map((task) => (read(`/proc/${pid}/task/${task}/comm`) ?? "").trim());
	} catch {
		return [];
	}
}

function read(path: string): string | null {
	try {
		return readFileSync(path, "latin1");
	} catch {
		return null;
	}
}
