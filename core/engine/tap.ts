import type { CaptureEvent } from "../events.js";

/**
 * Hears every call that changes an engine, before it takes effect, in order and with the time that was passed in: what is
 * needed to make the same calls again. Must not throw, must not keep `data` of events.
 */
export interface EngineTap {
	ingest(source: number, batch: readonly CaptureEvent[], nowUs: number): void;
	tick(nowUs: number): void;
	sourceEnded(source: number, nowUs: number): void;
}
