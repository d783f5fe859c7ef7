/**
 * The main thread's part: opens what must outlive a worker, starts the worker, watches its pulse, starts it again over the
 * same sources where it hangs or dies, changes its config while it runs, and keeps the totals.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Config, SourceEntry } from "../config/schema.js";
import { Kubernetes } from "../kubernetes/kubernetes.js";
import { type Judged, judge } from "./blame.js";
import { buried, type CounterGroups, NO_COUNTERS } from "./counters.js";
import type { RateLimitedBoard } from "./diagnostics.js";
import { Generation, type GenerationEnd } from "./generation.js";
import { type Health, healthOf } from "./health.js";
import { type Notice, noticeOf } from "./notice.js";
import type { PluginModules } from "./plugins.js";
import { changedKeys, planReload } from "./reload-plan.js";
import { Roster } from "./roster.js";
import { SourceHosts } from "./source-hosts.js";
import { type Totals, TotalsBook } from "./totals.js";

/** Workers in a row that never got as far as capturing. */
const MOST_FRUITLESS = 3;
const LONGEST_PAUSE_MS = 10_000;

export interface SupervisorEvents {
	/** Once: every source captures. */
	ready(capturing: string): void;
	/** Whoever read standard output went away. */
	brokenPipe(): void;
}

export interface Outcome {
	readonly totals: Totals;
	/** What failed for good, in order of appearance. Empty: all went well. */
	readonly failures: readonly Notice[];
}

export interface Reloaded {
	/** Why nothing was changed; null: it was. */
	readonly problem: Notice | null;
	/** In words. */
	readonly applied: readonly string[];
	readonly notApplied: readonly string[];
}

export class Supervisor {
	private config: Config;
	private plugins: PluginModules;
	private readonly board: RateLimitedBoard;
	private readonly events: SupervisorEvents;
	private readonly book = new TotalsBook();
	private readonly hosts: SourceHosts;
	private readonly kubernetes: Kubernetes | null;
	private readonly failures: Notice[] = [];
	private readonly roster = new Roster();
	private generation: Generation | null = null;
	/** Sources whose hosts could not open are not among them. */
	private able: readonly string[] = [];
	private wasReady = false;
	private isStopping = false;
	private careful = false;

	constructor(config: Config, plugins: PluginModules, board: RateLimitedBoard, events: SupervisorEvents) {
		this.config = config;
		this.plugins = plugins;
		this.board = board;
		this.events = events;
		this.hosts = new SourceHosts(plugins, board);
		this.roster.enrol(plugins, config);
		this.kubernetes =
			config.kubernetes === undefined ? null : new Kubernetes(config.kubernetes, board.for("kubernetes"));
	}

	/** Resolves when all sources have ended or `stop` was aborted, and everything is written and closed. Never rejects. */
	async run(stop: AbortSignal): Promise<Outcome> {
		stop.addEventListener(
			"abort",
			() => {
				this.isStopping = true;
			},
			{ once: true },
		);
		try {
			const sources = await this.hosts.open(this.config, stop);
			this.able = sources.map(({ name }) => name);
			await this.openKubernetes();
			await this.runWorkers(stop);
		} catch (error) {
			this.failures.push(noticeOf(error));
		}
		this.isStopping = true;
		this.failures.unshift(...this.hosts.failures);
		this.book.add(this.hosts.counters());
		this.book.add(this.kubernetesCounters());
		await this.kubernetes?.close();
		await this.hosts.close();
		this.board.flush();
		return { totals: this.book.close(this.config, this.board.problems.list()), failures: this.failures };
	}

	/** As it stands now, and about a quarter of a second ago in the worker. */
	totals(): Totals {
		const living = this.generation === null ? [] : [this.generation.counters];
		return this.book.close(this.config, this.board.problems.list(), [
			...living,
			this.hosts.counters(),
			this.kubernetesCounters(),
		]);
	}

	health(): Health {
		return healthOf({
			config: this.config,
			states: this.generation?.states ?? { sources: {}, sinks: {} },
			isReady: this.wasReady && this.generation?.wasReady === true && !this.isStopping,
			isStopping: this.isStopping,
			worker: this.book.worker,
			problems: this.board.problems.list(),
		});
	}

	/** Grows while the worker answers; 0 where there is none. */
	get beats(): number {
		return this.generation?.beats ?? 0;
	}

	/** As the config is now. */
	get workerTimeoutMs(): number {
		return this.config.capture.worker_timeout_ms;
	}

	/** All or nothing of what can change without a source starting again. One at a time. Never rejects. */
	async reload(next: Config, nextPlugins: PluginModules): Promise<Reloaded> {
		const plan = planReload(this.config, next, this.plugins, nextPlugins);
		const { generation } = this;
		this.roster.enrol(plan.change.plugins, plan.config);
		const change = { ...plan.change, roster: this.roster.entries };
		const refuse = (problem: Notice): Reloaded => {
			this.book.reloads.refused++;
			return { problem, applied: [], notApplied: [] };
		};
		if (generation === null || this.isStopping)
			return refuse({ code: "RELOAD_FAILED", message: "no worker thread runs now", hint: "try again" });
		const problem = await generation.prepare(change);
		if (problem !== null) return refuse(problem);
		const applied = [...plan.applied];
		const notApplied = [...plan.notApplied];
		const entries = new Map<string, SourceEntry>();
		const undo: (() => void)[] = [];
		try {
			for (const source of plan.sources) {
				const { now, next: wanted } = source;
				const changed = changedKeys(now.options as object, wanted.options as object);
				const { entry, waiting } = this.hosts.reconfigure(source, changed);
				undo.push(() => void this.hosts.reconfigure({ now: wanted, next: now }, changed));
				entries.set(now.name, entry);
				for (const key of changed) {
					if (waiting.includes(key)) notApplied.push(`sources.${now.name}.${key} (needs a restart)`);
					else applied.push(`sources.${now.name}.${key}`);
				}
			}
		} catch (error) {
			for (const step of undo.reverse()) step();
			generation.discard();
			return refuse(noticeOf(error));
		}
		const gone = await generation.commit(change);
		// a worker that ends now is followed by one with the new config
		if (gone !== null) this.board.warn(gone, "");
		const sources = plan.config.sources.map((entry) => entries.get(entry.name) ?? entry);
		this.config = { ...plan.config, sources };
		this.plugins = plan.change.plugins;
		this.book.reloads.applied++;
		return { problem: null, applied, notApplied };
	}

