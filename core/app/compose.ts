/** The composition root: the only place that knows inversify. Everything it makes is handed what it needs by constructor. */
import "reflect-metadata";
import { basename } from "node:path";
import { Container, type ServiceIdentifier } from "inversify";
import type { Config } from "../config/schema.js";
import { Correlation } from "../correlation/correlation.js";
import { Delivery } from "../delivery/delivery.js";
import type { OutletListener } from "../delivery/outlet.js";
import { Engine, type EngineOptions } from "../engine/engine.js";
import type { ConfiguredParser } from "../engine/registry.js";
import { isBrokenPipe } from "../io/write-fully.js";
import { nameProcesses } from "../kubernetes/naming.js";
import type { PodNames } from "../kubernetes/pod-names.js";
import { headerOf, optionsOf } from "../recording/header.js";
import { Recorder } from "../recording/recorder.js";
import { Redactor } from "../redaction/redactor.js";
import { withoutDefaults } from "../redaction/rules.js";
import type { RateLimitedBoard } from "./diagnostics.js";
import { engineOptions, portHints } from "./engine-options.js";
import { heldToReading } from "./held-to-reading.js";
import { findSink, findSource, makeSink, makeSource, type NamedSink, type Workshop } from "./making.js";
import { noticeOf } from "./notice.js";
import { Pipeline, type PipelineParts } from "./pipeline.js";
import { type PluginModules, Plugins } from "./plugins.js";
import type { Pulse } from "./pulse.js";
import type { NamedSource } from "./pump.js";
import { ReplaySource } from "./replay-source.js";
import { Roster, type RosterEntry } from "./roster.js";
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
	/** Every source's record by itself, whatever the config or a recording says. */
	readonly isUnmerged?: true;
	/** By which the pulse names plugins. */
	readonly roster?: readonly RosterEntry[];
	/** Plugins are followed through their promises and timers: a worker before hung or died and nobody knew in whose code. */
	readonly careful?: boolean;
}

export interface PipelineSurroundings {
	readonly board: RateLimitedBoard;
	readonly pulse: Pulse;
	/** Whoever read standard output went away. */
	readonly onBrokenPipe: () => void;
	/** Processes of live sources get the names of their pods. */
	readonly names?: PodNames;
	/** All modules are loaded and the first code of plugins is about to run. */
	readonly onLoaded?: () => void;
}

const token = <T>(name: string): ServiceIdentifier<T> => Symbol.for(`polytap.${name}`);

const SETTINGS = token<PipelineSettings>("settings");
const SURROUNDINGS = token<PipelineSurroundings>("surroundings");
const SHOP = token<Workshop>("workshop");
const PARSER_FAILURES = token<ParserFailures>("parser-failures");
const PARSERS = token<readonly ConfiguredParser[]>("parsers");
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
	container.bind(SHOP).toResolvedValue(makeWorkshop, [SETTINGS, SURROUNDINGS]);
	container.bind(PARSER_FAILURES).toConstantValue(new Map());
	container.bind(PARSERS).toResolvedValue(makeParsers, [SETTINGS, SURROUNDINGS, SHOP]);
	container.bind(DELIVERY).toResolvedValue(makeDelivery, [SETTINGS, SURROUNDINGS]);
	container
		.bind(SOURCES)
		.toResolvedValue(makeSources, [SETTINGS, SURROUNDINGS, PARSERS, DELIVERY, SHOP, PARSER_FAILURES]);
	container.bind(RECORDER).toResolvedValue(makeRecorder, [SETTINGS, SURROUNDINGS, PARSERS, SOURCES]);
	container.bind(SINKS).toResolvedValue(makeSinks, [SETTINGS, SHOP]);
	container
		.bind(PIPELINE)
		.toResolvedValue(makePipeline, [SETTINGS, SURROUNDINGS, SOURCES, SINKS, DELIVERY, RECORDER, SHOP, PARSER_FAILURES]);
	return container.getAsync(PIPELINE);
}

function makeWorkshop({ plugins, roster }: PipelineSettings, { board, pulse }: PipelineSurroundings): Workshop {
	return { plugins, roster: new Roster(roster), board, pulse };
}

/** By protocol, as the engine tells them. */
export type ParserFailures = Map<string, number>;

