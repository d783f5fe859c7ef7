/** `polytap read`: packet captures in, exchanges on standard output. No root, no threads. */
import { basename } from "node:path";
import { BUILTINS } from "../builtins.js";
import { composePipeline } from "../compose.js";
import { makeConfig } from "../config-file.js";
import { RateLimitedBoard, stderrBoard } from "../diagnostics.js";
import { type Format, stdoutSink } from "../formats.js";
import { exitCodeOf, formatNotice, type Notice, noticeOf, say } from "../notice.js";
import { Pulse } from "../pulse.js";

export interface ReadOptions {
	readonly files: readonly string[];
	readonly format: Format;
}

/** Returns the exit code: that of the first file that could not be read, or 0. */
export async function read({ files, format }: ReadOptions, stop: AbortController): Promise<number> {
	let exit = 0;
	for (const file of files) {
		if (stop.signal.aborted) break;
		// Each file by itself: its times and its connections have nothing to do with those of the next one.
		for (const failure of await readFile(file, format, stop)) {
			say(formatNotice("error", failure));
			exit ||= exitCodeOf(failure);
		}
	}
	return exit;
}

async function readFile(file: string, format: Format, stop: AbortController): Promise<readonly Notice[]> {
	const name = basename(file);
	const config = await makeConfig({
		sources: { [SOURCE]: { type: "pcap", files: [file] } },
		sinks: { stdout: { ...stdoutSink(format), queue: { when_full: "block" } } },
	});
	const named = { ...config, sources: config.sources.map((source) => ({ ...source, name })) };
	const settings = { config: named, plugins: BUILTINS, hosts: {}, disabledParsers: [] };
	const pipeline = await composePipeline(settings, {
		board: new RateLimitedBoard(stderrBoard),
		pulse: new Pulse(),
		onBrokenPipe: () => stop.abort(),
	});
	try {
		await pipeline.open(stop.signal);
		await pipeline.run(stop.signal);
	} catch (error) {
		return [noticeOf(error)];
	} finally {
		await pipeline.close();
	}
	return pipeline.failures;
}

const SOURCE = "file";
