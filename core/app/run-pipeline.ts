/** A pipeline in this thread, from start to end: for what is read from files. `run` has workers instead. */
import type { Config } from "../config/schema.js";
import { BUILTINS } from "./builtins.js";
import { composePipeline, type PipelineSettings } from "./compose.js";
import type { CounterGroups } from "./counters.js";
import { RateLimitedBoard } from "./diagnostics.js";
import { makeLog } from "./log.js";
import { type Notice, noticeOf } from "./notice.js";
import { Pulse } from "./pulse.js";

export interface PipelineRun extends Pick<PipelineSettings, "replay" | "isUnmerged"> {
	readonly config: Config;
	/** The built-ins without it. */
	readonly plugins?: PipelineSettings["plugins"];
	/** Standard error without it. */
	readonly board?: RateLimitedBoard;
}

export interface PipelineEnd {
	/** Sources and sinks that failed, or why nothing could begin. Empty: all went well. */
	readonly failures: readonly Notice[];
	readonly counters: CounterGroups;
}

/** Resolves when every source has ended or `stop` was aborted, and everything is written and closed. It aborts `stop` itself where nobody reads standard output any more. */
export async function runPipeline(
	{ config, plugins = BUILTINS, board = new RateLimitedBoard(makeLog()), ...what }: PipelineRun,
	stop: AbortController = new AbortController(),
): Promise<PipelineEnd> {
	const settings: PipelineSettings = { ...what, config, plugins, hosts: {}, disabledParsers: [] };
	const surroundings = { board, pulse: new Pulse(), onBrokenPipe: () => stop.abort() };
	const pipeline = await composePipeline(settings, surroundings);
	let failures: readonly Notice[] = pipeline.failures;
	try {
		await pipeline.open(stop.signal);
		await pipeline.run(stop.signal);
	} catch (error) {
		failures = [noticeOf(error)];
	} finally {
		await pipeline.close();
	}
	return { failures, counters: pipeline.counters() };
}
