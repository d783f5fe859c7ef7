/** The totals as Prometheus metrics. Made anew for each scrape from the counters that are kept anyway: nothing is counted for it. */
import { Counter, Gauge, Registry } from "prom-client";
import type { Counters } from "./counters.js";
import type { Health } from "./health.js";
import type { Totals } from "./totals.js";

/** Counters that go up and down, or stand for the most there was. */
const LEVEL = /(?:_open|_held|_high_water|^waiting|^spool_waiting|^spool_bytes)$/;

/** The fixed families; those of sources, sinks and the engine follow from their counters' names. */
export const METRICS = {
	polytap_build_info: { type: "gauge", labels: ["version"], help: "Always 1." },
	polytap_up_seconds: { type: "gauge", labels: [], help: "Since the run began." },
	polytap_ready: { type: "gauge", labels: [], help: "1 while everything that can capture captures." },
	polytap_source_up: { type: "gauge", labels: ["source", "type"], help: "1 while the source runs." },
	polytap_sink_up: { type: "gauge", labels: ["sink", "type"], help: "1 while the sink takes exchanges." },
	polytap_parser_up: {
		type: "gauge",
		labels: ["parser"],
		help: "0: the parser is switched off. Only parsers that failed.",
	},
	polytap_seen_bytes_total: { type: "counter", labels: [], help: "Bytes that were captured or are known to be lost." },
	polytap_captured_bytes_total: { type: "counter", labels: [], help: "Bytes that were captured." },
	polytap_lost_bytes_total: { type: "counter", labels: ["cause"], help: "Bytes that are known to be lost, by cause." },
	polytap_worker_restarts_total: { type: "counter", labels: [], help: "Workers that were started again." },
	polytap_worker_hangs_total: {
		type: "counter",
		labels: ["in"],
		help: "Workers that did not answer, by the plugin in whose code they were.",
	},
	polytap_worker_deaths_total: { type: "counter", labels: [], help: "Workers that ended unexpectedly." },
	polytap_reloads_total: { type: "counter", labels: ["result"], help: "Configs loaded anew: applied or refused." },
	polytap_problems_total: {
		type: "counter",
		labels: ["code", "origin"],
		help: "Warnings and errors, told or held back.",
	},
	process_resident_memory_bytes: { type: "gauge", labels: [], help: "Resident memory of the process." },
	process_cpu_seconds_total: { type: "counter", labels: [], help: "Processor time of the process, all threads." },
	process_open_fds: { type: "gauge", labels: [], help: "Open file descriptors." },
	process_start_time_seconds: { type: "gauge", labels: [], help: "When the run began, since the epoch." },
} as const satisfies Record<string, MetricSpec>;

interface MetricSpec {
	readonly type: "gauge" | "counter";
	readonly labels: readonly string[];
	readonly help: string;
}

type MetricName = keyof typeof METRICS;

/** A counter's name by the conventions of Prometheus: the unit behind, `_total` last. */
export function metricName(prefix: string, counter: string): string {
	const plain = counter.replace(/[^a-zA-Z0-9_]/g, "_");
	const withUnit = plain.startsWith("bytes_") ? `${plain.slice("bytes_".length)}_bytes` : plain;
	const name = `${prefix}_${withUnit}`;
	return LEVEL.test(counter) || name.endsWith("_total") ? name : `${name}_total`;
}

export function isLevel(counter: string): boolean {
	return LEVEL.test(counter);
}

/** What a part counts for each of several things is named as Prometheus writes it: `jvm_hook_errors{pid="71"}`. */
export function splitLabels(key: string): { readonly counter: string; readonly labels: Labels } {
	const brace = key.indexOf("{");
	if (brace < 0) return { counter: key, labels: {} };
	const pairs = [...key.slice(brace).matchAll(/([a-z_]+)="([^"]*)"/g)];
	return {
		counter: key.slice(0, brace),
		labels: Object.fromEntries(pairs.map(([, name = "", value = ""]) => [name, value])),
	};
}

