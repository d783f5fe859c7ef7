/** Numbers for all plugins of a run, by which the pulse names them. A number is never given twice. */
import type { Config } from "../config/schema.js";
import type { PluginModules } from "./plugins.js";

export interface RosterEntry {
	readonly kind: "source" | "parser" | "sink";
	/** In the config; the protocol of a parser. */
	readonly name: string;
}

export class Roster {
	/** Plain data: number 1 is the first. Only ever longer. */
	readonly entries: RosterEntry[];

	constructor(entries: readonly RosterEntry[] = []) {
		this.entries = [...entries];
	}

	/** Adds what is new. */
	enrol(plugins: PluginModules, config: Pick<Config, "sources" | "sinks">): void {
		for (const { name } of plugins.parsers) this.add("parser", name);
		for (const { name } of config.sources) this.add("source", name);
		for (const { name } of config.sinks) this.add("sink", name);
	}

	/** 0 where it is not enrolled. */
	numberOf(kind: RosterEntry["kind"], name: string): number {
		return this.entries.findIndex((one) => one.kind === kind && one.name === name) + 1;
	}

	/** Null for 0: nobody. */
	at(number: number): RosterEntry | null {
		return this.entries[number - 1] ?? null;
	}

	private add(kind: RosterEntry["kind"], name: string): void {
		if (this.numberOf(kind, name) === 0) this.entries.push({ kind, name });
	}
}