async function makeParsers(
	settings: PipelineSettings,
	{ board, pulse }: PipelineSurroundings,
	{ roster }: Workshop,
): Promise<ConfiguredParser[]> {
	const found: ConfiguredParser[] = [];
	for (const { name, plugin, isForeign } of await new Plugins(settings.plugins).eachParser()) {
		if (settings.disabledParsers.includes(name)) continue;
		if (plugin instanceof Error) board.warn({ ...noticeOf(plugin), code: "PLUGIN_IMPORT_FAILED" }, name);
		else {
			const options = settings.config.protocols?.find(({ protocol }) => protocol === name)?.prepared;
			const watched = watchedParser({ ...plugin, options }, roster.numberOf("parser", name), pulse);
			found.push(isForeign ? heldToReading(watched) : watched);
		}
	}
	return found;
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
		spoolFull: (sink, reason) => board.for(sink).warn("SPOOL_FULL", `the spool is full: ${reason}`, SPOOL_HINT),
		spoolFailed: (sink, error) => {
			const reason = error instanceof Error ? error.message : String(error);
			board.for(sink).warn("SPOOL_FAILED", `the spool: ${reason}`);
		},
		spoolDamaged: (sink, bytes, exchanges) =>
			board.for(sink).warn("SPOOL_DAMAGED", `the spool: ${bytes} bytes are damaged, ${exchanges} exchanges lost`),
		redactionFailed: (error) => {
			// the name alone: a message may quote what was to be hidden
			const name = error instanceof Error ? error.name : typeof error;
			board.for("redact").warn("REDACTION_FAILED", `an exchange was dropped: ${name}`);
		},
	};
	return new Delivery(listener, Redactor.of(config.redact));
}

const REDACTION_HINT = "authorization, cookies and keys in headers and URLs are written as they are";
const SPOOL_HINT = "more room on its disk, or a larger `queue.spool.max_bytes`";
const QUEUE_HINT = "a faster disk or receiver, fewer targets, or a larger `queue` for this sink";

async function makeSources(
	{ config, hosts, plugins, replay, isUnmerged }: PipelineSettings,
	{ board, onLoaded, names }: PipelineSurroundings,
	parsers: readonly ConfiguredParser[],
	delivery: Delivery,
	shop: Workshop,
	failures: ParserFailures,
): Promise<NamedSource[]> {
	const found = await Promise.all(config.sources.map((entry) => findSource(plugins, entry)));
	// so that no import stands between the first beat and the first answer
	await Promise.all(config.sinks.map((entry) => findSink(plugins, entry)));
	const options = { ...engineOptions(config.capture), portHints: portHints(config.protocols) };
	const makeEngine = (own: Partial<EngineOptions> = options, known = parsers) => {
		const engine = new Engine(own, known, delivery.emit, (parser, error) => {
			failures.set(parser.protocol, (failures.get(parser.protocol) ?? 0) + 1);
			const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
			board.for(parser.protocol).warn("PARSER_FAILED", `the parser threw: ${reason}`);
		});
		if (isUnmerged !== true) engine.stage = new Correlation(engine, delivery.emit);
		return engine;
	};
	if (replay !== undefined) {
		const name = basename(replay);
		const source = new ReplaySource(replay, parsers, makeEngine, board.for(name));
		// the recording brings engines of its own; this one is never told anything
		const idle = new Engine({}, [], () => {});
		onLoaded?.();
		return [
			{ name, type: "recording", offline: true, source, engine: idle, number: idle.addSource(name, "recording") },
		];
	}
	// Live sources share a clock and so an engine; each recorded one has its own time.
	const isSeveral = config.sources.filter(({ offline }) => !offline).length > 1;
	const joinsLayers = isSeveral && found.some((plugin) => "seesPlaintext" in plugin && plugin.seesPlaintext === true);
	const live = makeEngine({ ...engineOptions(config.capture), joinsLayers });
	// a recording has everything
	if (config.record === undefined) live.couldWant = (subject) => delivery.couldWant(subject);
	if (config.sources.some((entry) => !entry.offline)) warmUp(parsers);
	onLoaded?.();
	return config.sources.map((entry, index): NamedSource => {
		// what was recorded elsewhere has its own time, and files that people make have sequence numbers of their own
		const engine = entry.offline ? makeEngine({ ...engineOptions(config.capture), merge: "off" }) : live;
		const source = makeSource(found[index]!, entry, hosts[entry.name] ?? null, shop);
		if (names !== undefined && !entry.offline) nameProcesses(source, names);
		const advise = source.advise === undefined ? null : source.advise.bind(source);
		const number = engine.addSource(entry.name, entry.type, advise);
		return { name: entry.name, type: entry.type, offline: entry.offline, source, engine, number };
	});
}

/** After the sources: modules are loaded and the pulse beats. */
async function makeSinks({ config, plugins }: PipelineSettings, shop: Workshop): Promise<NamedSink[]> {
	const found = await Promise.all(config.sinks.map((entry) => findSink(plugins, entry)));
	return config.sinks.map((entry, index) => makeSink(found[index]!, entry, shop));
}

function makeRecorder(
	{ config }: PipelineSettings,
	{ board }: PipelineSurroundings,
	parsers: readonly ConfiguredParser[],
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
			optionsOf(parsers),
		);
	return new Recorder(record, header, engines, board.for("record"));
}

function makePipeline(
	settings: PipelineSettings,
	{ names }: PipelineSurroundings,
	sources: readonly NamedSource[],
	sinks: readonly NamedSink[],
	delivery: Delivery,
	recorder: Recorder | null,
	shop: Workshop,
	parserFailures: ParserFailures,
): Pipeline {
	const parts: PipelineParts = {
		settings,
		sources,
		sinks,
		delivery,
		recorder,
		shop,
		parserFailures,
		names: names ?? null,
	};
	return new Pipeline(parts);
}
