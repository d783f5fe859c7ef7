/** Carries what one source captures into an engine. The first of the two asynchronous boundaries. */
import type { Delivery } from "../delivery/delivery.js";
import type { Engine } from "../engine/engine.js";
import type { CaptureEvent } from "../events.js";
import type { CaptureSource } from "../plugin.js";
import type { Recorder } from "../recording/recorder.js";
import { wallUs } from "./clock.js";
import type { Pulse } from "./pulse.js";

export interface NamedSource {
	readonly name: string;
	readonly type: string;
	/** Time is that of the events, and the pump waits for slow sinks. */
	readonly offline: boolean;
	readonly source: CaptureSource;
	readonly engine: Engine;
	/** The engine's number for it. */
	readonly number: number;
}

/** A source that always has a batch at hand must not keep timers and writes from running. */
const LONGEST_TURN_MS = 8;
const TICK_US = 10_000;

/** Resolves when the source has nothing more to say; rejects with its error. Its connections are ended in both cases. */
export async function pump(
	from: NamedSource,
	delivery: Delivery,
	pulse: Pulse,
	signal: AbortSignal,
	recorder: Recorder | null = null,
): Promise<void> {
	const { source, engine, number, offline } = from;
	let nowUs = offline ? 0 : wallUs();
	let tickedUs = 0;
	let turnedMs = performance.now();
	try {
		for await (const batch of source.batches(signal)) {
			nowUs = offline ? timeOf(batch, nowUs) : wallUs();
			engine.ingest(number, batch, nowUs);
			if (offline) {
				if (nowUs - tickedUs >= TICK_US) {
					tickedUs = nowUs;
					engine.tick(nowUs);
				}
				if (delivery.full) await delivery.room();
				// what is read from files can wait for the recording; live traffic cannot
				if (recorder?.isBehind === true) await recorder.settled();
			}
			if (delivery.behind || performance.now() - turnedMs > LONGEST_TURN_MS) {
				pulse.beat();
				await delivery.breathe();
				// what waits in the source's own buffer costs nothing
				while (source.hasRoom?.() === true && !(await delivery.relief())) pulse.beat();
				turnedMs = performance.now();
			}
		}
	} finally {
		engine.sourceEnded(number, offline ? nowUs : wallUs());
	}
}

/** Of the last event that has one; time never goes back. */
function timeOf(batch: readonly CaptureEvent[], before: number): number {
	for (let index = batch.length - 1; index >= 0; index--) {
		const event = batch[index]!;
		if ("tsUs" in event) return Math.max(before, event.tsUs);
	}
	return before;
}
