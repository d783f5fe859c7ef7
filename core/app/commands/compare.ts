/** `polytap compare`: whether sources see the same: over live sources that run together, or over what they wrote. */
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type CompareOptions, type CompareReport, compare, type SourceRecords } from "../../compare/comparison.js";
import { Digester } from "../../compare/digest.js";
import { htmlOf } from "../../compare/html.js";
import { type RecordsFile, readRecords } from "../../compare/records-file.js";
import { textOf } from "../../compare/text.js";
import type { SinkEntry } from "../../config/schema.js";
import { PolytapError } from "../../errors.js";
import { BUILTINS } from "../builtins.js";
import { makeConfig, readConfig } from "../config-file.js";
import { sumCounters } from "../counters.js";
import { RateLimitedBoard } from "../diagnostics.js";
import { kindOfFile } from "../file-kind.js";
import { makeLog } from "../log.js";
import { exitCodeOf, formatNotice, type Notice, say } from "../notice.js";
import { Plugins } from "../plugins.js";
import { runPipeline } from "../run-pipeline.js";
import { Supervisor } from "../supervisor.js";
import type { Totals } from "../totals.js";

export type ReportFormat = "text" | "json" | "html";

export interface CompareSettings {
	readonly files: readonly string[];
	/** Config whose sources run together; null: there are files. */
	readonly config: string | null;
	/** Milliseconds after `ready`, or null for until a signal. */
	readonly forMs: number | null;
	/** Percent. */
	readonly parity: number;
	readonly format: ReportFormat;
	/** Causes and fields that do not count. */
	readonly ignore: readonly string[];
	readonly examples: number;
	readonly toleranceMs: number;
	/** What is compared: each source by itself, or all of one type together (a sidecar for each application). */
	readonly by: "source" | "type";
	/** File for the report, or null for standard output. */
	readonly out: string | null;
}

export interface Compared {
	/** For standard output. */
	readonly text: string;
	readonly exitCode: number;
}

/** The check did not hold. */
const BELOW = 4;

