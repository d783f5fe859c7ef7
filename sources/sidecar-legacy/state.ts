import type { SidecarMemory } from "./shared.js";

/** What the host half gives every worker. */
export interface SidecarHostState {
	readonly memory: SidecarMemory;
	readonly legs: "both" | "downstream" | "upstream";
	/** Network namespace of the relay, an inode number. */
	readonly netns: number;
	/** Eight hexadecimal digits that tell the hops of this run from those of others. */
	readonly run: string;
	/** Where it listens in fact, as `ADDRESS:PORT`. */
	readonly listening: readonly string[];
}
