/** The composition root: the only place that knows inversify. Everything it makes is handed what it needs by constructor. */
import "reflect-metadata";
import { basename } from "node:path";
import { Container, type ServiceIdentifier } from "inversify";
import type { Config } from "../config/schema.js";
import { Delivery } from "../delivery/delivery.js";
import type { OutletListener } from "../delivery/outlet.js";
import { Engine, type EngineOptions } from "../engine/engine.js";
import { PolytapError } from "../errors.js";
import { isBrokenPipe } from "../io/write-fully.js";
import type { ParserPlugin } from "../plugin.js";
import { headerOf } from "../recording/header.js";
import { Recorder } from "../recording/recorder.js";
import { Redactor } from "../redaction/redactor.js";
import { withoutDefaults } from "../redaction/rules.js";
import type { RateLimitedBoard } from "./diagnostics.js";
import { type NamedSink, Pipeline, type PipelineParts } from "./pipeline.js";
import { type PluginModules, Plugins } from "./plugins.js";
import type { Pulse } from "./pulse.js";
import type { NamedSource } from "./pump.js";
import { ReplaySource } from "./replay-source.js";
import { polytapVersion } from "./version.js";
import { warmUp } from "./warm-up.js";
import { watchedParser } from "./watched-parser.js";

/** Plain data: it crosses into worker threads. */
export interface PipelineSettings {
	readonly config: Config;
	readonly plugins: PluginModules;
	/** What each source's host returned from `open`, by source name. */
	readonly hosts: Readonly<Record<string, unknown>>;
	/** Protocols that hung a worker too often. */
	readonly disabledParsers: readonly string[];
	/** A recording, which takes the place of the config's sources. */
	readonly replay?: string;
}

export interface PipelineSurroundings {
	readonly board: RateLimitedBoard;
	readonly pulse: Pulse;
	/** Whoever read standard output went away. */
	readonly onBrokenPipe: () => void;
}

const token = <T>(name: string): ServiceIdentifier<T> => Symbol.for(`polytap.${name}`);

const SETTINGS = token<PipelineSettings>("settings");
const SURROUNDINGS = token<PipelineSurroundings>("surroundings");
const PARSERS = token<readonly ParserPlugin[]>("parsers");
const DELIVERY = token<Delivery>("delivery");
const SOURCES = token<readonly NamedSource[]>("sources");
const SINKS = token<readonly NamedSink[]>("sinks");
const RECORDER = token<Recorder | null>("recorder");
const PIPELINE = token<Pipeline>("pipeline");

/** Makes a pipeline and everything in it. Opens nothing. */
export function composePipeline(settings: PipelineSettings, surroundings: PipelineSurroundings): Promise<Pipeline> {
	const container = new Container({ defaultScope: "Singleton" });
	container.bind(SETTINGS).toConstantValue(settings);
	container.bind(SURROUNDINGS).toConstantValue(surroundings);
	container.bind(PARSERS).toResolvedValue(makeParsers, [SETTINGS, SURROUNDINGS]);
	container.bind(DELIVERY).toResolvedValue(makeDelivery, [SETTINGS, SURROUNDINGS]);
	container.bind(SOURCES).toResolvedValue(makeSources, [SETTINGS, SURROUNDINGS, PARSERS, DELIVERY]);
	container.bind(RECORDER).toResolvedValue(makeRecorder, [SETTINGS, SURROUNDINGS, PARSERS, SOURCES]);
	container.bind(SINKS).toResolvedValue(makeSinks, [SETTINGS, SURROUNDINGS]);
	container.bind(PIPELINE).toResolvedValue(makePipeline, [SOURCES, SINKS, DELIVERY, RECORDER, SURROUNDINGS]);
	return container.getAsync(PIPELINE);
}

async function makeParsers(settings: PipelineSettings, { pulse }: PipelineSurroundings): Promise<ParserPlugin[]> {
	const all = await new Plugins(settings.plugins).parsers();
	return all
		.map((parser, index) => watchedParser(parser, index + 1, pulse))
		.filter((parser) => !settings.disabledParsers.includes(parser.protocol));
}

