/** `polytap read`: packet captures, files of exchanges and recordings in, exchanges on standard output. No root, no threads. */
import { basename } from "node:path";
import { makeConfig } from "../config-file.js";
import { kindOfFile } from "../file-kind.js";
import { type Format, stdoutSink } from "../formats.js";
import { exitCodeOf, formatNotice, type Notice, say } from "../notice.js";
import { runPipeline } from "../run-pipeline.js";

export interface ReadOptions {
	readonly files: readonly string[];
	readonly format: Format;
	/** The files are pieces of one capture, in this order. Otherwise each is a capture by itself. */
	readonly join: boolean;
	/** What is spoken in connections to some ports. */
	readonly pins: readonly PortPin[];
}

export interface PortPin {
	readonly ports: readonly number[];
	readonly protocol: string;
}

/** Returns the exit code: that of the first file that could not be read, or 0. */
export async function read({ files, format, join, pins }: ReadOptions, stop: AbortController): Promise<number> {
	let exit = 0;
	for (const capture of join ? [files] : files.map((file) => [file])) {
		if (stop.signal.aborted) break;
		for (const failure of await readCapture(capture, format, pins, stop)) {
			say(formatNotice("error", failure));
			exit ||= exitCodeOf(failure);
		}
	}
	return exit;
}

async function readCapture(
	files: readonly string[],
	format: Format,
	pins: readonly PortPin[],
	stop: AbortController,
): Promise<readonly Notice[]> {
	const name = basename(files[0] ?? "");
	const kind = await kindOfFile(files[0] ?? "");
	if (kind === "recording" && files.length > 1) return [RECORDINGS_STAND_ALONE];
	if (kind !== "pcap" && pins.length > 0) return [PINS_ARE_FOR_CAPTURES];
	const config = await makeConfig({
		// a recording takes its place
		sources: { [SOURCE]: { type: kind === "recording" ? "pcap" : kind, files, ...(pins.length > 0 ? { pins } : {}) } },
		sinks: { stdout: { ...stdoutSink(format), queue: { when_full: "block" } } },
	});
	const named = { ...config, sources: config.sources.map((source) => ({ ...source, name })) };
	const replay = kind === "recording" ? { replay: files[0] ?? "" } : {};
	return (await runPipeline({ config: named, ...replay }, stop)).failures;
}

const SOURCE = "file";

const PINS_ARE_FOR_CAPTURES: Notice = {
	code: "USAGE",
	message: "--pin is for packet captures: in other files it is settled what was spoken",
	hint: null,
};
const RECORDINGS_STAND_ALONE: Notice = {
	code: "USAGE",
	message: "recordings cannot be joined: each is a run by itself",
	hint: "without --join they are replayed one after the other",
};
