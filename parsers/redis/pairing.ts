import type { DetectHint, Direction, ParserOutput } from "../../core/index.js";
import { answersAll, type Found, nextUnasked } from "./alignment.js";
import { type Command, CommandQueue } from "./command.js";
import { HELD_BYTES, HOLD, INCOMPLETE } from "./wire.js";

/** Whoever has not answered for so long has nothing to answer: the server's time for a slow command, with room. */
const QUIET_US = 200_000;

/**
 * Which reply answers which command: by order, which is certain from a connection's first byte on. After a late join or a
 * hole it is certain again when two things hold. Nothing was outstanding when a command was sent, because the connection had
 * been quiet, or because we watch the server, which answers what it has read before it reads on. And since then exactly as
 * many replies came as commands were sent (`answersAll`). Without the first a client that always has commands outstanding
 * would be paired with the replies of the commands before. Until then replies have no command.
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
	/** When the last bytes of either direction passed; -1: nobody knows. Kept while nothing is certain. */
	readonly #passedUs: [number, number] = [-1, -1];
	/** When the last command before the batch was sent. */
	#askedBeforeUs = -1;
	readonly #hint: DetectHint;
	/** Replies whose command came after them, and when the last one began. */
	#orphans = 0;
	#orphanUs = 0;

	constructor(hint: DetectHint) {
		this.#hint = hint;
		this.isSure = !hint.late;
		if ((hint.quietUs ?? 0) >= QUIET_US) this.#passedUs[1] = 0;
	}

	/** So many bytes of the call are dealt with. */
	passed(dir: Direction, count: number, out: ParserOutput): void {
		if (!this.isSure && count > 0) this.#passedUs[dir] = out.timeAt(count - 1);
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
			if (this.isSure) {
				this.#replied = true;
				this.#doubt();
			}
			this.#passedUs[0] = -1;
		}
		if (this.isSure || !this.#replied) return false;
		this.#giveUp(out);
		this.#batchUs = timeUs;
		this.#askedBeforeUs = this.#passedUs[0];
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
			this.#doubt();
			this.#batchUs = 0;
			this.#isAnswering = true;
		}
		this.#replied = true;
	}

	/** Where in what the server says everything is certain again. */
	resume(bytes: Uint8Array, out: ParserOutput): Found {
		if (this.#batchUs === 0 || this.queue.length === 0) return this.#look(bytes, out);
		const from = firstSince(this.#batchUs, bytes.length, out);
		this.passed(1, from, out);
		if (from === bytes.length) return { need: 0 };
		this.#isAnswering = true;
		const verdict = answersAll(this.queue, bytes, from, bytes.length);
		if (verdict === "more" && bytes.length - from < HELD_BYTES) return { need: bytes.length - from };
		if (verdict !== "yes" || !this.#wasQuiet) {
			this.passed(1, bytes.length, out);
			this.#giveUp(out);
			return { need: 0 };
		}
		this.isSure = true;
		return { skip: from };
	}

	/** Where what needs no command begins. */
	#look(bytes: Uint8Array, out: ParserOutput): Found {
		this.passed(1, bytes.length, out);
		return nextUnasked(bytes);
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
			this.passed(1, at, out);
			const verdict = answersAll(this.queue, bytes, at, bytes.length);
			if (verdict === "more" && bytes.length - at < HELD_BYTES) return INCOMPLETE;
			if (verdict === "yes" && this.#wasQuiet) {
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

	#doubt(): void {
		this.isSure = false;
		this.#passedUs[0] = -1;
		this.#passedUs[1] = -1;
	}

	/** Nothing was outstanding when the batch began. Asked when its first reply is at hand. */
	get #wasQuiet(): boolean {
		if (this.#hint.vantage === "server") return true;
		const toldUs = this.#passedUs[1];
		return toldUs >= 0 && this.#batchUs - Math.max(toldUs, this.#askedBeforeUs) >= QUIET_US;
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
