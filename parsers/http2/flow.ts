import type { Direction } from "../../core/index.js";

const INITIAL_WINDOW = 65_535;

/** What one end may still send (RFC 9113, section 5.2), as far as it was seen. */
class Window {
	sent = 0;
	credit = 0;
	/** When it was used up; 0: it is not. */
	emptyUs = 0;
	/** The last time that it was used up and opened again. */
	stall: Stall | null = null;

	/** `initial`: how much may be sent without any credit. */
	use(bytes: number, initial: number, tsUs: number): void {
		this.sent += bytes;
		if (this.emptyUs === 0 && this.sent >= initial + this.credit) this.emptyUs = tsUs;
	}

	open(initial: number, tsUs: number): void {
		if (this.emptyUs === 0 || this.sent >= initial + this.credit) return;
		// what opened it may have been captured before what used it up
		if (tsUs > this.emptyUs) this.stall = { fromUs: this.emptyUs, toUs: tsUs };
		this.emptyUs = 0;
	}
}

interface Stall {
	readonly fromUs: number;
	readonly toUs: number;
}

/** The windows of one stream, one for each direction of data. */
export class StreamFlow {
	readonly windows: readonly [Window, Window] = [new Window(), new Window()];
	/** For each direction: how often its data waited for a window, how long, and for which one last. */
	readonly waits: readonly [Waits, Waits] = [new Waits(), new Waits()];
}

class Waits {
	count = 0;
	us = 0;
	limitedBy: "stream" | "connection" = "stream";
	/** The last stalls that were counted. */
	ofStream: Stall | null = null;
	ofConnection: Stall | null = null;
}

/** Flow control of a connection: who had to wait for whom. Says nothing about a connection whose beginning was not seen. */
export class Flow {
	isKnown = true;
	readonly #connection: readonly [Window, Window] = [new Window(), new Window()];
	/** What the other end's settings allow each direction to send on a new stream. */
	readonly #initial: [number, number] = [INITIAL_WINDOW, INITIAL_WINDOW];

	/** A setting that was sent in `dir`: it holds for what the other end sends. */
	initialWindow(dir: Direction, bytes: number, streams: Iterable<StreamFlow | null>, tsUs: number): void {
		const data = dir === 0 ? 1 : 0;
		this.#initial[data] = bytes;
		for (const stream of streams) stream?.windows[data].open(bytes, tsUs);
	}

	/** A WINDOW_UPDATE that was sent in `dir`. */
	credit(dir: Direction, stream: StreamFlow | null, isConnection: boolean, bytes: number, tsUs: number): void {
		const data = dir === 0 ? 1 : 0;
		const window = isConnection ? this.#connection[data] : stream?.windows[data];
		if (window === undefined) return;
		window.credit += bytes;
		window.open(isConnection ? INITIAL_WINDOW : this.#initial[data], tsUs);
	}

	/** Data of a stream that has its head since `headUs`. Returns true where it had to wait for a window. */
	data(dir: Direction, stream: StreamFlow | null, headUs: number, bytes: number, tsUs: number): boolean {
		if (!this.isKnown || bytes === 0) return false;
		const own = stream?.windows[dir] ?? null;
		const all = this.#connection[dir];
		let waited = false;
		if (stream !== null && own !== null) {
			const waits = stream.waits[dir];
			if (own.stall !== null && own.stall !== waits.ofStream) {
				waits.ofStream = own.stall;
				waited = add(waits, own.stall, own.stall.fromUs, "stream");
			}
			if (all.stall !== null && all.stall !== waits.ofConnection && headUs < all.stall.toUs) {
				waits.ofConnection = all.stall;
				waited = add(waits, all.stall, Math.max(headUs, all.stall.fromUs), "connection") || waited;
			}
		}
		all.use(bytes, INITIAL_WINDOW, tsUs);
		own?.use(bytes, this.#initial[dir], tsUs);
		return waited;
	}

	/** A stream that has data and no windows yet needs some: a stall of the connection may have held it. */
	hasStalled(dir: Direction): boolean {
		return this.#connection[dir].stall !== null;
	}
}

function add(waits: Waits, stall: Stall, fromUs: number, limitedBy: "stream" | "connection"): boolean {
	waits.count++;
	waits.us += Math.max(0, stall.toUs - fromUs);
	waits.limitedBy = limitedBy;
	return true;
}
