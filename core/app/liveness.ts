/** Is the worker's heart beating? Asked by the watchdog of a service manager, and by `/healthz`. */
export class Liveness {
	private readonly beats: () => number;
	private readonly timeoutMs: () => number;
	private readonly nowMs: () => number;
	private last = -1;
	private changedMs: number;

	/** `timeoutMs`: how long it may stand still; between two workers there is none. */
	constructor(beats: () => number, timeoutMs: () => number, nowMs: () => number = () => performance.now()) {
		this.beats = beats;
		this.timeoutMs = timeoutMs;
		this.nowMs = nowMs;
		this.changedMs = nowMs();
	}

	/** To be asked regularly: it goes by what it sees. */
	get isAlive(): boolean {
		const beats = this.beats();
		const nowMs = this.nowMs();
		if (beats !== this.last) {
			this.last = beats;
			this.changedMs = nowMs;
		}
		return nowMs - this.changedMs < 2 * this.timeoutMs();
	}
}
