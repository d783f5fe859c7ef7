import { libc } from "./libbpf.js";

/** What this thread gives way with: about a tenth of a processor that a thread of the usual niceness wants as well. */
const GIVING_WAY = 10;
const PRIO_PROCESS = 0;
const THIS_THREAD = 0;

/**
 * The niceness of the thread that reads the ring. What is in the ring can wait, the application that is observed cannot: as long
 * as there is room, this thread gives way, and as the ring fills it takes its share.
 */
export class Priority {
	readonly #usual = libc().getPriority(PRIO_PROCESS, THIS_THREAD);
	readonly #mayGiveWay: boolean;
	#givesWay = false;

	constructor() {
		this.#mayGiveWay = this.#usual >= 0 && this.#usual < GIVING_WAY && this.#mayReturn();
	}

	get givesWay(): boolean {
		return this.#givesWay;
	}

	/** `fill`: how much of the ring is used, 0 to 1. `from` and `until` leave a space between them, or we would call all the time. */
	follow(fill: number, from: number, until: number): void {
		if (!this.#mayGiveWay) return;
		const givesWay = this.#givesWay ? fill < until : fill < from;
		if (givesWay === this.#givesWay) return;
		if (setNice(givesWay ? GIVING_WAY : this.#usual)) this.#givesWay = givesWay;
	}

	/** Without CAP_SYS_NICE (or a limit that allows it) niceness only goes up. Tried with one step, which costs nothing to keep. */
	#mayReturn(): boolean {
		return setNice(this.#usual + 1) && setNice(this.#usual);
	}
}

function setNice(nice: number): boolean {
	return libc().setPriority(PRIO_PROCESS, THIS_THREAD, nice) === 0;
}
