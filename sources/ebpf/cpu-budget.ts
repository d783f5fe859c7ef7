import type { Economy } from "./economy.js";

/** One step down: what is saved, in the words of warnings and counters. */
interface Stage {
	readonly name: string;
	/** Of connections whose parser can do without: payload in one direction until the other end speaks. 0: all. */
	readonly turnBytes: number;
	/** Of new connections. */
	readonly keepOneIn: number;
}

export const STAGES: readonly Stage[] = [
	{ name: "everything", turnBytes: 0, keepOneIn: 1 },
	{ name: "64 KiB of each payload", turnBytes: 65_536, keepOneIn: 1 },
	{ name: "8 KiB of each payload", turnBytes: 8192, keepOneIn: 1 },
	{ name: "8 KiB of each payload, one new connection in 4", turnBytes: 8192, keepOneIn: 4 },
	{ name: "8 KiB of each payload, one new connection in 16", turnBytes: 8192, keepOneIn: 16 },
];

const LOOK_MS = 1000;
/** Looks in a row above the budget, and below this part of it, before a step. */
const DOWN_AFTER = 2;
const UP_AFTER = 10;
const UP_BELOW = 0.6;

/** Keeps what polytap uses under a limit by capturing less, step by step, and says so each time. */
export class CpuBudget {
	readonly #maxPercent: number;
	readonly #economy: Pick<Economy, "save">;
	readonly #onStep: (stage: Stage, percent: number, isDown: boolean) => void;
	#usedUs: number;
	#lookedMs: number;
	#above = 0;
	#below = 0;
	stage = 0;
	stepsDown = 0;
	stepsUp = 0;
	/** Milliseconds in which less than everything was captured. */
	savingMs = 0;

	/** `usedUs`: processor time of the whole process so far. `maxPercent`: of one processor; 0: no limit. */
	constructor(
		maxPercent: number,
		economy: Pick<Economy, "save">,
		onStep: (stage: Stage, percent: number, isDown: boolean) => void,
		nowMs: number,
		usedUs: number,
	) {
		this.#maxPercent = maxPercent;
		this.#economy = economy;
		this.#onStep = onStep;
		this.#lookedMs = nowMs;
		this.#usedUs = usedUs;
	}

	/** Call it often; it looks once a second. `usedUs` is asked for then only. */
	look(nowMs: number, usedUs: () => number): void {
		const passedMs = nowMs - this.#lookedMs;
		if (this.#maxPercent === 0 || passedMs < LOOK_MS) return;
		const used = usedUs();
		const percent = (used - this.#usedUs) / passedMs / 10;
		this.#lookedMs = nowMs;
		this.#usedUs = used;
		if (this.stage > 0) this.savingMs += passedMs;
		this.#above = percent > this.#maxPercent ? this.#above + 1 : 0;
		this.#below = percent < this.#maxPercent * UP_BELOW ? this.#below + 1 : 0;
		if (this.#above >= DOWN_AFTER && this.stage < STAGES.length - 1) this.#step(1, percent);
		else if (this.#below >= UP_AFTER && this.stage > 0) this.#step(-1, percent);
	}

	#step(by: 1 | -1, percent: number): void {
		this.stage += by;
		this.#above = 0;
		this.#below = 0;
		if (by > 0) this.stepsDown++;
		else this.stepsUp++;
		const stage = STAGES[this.stage]!;
		this.#economy.save(stage.turnBytes, stage.keepOneIn);
		this.#onStep(stage, percent, by > 0);
	}
}
