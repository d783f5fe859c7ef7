import { AssertionError } from "node:assert";
import { type Clause, CONTRACT } from "./contract.js";

/** A plugin broke its contract. An `AssertionError`, so that every test runner shows it as a failed assertion. */
export class ContractBreach extends AssertionError {
	/** The plugin: `parser http/1.1`. */
	readonly plugin: string;
	/** The key of the sentence in `CONTRACT`. */
	readonly clause: Clause;
	/** The sentence of `core/plugin.ts` or `core/events.ts`. */
	readonly sentence: string;
	/** What happened. */
	readonly what: string;
	/** In which input, or at which step. */
	readonly where: string;

	constructor(plugin: string, clause: Clause, what: string, where: string, cause?: unknown) {
		const sentence = CONTRACT[clause];
		super({ message: `${plugin}: ${what}\n  in: ${where}\n  the contract says: “${sentence}”`, operator: "contract" });
		this.plugin = plugin;
		this.clause = clause;
		this.sentence = sentence;
		this.what = what;
		this.where = where;
		if (cause !== undefined) this.cause = cause;
	}
}

export function messageOf(error: unknown): string {
	return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