	/** A new config did not get as far as `reload`. */
	reloadRefused(): void {
		this.book.reloads.refused++;
	}

	/** After it the pods of this node are known, or that they are not. */
	private async openKubernetes(): Promise<void> {
		const { kubernetes } = this;
		if (kubernetes === null) return;
		kubernetes.onChange = (change) => this.generation?.podsChanged(change);
		await kubernetes.open();
	}

	private kubernetesCounters(): CounterGroups {
		return this.kubernetes === null ? NO_COUNTERS : { ...NO_COUNTERS, engine: this.kubernetes.counters() };
	}

	/** What the next worker runs: without what failed or was left out. */
	private runnable(): Config {
		const { leftOut } = this.book.worker;
		const sources = this.config.sources.filter(
			({ name }) => this.able.includes(name) && !leftOut.includes(`source ${name}`),
		);
		return {
			...this.config,
			sources,
			sinks: this.config.sinks.filter(({ name }) => !leftOut.includes(`sink ${name}`)),
		};
	}

	private async runWorkers(stop: AbortSignal): Promise<void> {
		const { worker } = this.book;
		for (let fruitless = 0; ; ) {
			const config = this.runnable();
			if (config.sources.length === 0 || config.sinks.length === 0) return;
			const generation = new Generation(
				{
					config,
					plugins: this.plugins,
					hosts: this.hosts.data,
					disabledParsers: worker.disabledParsers,
					roster: this.roster.entries,
					careful: this.careful,
				},
				{
					ready: (capturing) => {
						fruitless = 0;
						if (!this.wasReady) this.events.ready(capturing);
						this.wasReady = true;
					},
					warn: (notice, origin) => this.board.warn(notice, origin),
					info: (message) => this.board.info(message),
					brokenPipe: () => this.events.brokenPipe(),
					unknownPod: (id) => this.kubernetes?.lookFor(id),
				},
				this.kubernetes?.pods() ?? null,
			);
			this.generation = generation;
			const end = await generation.run(stop);
			this.generation = null;
			this.book.add(end.kind === "ended" ? generation.counters : buried(generation.counters));
			if (end.kind === "ended") {
				this.failures.push(...end.failures);
				return;
			}
			if (end.kind === "failed" && !this.wasReady) {
				this.failures.push(end.notice);
				return;
			}
			const judged = this.tell(end, generation.wasReady);
			if (stop.aborted || generation.isWritten) {
				// who does not let go at the end is a failure; who hung before is in the totals
				if (generation.wasReady && judged?.who != null) this.failures.push(judged.notice);
				return;
			}
			if (judged?.isOut === true) fruitless = 0;
			else if (!generation.wasReady && ++fruitless >= MOST_FRUITLESS) {
				this.failures.push(judged?.notice ?? deathOf(end));
				return;
			}
			worker.restarts++;
			if (end.kind !== "hung" || fruitless > 0) await this.pause(fruitless, stop);
			if (stop.aborted) return;
		}
	}

	/** Says what became of a worker, and decides who is left out of the next one. */
	private tell(end: Exclude<GenerationEnd, { kind: "ended" }>, wasReady: boolean): Judged | null {
		const { worker } = this.book;
		if (end.kind === "failed") {
			worker.died++;
			this.board.warn(end.notice, "worker");
			return null;
		}
		const judged = judge(end, this.roster.at(end.owner), wasReady, worker, this.config.capture.worker_timeout_ms);
		const { who, notice } = judged;
		this.board.warn(notice, who?.name ?? "worker");
		if (who === null) this.careful = true;
		if (who === null || !judged.isOut) return judged;
		if (who.kind === "parser") {
			worker.disabledParsers.push(who.name);
			this.board.warn(
				{
					code: "PARSER_DISABLED",
					message: `the parser of ${who.name} failed ${judged.times} times and is switched off: its connections are opaque now`,
					hint: "please report it, with a packet capture of such a connection if you can",
				},
				who.name,
			);
			return judged;
		}
		worker.leftOut.push(`${who.kind} ${who.name}`);
		const out: Notice = {
			code: "PLUGIN_LEFT_OUT",
			message: `the ${who.kind} ${who.name} is left out from here on: ${notice.message}`,
			hint: "the rest goes on; a restart tries it again",
		};
		this.board.warn(out, who.name);
		this.failures.push(out);
		return judged;
	}

	private async pause(fruitless: number, stop: AbortSignal): Promise<void> {
		const ms = Math.min(100 * 4 ** fruitless, LONGEST_PAUSE_MS);
		await delay(ms, undefined, { signal: stop }).catch(() => undefined);
	}
}

function deathOf(end: Exclude<GenerationEnd, { kind: "ended" }>): Notice {
	if (end.kind === "failed") return end.notice;
	const reason = end.kind === "died" ? end.reason : "it did not answer";
	return { code: "WORKER_DIED", message: `a worker thread ended unexpectedly: ${reason}`, hint: null };
}
