import { ContractBreach } from "../breach.js";
import type { Clause } from "../contract.js";

/** The first breach of a run: the engine catches what a parser throws, so it is kept here and told when the run is over. */
export class Findings {
	readonly plugin: string;
	/** What is being done with the parser. */
	where = "";
	breach: ContractBreach | null = null;

	constructor(plugin: string) {
		this.plugin = plugin;
	}

	report(clause: Clause, what: string, cause?: unknown): void {
		this.breach ??= new ContractBreach(this.plugin, clause, what, this.where, cause);
	}

	/** Throws the first breach. */
	settle(): void {
		if (this.breach !== null) throw this.breach;
	}
}
