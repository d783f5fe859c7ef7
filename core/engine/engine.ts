/** The engine: capture events in, exchanges out. Synchronous, no I/O, no clock, no process-wide state. */
import type { CaptureEvent } from "../events.js";
import type { Exchange } from "../exchange.js";
import type { ParserPlugin } from "../plugin.js";

export interface EngineOptions {
	readonly maxBodyBytes: number;
	readonly mergeWindowUs: number;
	readonly requestTimeoutUs: number;
	readonly maxConnections: number;
	/** Emit a `connection` record for every connection at its end, not only for opaque ones. */
	readonly connectionRecords: boolean;
}

export class Engine {
	readonly options: EngineOptions;
	readonly emit: (exchange: Exchange) => void;

	constructor(options: EngineOptions, _parsers: readonly ParserPlugin[], emit: (exchange: Exchange) => void) {
		this.options = options;
		this.emit = emit;
	}

	/** Returns the number by which `ingest` names this source. */
	addSource(_name: string, _type: string): number {
		return 0;
	}

	/** Everything in the batch happens now. The batch's memory may be reused when this returns. */
	ingest(_source: number, _batch: readonly CaptureEvent[], _nowUs: number): void {}

	/** Lets time pass: ages holes, held merges and unanswered requests. Call it every 10 ms or so. */
	tick(_nowUs: number): void {}

	/** The source will say nothing more: its connections end. */
	sourceEnded(_source: number, _nowUs: number): void {}

	/** Cumulative counters, snake_case with units. */
	counters(): Readonly<Record<string, number>> {
		return {};
	}
}
