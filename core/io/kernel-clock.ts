/** Kernel records carry CLOCK_MONOTONIC; exchanges carry wall-clock time. */
const REFRESH_MS = 10_000;
/** A smaller difference is the reading's own error. */
const STEP_US = 500;

export class KernelClock {
	/** Microseconds to add to monotonic microseconds. */
	offsetUs: number;
	#refreshAtMs: number;

	constructor() {
		this.offsetUs = measure();
		this.#refreshAtMs = performance.now() + REFRESH_MS;
	}

	/** Follows the wall clock where it was set. Cheap: looks every ten seconds only. */
	follow(): void {
		if (performance.now() < this.#refreshAtMs) return;
		this.#refreshAtMs = performance.now() + REFRESH_MS;
		const rough = Date.now() * 1000 - Number(process.hrtime.bigint() / 1000n);
		// Date.now() cuts off up to a millisecond
		if (Math.abs(rough + 500 - this.offsetUs) > 1000 + STEP_US) this.offsetUs = measure();
	}
}

/** Waits for the next millisecond of the wall clock, so that the reading is good to some microseconds. */
function measure(): number {
	const from = Date.now();
	let now = from;
	while (now === from) now = Date.now();
	return now * 1000 - Number(process.hrtime.bigint() / 1000n);
}
