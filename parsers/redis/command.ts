import type { CommandFacts } from "./commands.js";
import type { Hiding } from "./secrets.js";

/** What MULTI began. */
export interface Transaction {
	/** Id of the exchange of its MULTI. */
	readonly id: string;
	readonly queued: string[];
	/** How the reply of each queued command hides its secrets. */
	readonly hidings: Hiding[];
	count: number;
}

/** A command that waits for its reply. */
export interface Command {
	readonly facts: CommandFacts;
	/** When its first byte was captured. */
	readonly timeUs: number;
	/** A negative count: pairs it with its reply. */
	readonly tag: number;
	/** The second word, in capitals; empty where nobody looked. */
	sub: string;
	/** First argument of SELECT. */
	argument: string;
	/** Arguments without the name. */
	argumentCount: number;
	hiding: Hiding;
	/** Of EXEC: what it runs. Of a command that it runs: null. */
	runs: Transaction | null;
}

/** Commands in the order in which they were sent. */
export class CommandQueue {
	#commands: Command[] = [];
	#head = 0;

	get length(): number {
		return this.#commands.length - this.#head;
	}

	get first(): Command | null {
		return this.#commands[this.#head] ?? null;
	}

	at(index: number): Command | null {
		return this.#commands[this.#head + index] ?? null;
	}

	push(command: Command): void {
		this.#commands.push(command);
	}

	shift(): void {
		if (this.length <= 1) {
			if (this.#commands.length > 64) this.#commands = [];
			else this.#commands.length = 0;
			this.#head = 0;
			return;
		}
		if (++this.#head > 256 && this.#head * 2 > this.#commands.length) {
			this.#commands.splice(0, this.#head);
			this.#head = 0;
		}
	}
}
