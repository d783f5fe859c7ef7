import type { ParserOutput } from "../../core/index.js";
import { answersAll, type Found, nextUnasked } from "./alignment.js";
import { type Command, CommandQueue } from "./command.js";
import { HELD_BYTES, HOLD, INCOMPLETE } from "./wire.js";

/**
 * Which reply answers which command: by order, which is certain from a connection's first byte on. After a late join or a
 * hole it is certain only when `answersAll` has shown it; until then replies have no command.
 */
export class Pairing {
	/** Commands that wait for their reply. */
	readonly queue = new CommandQueue();
	isSure: boolean;
	/** A reply had to go on without its command, and no command has come since. */
	isAlone = false;
	#tag = 0;
	/** When the first command was sent that may show the order; 0: none. */
	#batchUs = 0;
	/** The server said something since the last command. */
	#replied = true;
	/** Something came, or was lost, that may belong to replies to what waits now. */
	#isAnswering = false;
	#commandsLost = false;
	/** Replies whose command came after them, and when the last one began. */
	#orphans = 0;
	#orphanUs = 0;

	constructor(isSure: boolean) {
		this.isSure = isSure;
	}

	/** Pairs a command with its reply, or a message with nothing. */
	nextTag(): number {
		if (this.#tag < -0x7fff_0000) this.#tag = 0;
		return --this.#tag;
	}

	/**
	 * A command is sent. Where nothing is certain, the first one after something that the server said begins anew: true, and
	 * what waited before is over.
	 */
	commandSent(timeUs: number, out: ParserOutput): boolean {
		if (this.#commandsLost) {
			this.#commandsLost = false;
			if (this.isSure) this.#replied = true;
			this.isSure = false;
		}
		if (this.isSure || !this.#replied) return false;
		this.#giveUp(out);
		this.#batchUs = timeUs;
		this.#replied = false;
		return true;
	}

	/** True where the reply to this command came before it, and went on alone. */
	wasAnswered(timeUs: number): boolean {
		if (this.#orphans > 0 && timeUs <= this.#orphanUs) {
			this.#orphans--;
			return true;
		}
		this.#orphans = 0;
		return false;
	}

	/** A reply that answers nothing that is known. */
	unpaired(timeUs: number): void {
		if (!this.isSure) return;
		this.#orphans++;
		this.#orphanUs = timeUs;
	}

	commandsLost(): void {
		this.#commandsLost = true;
	}

	/** Replies were lost, or never seen: `inside` one of them. */
	repliesLost(inside: boolean): void {
		if (inside || this.isSure) {
			this.isSure = false;
			this.#batchUs = 0;
			this.#isAnswering = true;
		}
		this.#replied = true;
	}

	/** Where in what the server says everything is certain again. */
	resume(bytes: Uint8Array, out: ParserOutput): Found {
		if (this.#batchUs === 0 || this.queue.length === 0) return nextUnasked(bytes);
		const from = firstSince(this.#batchUs, bytes.length, out);
		if (from === bytes.length) return { need: 0 };
		this.#isAnswering = true;
		const verdict = answersAll(this.queue, bytes, from, bytes.length);
		if (verdict === "more" && bytes.length - from < HELD_BYTES) return { need: bytes.length - from };
		if (verdict !== "yes") {
			this.#giveUp(out);
			return { need: 0 };
		}
		this.isSure = true;
		return { skip: from };
	}

	/**
	 * The command that the reply at `at` answers; null: nobody knows. `INCOMPLETE`: more bytes will tell. `HOLD`: the command
	 * may come yet.
	 */
	commandOf(bytes: Uint8Array, at: number, out: ParserOutput): Command | null | typeof INCOMPLETE | typeof HOLD {
		if (this.isSure) {
			const { first } = this.queue;
			return first === null && this.mustWait(at, out) ? HOLD : first;
		}
		this.#replied = true;
		if (this.#batchUs !== 0 && out.timeAt(at) >= this.#batchUs && this.queue.length > 0) {
			this.#isAnswering = true;
			const verdict = answersAll(this.queue, bytes, at, bytes.length);
			if (verdict === "more" && bytes.length - at < HELD_BYTES) return INCOMPLETE;
			if (verdict === "yes") {
				this.isSure = true;
				return this.queue.first;
			}
		}
		this.#giveUp(out);
		return null;
	}

	/** The server says nothing more. `isCut`: it stopped in the middle of a reply that was to be seen as a whole. */
	end(isCut: boolean, how: "fin" | "reset" | "unknown", out: ParserOutput): void {
		if (!this.isSure) {
			if (this.#isAnswering) this.#giveUp(out);
			return;
		}
		const { first } = this.queue;
		if (!isCut || first === null) return;
		out.settle(how === "unknown" ? "partial" : "aborted", first.tag);
		this.queue.shift();
	}

	/** Nothing waits for what begins at `at`: may its command come yet? Otherwise it goes on alone. */
	mustWait(at: number, out: ParserOutput): boolean {
		if (this.isAlone) return false;
		if (!out.mustProceed || at !== 0) return true;
		this.isAlone = true;
		return false;
	}

	/** Nobody will know which replies answered what waits now. */
	#giveUp(out: ParserOutput): void {
		for (let command = this.queue.first; command !== null; command = this.queue.first) {
			out.settle("partial", command.tag);
			this.queue.shift();
		}
		this.#batchUs = 0;
		this.#isAnswering = false;
	}
}

/** Index of the first byte that was captured at `timeUs` or later. */
function firstSince(timeUs: number, length: number, out: ParserOutput): number {
	let low = 0;
	let high = length;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (out.timeAt(middle) < timeUs) low = middle + 1;
		else high = middle;
	}
	return low;
}
