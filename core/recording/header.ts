/** What a recording says about itself: in its first block, and in its last one. */
import { hash } from "node:crypto";
import type { EngineOptions } from "../engine/options.js";
import { GAP_CAUSES, type GapCause } from "../events.js";
import { RECORDING_FORMAT } from "./block.js";

/** Options of one parser, prepared. */
export type ParserOptions = readonly [protocol: string, options: unknown];

/** Of those that have some. */
export function optionsOf(
	parsers: readonly { readonly protocol: string; readonly options?: unknown }[],
): ParserOptions[] {
	return parsers.flatMap(({ protocol, options }) => (options === undefined ? [] : [[protocol, options] as const]));
}

export interface RecordedSource {
	readonly name: string;
	readonly type: string;
}

export interface RecordedEngine {
	readonly options: EngineOptions;
	/** By the numbers that calls give them. */
	readonly sources: readonly RecordedSource[];
}

export interface RecordingHeader {
	readonly format: typeof RECORDING_FORMAT;
	/** Version of polytap. */
	readonly polytap: string;
	/** Of version, options and parsers: equal ones give equal exchanges. */
	readonly fingerprint: string;
	/** RFC 3339. */
	readonly startedAt: string;
	/** Protocols, in the order in which they are asked. */
	readonly parsers: readonly string[];
	readonly engines: readonly RecordedEngine[];
	/** The causes of loss, by the numbers that events give them. */
	readonly causes: readonly GapCause[];
}

export interface RecordingEnd {
	/** True: nothing that the engine was told is missing. */
	readonly isComplete: boolean;
	/** What is missing: `overflow` (writing was slower than the traffic), `limit` (`max_bytes`), `write-failed`; or null. */
	readonly reason: LossReason | null;
	readonly callsLost: number;
	readonly eventsLost: number;
	readonly bytesLost: number;
	/** What came out, by engine; a replay must give as many. */
	readonly exchanges: readonly number[];
}

export type LossReason = "overflow" | "limit" | "write-failed";

export function headerOf(
	polytap: string,
	startedAt: Date,
	parsers: readonly string[],
	engines: readonly RecordedEngine[],
	configured: readonly ParserOptions[] = [],
): RecordingHeader {
	return {
		format: RECORDING_FORMAT,
		polytap,
		fingerprint: fingerprintOf(polytap, parsers, engines, configured),
		startedAt: startedAt.toISOString(),
		parsers,
		engines,
		causes: GAP_CAUSES,
	};
}

export function fingerprintOf(
	polytap: string,
	parsers: readonly string[],
	engines: readonly { readonly options: EngineOptions }[],
	configured: readonly ParserOptions[] = [],
): string {
	const options = engines.map((engine) => Object.entries(engine.options).sort(([a], [b]) => (a < b ? -1 : 1)));
	const all = [polytap, parsers, options, ...(configured.length === 0 ? [] : [configured])];
	return hash("sha256", JSON.stringify(all), "hex").slice(0, 32);
}