export function renderMetrics(totals: Totals, health: Health, version: string): Promise<string> {
	const sheet = new Sheet();
	const { bytes, engine, sources, sinks, parsers, worker, reloads, problems } = totals;
	sheet.fixed("polytap_build_info", 1, { version });
	sheet.fixed("polytap_up_seconds", totals.durationMs / 1000);
	sheet.fixed("polytap_ready", health.ready ? 1 : 0);
	for (const [source, { type, state }] of Object.entries(health.sources))
		sheet.fixed("polytap_source_up", state === "running" ? 1 : 0, { source, type });
	for (const [sink, { type, state }] of Object.entries(health.sinks))
		sheet.fixed("polytap_sink_up", state === "running" ? 1 : 0, { sink, type });
	for (const parser of new Set([...Object.keys(parsers), ...worker.disabledParsers]))
		sheet.fixed("polytap_parser_up", worker.disabledParsers.includes(parser) ? 0 : 1, { parser });
	sheet.fixed("polytap_seen_bytes_total", bytes.seen);
	sheet.fixed("polytap_captured_bytes_total", bytes.captured);
	for (const [cause, lost] of Object.entries(bytes.lost)) sheet.fixed("polytap_lost_bytes_total", lost, { cause });
	sheet.fixed("polytap_worker_restarts_total", worker.restarts);
	for (const [where, times] of Object.entries(worker.hung))
		sheet.fixed("polytap_worker_hangs_total", times, { in: where });
	sheet.fixed("polytap_worker_deaths_total", worker.died);
	sheet.fixed("polytap_reloads_total", reloads.applied, { result: "applied" });
	sheet.fixed("polytap_reloads_total", reloads.refused, { result: "refused" });
	for (const { code, origin, times } of problems) sheet.fixed("polytap_problems_total", times, { code, origin });
	sheet.fixed("process_resident_memory_bytes", totals.process.residentBytes);
	sheet.fixed("process_cpu_seconds_total", totals.process.cpuMs / 1000);
	if (totals.process.openFiles !== null) sheet.fixed("process_open_fds", totals.process.openFiles);
	sheet.fixed("process_start_time_seconds", Date.parse(totals.startedAt) / 1000);
	sheet.group("polytap_engine", engine, {});
	for (const [source, { type, counters }] of Object.entries(sources))
		sheet.group("polytap_source", counters, { source, type });
	for (const [sink, { type, counters }] of Object.entries(sinks)) sheet.group("polytap_sink", counters, { sink, type });
	for (const [parser, counters] of Object.entries(parsers)) sheet.group("polytap_parser", counters, { parser });
	return sheet.text();
}

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

type Labels = Readonly<Record<string, string>>;

class Sheet {
	private readonly registry = new Registry();
	private readonly families = new Map<string, (value: number, labels: Labels) => void>();

	fixed(name: MetricName, value: number, labels: Labels = {}): void {
		const { type, help, labels: names } = METRICS[name];
		this.put(name, type, help, names, value, labels);
	}

	group(prefix: string, counters: Counters, labels: Labels): void {
		for (const [key, value] of Object.entries(counters)) {
			const { counter, labels: own } = splitLabels(key);
			const type = isLevel(counter) ? "gauge" : "counter";
			const help = `The counter ${counter} of the totals.`;
			const all = { ...labels, ...own };
			this.put(metricName(prefix, counter), type, help, Object.keys(all), value, all);
		}
	}

	text(): Promise<string> {
		return this.registry.metrics();
	}

	private put(
		name: string,
		type: "gauge" | "counter",
		help: string,
		labelNames: readonly string[],
		value: number,
		labels: Labels,
	): void {
		let write = this.families.get(name);
		if (write === undefined) {
			const options = { name, help, labelNames, registers: [this.registry] };
			const metric = type === "gauge" ? new Gauge(options) : new Counter(options);
			// a counter of a plugin that went down is not to break the scrape
			write = (amount, of) => metric.inc({ ...of }, type === "gauge" ? amount : Math.max(0, amount));
			this.families.set(name, write);
		}
		write(value, labels);
	}
}