function makeDelivery({ config }: PipelineSettings, { board, onBrokenPipe }: PipelineSurroundings): Delivery {
	if (withoutDefaults(config.redact)) board.for("redact").warn("REDACTION_OFF", "`defaults: false`", REDACTION_HINT);
	const listener: OutletListener = {
		queueFull: (sink, dropped) =>
			board.for(sink).warn("SINK_QUEUE_FULL", `slower than the traffic: ${dropped} exchanges dropped`, QUEUE_HINT),
		writeFailed: (sink, exchanges, error) => {
			if (isBrokenPipe(error)) {
				onBrokenPipe();
				return;
			}
			const reason = error instanceof Error ? error.message : String(error);
			board.for(sink).warn("SINK_WRITE_FAILED", `${exchanges} exchanges were not written: ${reason}`);
		},
		redactionFailed: (error) => {
			// the name alone: a message may quote what was to be hidden
			const name = error instanceof Error ? error.name : typeof error;
			board.for("redact").warn("REDACTION_FAILED", `an exchange was dropped: ${name}`);
		},
	};
	return new Delivery(listener, Redactor.of(config.redact));
}

const REDACTION_HINT = "authorization, cookies and keys in headers and URLs are written as they are";
const QUEUE_HINT = "a faster disk or receiver, fewer targets, or a larger `queue` for this sink";

async function makeSources(
	{ config, hosts, plugins, replay }: PipelineSettings,
	{ board }: PipelineSurroundings,
	parsers: readonly ParserPlugin[],
	delivery: Delivery,
): Promise<NamedSource[]> {
	const { capture } = config;
	const options = {
		maxBodyBytes: capture.max_body_bytes,
		mergeWindowUs: capture.merge_window_ms * 1000,
		requestTimeoutUs: capture.request_timeout_ms * 1000,
		maxConnections: capture.max_connections,
		connectionRecords: capture.connection_records,
		maxHeldBytes: capture.max_held_bytes,
	};
	const makeEngine = (own: Partial<EngineOptions> = options, known = parsers) =>
		new Engine(own, known, delivery.emit, (parser, error) => {
			const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
			board.for(parser.protocol).warn("PARSER_FAILED", `the parser threw: ${reason}`);
		});
	if (replay !== undefined) {
		const name = basename(replay);
		const source = new ReplaySource(replay, parsers, makeEngine, board.for(name));
		// the recording brings engines of its own; this one is never told anything
		const idle = new Engine({}, [], () => {});
		return [
			{ name, type: "recording", offline: true, source, engine: idle, number: idle.addSource(name, "recording") },
		];
	}
	// Live sources share a clock and so an engine; each recorded one has its own time.
	const live = makeEngine();
	if (config.sources.some((entry) => !entry.offline)) warmUp(parsers);
	return Promise.all(
		config.sources.map(async (entry): Promise<NamedSource> => {
			const plugin = await new Plugins(plugins).source(entry.type);
			if (plugin === null) throw unknownType("source", entry.type);
			const engine = entry.offline ? makeEngine() : live;
			return {
				name: entry.name,
				type: entry.type,
				offline: entry.offline,
				source: plugin.create(entry.options, {
					name: entry.name,
					diagnostics: board.for(entry.name),
					host: hosts[entry.name] ?? null,
				}),
				engine,
				number: engine.addSource(entry.name, entry.type),
			};
		}),
	);
}

function makeSinks({ config, plugins }: PipelineSettings, { board }: PipelineSurroundings): Promise<NamedSink[]> {
	return Promise.all(
		config.sinks.map(async (entry) => {
			const plugin = await new Plugins(plugins).sink(entry.type);
			if (plugin === null) throw unknownType("sink", entry.type);
			const context = { name: entry.name, diagnostics: board.for(entry.name) };
			return { entry, sink: plugin.create(entry.options, context) };
		}),
	);
}

function makeRecorder(
	{ config }: PipelineSettings,
	{ board }: PipelineSurroundings,
	parsers: readonly ParserPlugin[],
	sources: readonly NamedSource[],
): Recorder | null {
	const { record } = config;
	if (record === undefined) return null;
	const engines = [...new Set(sources.map(({ engine }) => engine))];
	const header = () =>
		headerOf(
			polytapVersion(),
			new Date(),
			parsers.map(({ protocol }) => protocol),
			engines.map((engine) => ({
				options: engine.options,
				sources: sources
					.filter((source) => source.engine === engine)
					.sort((a, b) => a.number - b.number)
					.map(({ name, type }) => ({ name, type })),
			})),
		);
	return new Recorder(record, header, engines, board.for("record"));
}

function unknownType(kind: string, type: string): PolytapError {
	return new PolytapError("INTERNAL", `there is no ${kind} of type "${type}"`);
}

function makePipeline(
	sources: readonly NamedSource[],
	sinks: readonly NamedSink[],
	delivery: Delivery,
	recorder: Recorder | null,
	{ board, pulse }: PipelineSurroundings,
): Pipeline {
	const parts: PipelineParts = { sources, sinks, delivery, recorder, board, pulse };
	return new Pipeline(parts);
}
