import { type AliveState, aliveCookies, partsOf } from "./alive.js";

/** Between two sweeps; the kernel is asked so much sooner where it has counted ends that it could not tell. */
const EVERY_MS = 60_000;
const SOON_MS = 5_000;
/** Between two parts of one. */
const PART_MS = 20;

/** Asks the kernel for a part of the cookies of all sockets; null: it did not tell. */
export type AskAlive = (part: number, parts: number) => ReadonlySet<number> | null;

/**
 * Finds sockets whose end nobody told, part by part: what we know and the kernel does not is over. Its last records may still
 * be on their way, so whoever asks takes what is in the rings first.
 */
export class Sweep {
	/** Sockets that were found so. */
	found = 0;
	/** Those that the kernel did not know when `step` was called last. */
	suspects: readonly number[] = NOBODY;
	readonly #ask: AskAlive;
	readonly #lostSoFar: () => number;
	#lost = 0;
	#nextMs: number;
	#soonMs: number;
	#partMs = 0;
	/** The cookies that were known when the sweep began, those of the last part last. */
	#parts: number[][] = [];
	#count = 1;

	/** `lostSoFar`: ends that the kernel could not tell. */
	constructor(ask: AskAlive, lostSoFar: () => number, nowMs: number) {
		this.#ask = ask;
		this.#lostSoFar = lostSoFar;
		this.#nextMs = nowMs + EVERY_MS;
		this.#soonMs = nowMs + SOON_MS;
	}

	/** Asks about one part, where it is time for that. `known`: cookies of the sockets that we know. */
	step(nowMs: number, known: { readonly size: number; keys(): Iterable<number> }): void {
		if (this.suspects.length > 0) return;
		if (this.#parts.length === 0) {
			if (nowMs < this.#soonMs || known.size === 0 || !this.#isDue(nowMs)) return;
			this.#count = partsOf(known.size);
			this.#parts = Array.from({ length: this.#count }, () => []);
			for (const cookie of known.keys()) this.#parts[partOf(cookie, this.#count)]!.push(cookie);
		}
		if (nowMs < this.#partMs) return;
		this.#partMs = nowMs + PART_MS;
		const cookies = this.#parts.pop()!;
		const alive = cookies.length === 0 ? null : this.#ask(this.#parts.length, this.#count);
		if (alive !== null) this.suspects = cookies.filter((cookie) => !alive.has(cookie));
	}

	#isDue(nowMs: number): boolean {
		this.#soonMs = nowMs + SOON_MS;
		const lost = this.#lostSoFar();
		if (lost === this.#lost && nowMs < this.#nextMs) return false;
		this.#lost = lost;
		this.#nextMs = nowMs + EVERY_MS;
		return true;
	}
}

/** As the kernel sees it: a power of two, and a cookie that may count down from 2^64. */
function partOf(cookie: number, parts: number): number {
	return ((cookie % parts) + parts) % parts;
}

export const NOBODY: readonly number[] = [];

/** The kernel's own list of its sockets. */
export function askKernel(state: AliveState): AskAlive {
	return (part, parts) => aliveCookies(state, part, parts);
}