export async function compareSources(settings: CompareSettings, stop: AbortController): Promise<Compared> {
	const { config, parity, format, out } = settings;
	if ((config === null) === (settings.files.length === 0))
		throw new PolytapError(
			"USAGE",
			"compare takes either -c with a config whose sources run together, or files that sources wrote",
			"polytap compare -c polytap.yaml --for 60s, or polytap compare ebpf.jsonl sidecar.jsonl",
		);
	const folder = await mkdtemp(join(tmpdir(), "polytap-compare-"));
	try {
		const gathered =
			config === null ? await fromFiles(settings, folder, stop) : await fromLive(config, settings, folder, stop);
		const report = compare(gathered.sources, optionsOf(settings), gathered.remarks);
		const text = rendered(report, format);
		if (out !== null) await writeReport(out, text);
		const exitCode = gathered.exitCode !== 0 ? gathered.exitCode : report.parity < parity ? BELOW : 0;
		return { text: out === null ? text : textOf(report), exitCode };
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

interface Gathered {
	readonly sources: readonly SourceRecords[];
	readonly remarks: readonly string[];
	/** Of what went wrong meanwhile. */
	readonly exitCode: number;
}

async function fromFiles({ files, by }: CompareSettings, folder: string, stop: AbortController): Promise<Gathered> {
	const digester = new Digester();
	const remarks: string[] = [];
	let exitCode = 0;
	const read: { readonly name: string; readonly found: RecordsFile }[] = [];
	for (const [index, file] of files.entries()) {
		const format = await recordsFormat(file);
		let path = file;
		if (format === null) {
			path = join(folder, `${index}.jsonl`);
			for (const failure of await converted(file, path, stop)) {
				say(formatNotice("error", failure));
				exitCode ||= exitCodeOf(failure);
			}
		}
		const found = await readRecords(path, digester, by, format === "gzip");
		remarks.push(...remarksOf(file, found));
		read.push({ name: basename(file), found });
	}
	const [only] = read;
	// one file of a run with several sources, or a file for each source
	const sources =
		read.length === 1 && only !== undefined
			? [...only.found.bySource].map(([name, digests]) => ({ name, digests }))
			: read.map(({ name, found }, index) => ({
					name: read.findIndex((one) => one.name === name) === index ? name : `${name} (${index + 1})`,
					digests: [...found.bySource.values()].flat(),
				}));
	if (sources.length < 2)
		throw new PolytapError(
			"USAGE",
			`only ${sources.length === 0 ? "nothing" : `the source ${sources[0]?.name}`} is in ${files.join(", ")}: there is nothing to compare with`,
			"give a file for each source, or one that several sources wrote with `capture: { merge: off }`",
		);
	return { sources, remarks, exitCode };
}

function remarksOf(file: string, { merged, unreadable }: RecordsFile): string[] {
	const remarks: string[] = [];
	if (merged > 0)
		remarks.push(
			`${file}: ${merged} records were merged from several sources, and count for the first of them; write it with merge: off`,
		);
	if (unreadable > 0) remarks.push(`${file}: ${unreadable} lines are no exchange records`);
	return remarks;
}

/** The config's sources in one run, each record by itself, and nothing but this report as their sink. */
async function fromLive(
	file: string,
	{ forMs, by }: CompareSettings,
	folder: string,
	stop: AbortController,
): Promise<Gathered> {
	const { config, catalog } = await readConfig(file);
	if (config.sources.length < 2)
		throw new PolytapError("USAGE", `${file} has ${config.sources.length} source: comparing takes two or more`);
	const path = join(folder, "records.jsonl");
	const log = makeLog(config.log);
	const board = new RateLimitedBoard(log);
	let timer: NodeJS.Timeout | undefined;
	const compared = {
		...config,
		capture: { ...config.capture, merge: "off", connection_records: true },
		sinks: await sinksInto(path),
	} as const;
	const modules = catalog instanceof Plugins ? catalog.modules : BUILTINS;
	const supervisor = new Supervisor(compared, modules, board, {
		ready: (capturing) => {
			log.info(`ready: ${capturing}`);
			if (forMs !== null) timer = setTimeout(() => stop.abort(), forMs);
		},
		brokenPipe: () => stop.abort(),
	});
	const { totals, failures } = await supervisor.run(stop.signal);
	clearTimeout(timer);
	for (const failure of failures) log.error(failure);
	const found = await readRecords(path, new Digester(), by);
	const names = [...new Set(config.sources.map(({ name, type }) => (by === "type" ? type : name)))];
	return {
		sources: names.map((name) => {
			const members = config.sources.filter((one) => (by === "type" ? one.type : one.name) === name);
			const counters = members.map((one) => totals.sources[one.name]?.counters ?? {}).reduce(sumCounters, {});
			return { name, digests: found.bySource.get(name) ?? [], counters };
		}),
		remarks: lossOf(totals),
		exitCode: failures[0] === undefined ? 0 : exitCodeOf(failures[0]),
	};
}

/** What the run lost: by cause, and behind the sources. */
function lossOf({ bytes, sinks, worker }: Totals): string[] {
	const remarks: string[] = [];
	const lost = Object.entries(bytes.lost).filter(([, count]) => count > 0);
	if (lost.length > 0)
		remarks.push(`bytes lost, all sources: ${lost.map(([cause, count]) => `${cause} ${count}`).join(", ")}`);
	const { offered = 0, written = 0 } = sinks[SINK]?.counters ?? {};
	if (written < offered)
		remarks.push(
			`${offered - written} records were lost on their way into this report: the machine was too slow for it`,
		);
	if (worker.restarts > 0)
		remarks.push(`the worker was started ${worker.restarts} times again: what it held is missing`);
	return remarks;
}

const SINK = "compare";

async function sinksInto(path: string): Promise<readonly SinkEntry[]> {
	const queue = { max_exchanges: 1_048_576, max_bytes: 536_870_912 };
	const { sinks } = await makeConfig({ sources: NO_SOURCES, sinks: { [SINK]: { type: "jsonl", path, queue } } });
	return sinks;
}

/** A config needs one; it is never made. */
const NO_SOURCES = { none: { type: "pcap", files: ["-"] } };

/** `plain` or `gzip` for a file of records in JSON lines; null for everything that `polytap read` reads. */
async function recordsFormat(path: string): Promise<"plain" | "gzip" | null> {
	const start = Buffer.alloc(16);
	const file = await open(path).catch((error: unknown) => {
		const reason = error instanceof Error ? error.message : String(error);
		throw new PolytapError("CAPTURE_UNREADABLE", `cannot read ${path}: ${reason}`, null, error);
	});
	try {
		await file.read(start, 0, start.length, 0);
	} finally {
		await file.close();
	}
	if (start[0] === 0x7b || path.endsWith(".jsonl")) return "plain";
	return start[0] === 0x1f && start[1] === 0x8b && path.endsWith(".jsonl.gz") ? "gzip" : null;
}

/** What `polytap read` would print, into a file. */
async function converted(file: string, path: string, stop: AbortController): Promise<readonly Notice[]> {
	const kind = await kindOfFile(file);
	const isRecording = kind === "recording";
	const config = await makeConfig({
		sources: {
			[basename(file)
				.replaceAll(/[^A-Za-z0-9_-]/g, "_")
				.replace(/^[^A-Za-z]/, "f")]: { type: isRecording ? "pcap" : kind, files: [file] },
		},
		sinks: { [SINK]: { type: "jsonl", path, queue: { when_full: "block" } } },
	});
	// with the redaction that sinks have by default: a report quotes what differs
	const replay = isRecording ? { replay: file } : {};
	return (await runPipeline({ config, isUnmerged: true, ...replay }, stop)).failures;
}

function rendered(report: CompareReport, format: ReportFormat): string {
	if (format === "json") return `${JSON.stringify(report, null, "\t")}\n`;
	return format === "html" ? htmlOf(report) : textOf(report);
}

async function writeReport(path: string, text: string): Promise<void> {
	try {
		// it quotes traffic
		await writeFile(path, text, { mode: 0o600 });
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		throw new PolytapError("USAGE", `the report could not be written to ${path}: ${reason}`, null, error);
	}
}

const optionsOf = ({ ignore, examples, toleranceMs }: CompareSettings): CompareOptions => ({
	ignored: new Set(ignore),
	examples,
	toleranceUs: toleranceMs * 1000,
});
