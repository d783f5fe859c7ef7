import type { Direction, ParserOutput } from "../../core/index.js";

/** Pings, or pongs, of which the other half was not seen yet. */
const MAX_WAITING = 16;

/** Pings and pongs: counted, and how long the answer took. Which of the two is seen first means nothing. */
export class Pings {
	readonly #pings: [Map<string, number>, Map<string, number>] = [new Map(), new Map()];
	readonly #pongs: [Map<string, number>, Map<string, number>] = [new Map(), new Map()];
	#isTold = false;
	#least = Number.POSITIVE_INFINITY;
	#most = 0;

	/** Sent in `dir` with that payload. */
	ping(dir: Direction, payload: string, us: number, out: ParserOutput): void {
		this.#count(dir, "pings", out);
		const answered = take(this.#pongs[dir === 0 ? 1 : 0], payload);
		// one that was sent before answers nothing: nobody asked for it
		if (answered === null || answered < us - SLACK_US) keep(this.#pings[dir], payload, us);
		else this.#answered(us, answered, out);
	}

	pong(dir: Direction, payload: string, us: number, out: ParserOutput): void {
		this.#count(dir, "pongs", out);
		const asked = take(this.#pings[dir === 0 ? 1 : 0], payload);
		if (asked === null) keep(this.#pongs[dir], payload, us);
		else this.#answered(asked, us, out);
	}

	#count(dir: Direction, what: "pings" | "pongs", out: ParserOutput): void {
		// in the same order whichever direction is seen first
		if (!this.#isTold)
			for (const side of SIDES) for (const name of ["pings", "pongs"]) out.count(`websocket.${side}.${name}`, 0);
		this.#isTold = true;
		out.count(`websocket.${SIDES[dir]}.${what}`);
	}

	#answered(askedUs: number, answeredUs: number, out: ParserOutput): void {
		const us = Math.max(0, answeredUs - askedUs);
		if (us < this.#least) out.note("websocket.ping.min_us", (this.#least = us));
		if (us >= this.#most) out.note("websocket.ping.max_us", (this.#most = us));
		out.count("websocket.ping.answered");
	}
}

function take(waiting: Map<string, number>, payload: string): number | null {
	const us = waiting.get(payload);
	if (us === undefined) return null;
	waiting.delete(payload);
	return us;
}

function keep(waiting: Map<string, number>, payload: string, us: number): void {
	waiting.set(payload, us);
	if (waiting.size <= MAX_WAITING) return;
	const oldest = waiting.keys().next().value;
	if (oldest !== undefined) waiting.delete(oldest);
}

/** Times of two directions may be those of the pieces that bytes came in. */
const SLACK_US = 100_000;
const SIDES = ["client", "server"] as const;
