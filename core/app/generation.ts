/** One worker thread's life, from start to whatever end it takes. */
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import type { Pod } from "../kubernetes/pod.js";
import type { PodChange } from "../kubernetes/pod-store.js";
import type { PipelineSettings } from "./compose.js";
import { type CounterGroups, NO_COUNTERS } from "./counters.js";
import type { FromWorker, ToWorker, WorkerStart } from "./messages.js";
import type { Notice } from "./notice.js";
import type { PipelineStates } from "./pipeline.js";
import { Pulse } from "./pulse.js";
import type { ReloadChange } from "./sink-set.js";

export type GenerationEnd =
	| { readonly kind: "ended"; readonly failures: readonly Notice[] }
	| { readonly kind: "failed"; readonly notice: Notice }
	/** `owner`: number on the roster of the plugin in whose code it was, 0 for none. */
	| { readonly kind: "hung"; readonly owner: number }
	| { readonly kind: "died"; readonly reason: string; readonly owner: number };

export interface GenerationEvents {
	ready(capturing: string): void;
	warn(notice: Notice, origin: string): void;
	info(message: string): void;
	brokenPipe(): void;
	unknownPod(id: string): void;
}

/** Loading modules may take this long on a busy machine. */
const START_MS = 60_000;
const CHECKS_PER_TIMEOUT = 8;
/** Enough for the cap on connections; small semi-spaces keep the resident memory low. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 1_024, maxYoungGenerationSizeMb: 12 };

const GONE: Notice = {
	code: "RELOAD_FAILED",
	message: "the worker thread ended meanwhile",
	hint: null,
};

export class Generation {
	/** The last ones that it told. */
	counters: CounterGroups = NO_COUNTERS;
	states: PipelineStates = { sources: {}, sinks: {} };
	wasReady = false;
	/** All is written: whatever happens now, there is nothing to start again for. */
	isWritten = false;
	private worker: Worker | null = null;
	private timeoutMs: number;
	private answer: ((problem: Notice | null) => void) | null = null;
	private readonly settings: PipelineSettings;
	private readonly events: GenerationEvents;
	private readonly pulse = new Pulse();

	private readonly pods: readonly Pod[] | null;

	/** `pods`: those that are known; null: nobody asks for them. */
	constructor(settings: PipelineSettings, events: GenerationEvents, pods: readonly Pod[] | null = null) {
		this.settings = settings;
		this.events = events;
		this.pods = pods;
		this.timeoutMs = settings.config.capture.worker_timeout_ms;
	}

	/** Grows while it answers. */
	get beats(): number {
		return this.pulse.beats;
	}

	podsChanged(change: PodChange): void {
		this.worker?.postMessage({ kind: "pods", change } satisfies ToWorker);
	}

	/** First half of a reload: null, or why nothing was changed. */
	prepare(change: ReloadChange): Promise<Notice | null> {
		return this.ask({ kind: "prepare", change });
	}

	/** Second half, after `prepare` gave null. Resolves when everything flows by the new config; null unless it ended before. */
	commit(change: ReloadChange): Promise<Notice | null> {
		this.timeoutMs = change.capture.worker_timeout_ms;
		return this.ask({ kind: "commit" });
	}

	discard(): void {
		this.worker?.postMessage({ kind: "discard" } satisfies ToWorker);
	}

	private ask(message: ToWorker): Promise<Notice | null> {
		return new Promise((resolve) => {
			const { worker } = this;
			if (worker === null) {
				resolve(GONE);
				return;
			}
			this.answer = resolve;
			worker.postMessage(message);
		});
	}

	/** Resolves when the thread is gone. After `stop` it gets the time it needs, as long as its heart beats. */
	run(stop: AbortSignal): Promise<GenerationEnd> {
		const { pods } = this;
		const start: WorkerStart = {
			settings: this.settings,
			pulse: this.pulse.memory,
			...(pods === null ? {} : { pods }),
		};
		// little survives a scavenge here: waking helper threads for it costs more processor time than it saves
		setFlagsFromString("--no-parallel-scavenge");
		const worker = new Worker(new URL("./worker.js", import.meta.url), {
			workerData: start,
			resourceLimits: RESOURCE_LIMITS,
			name: "polytap-worker",
		});
		this.worker = worker;
		return new Promise((resolve) => {
			let end: GenerationEnd | null = null;
			const askToStop = () => worker.postMessage({ kind: "stop" } satisfies ToWorker);
			if (stop.aborted) askToStop();
			else stop.addEventListener("abort", askToStop, { once: true });
			const stopWatching = this.watch(() => {
				end ??= { kind: "hung", owner: this.pulse.owner };
				void worker.terminate();
			});
			worker.on("message", (message: FromWorker) => {
				end = this.hear(message) ?? end;
			});
			worker.on("error", (error) => {
				end ??= {
					kind: "died",
					reason: error instanceof Error ? error.message : String(error),
					owner: this.pulse.owner,
				};
			});
			worker.once("exit", (code) => {
				stopWatching();
				this.worker = null;
				this.answer?.(GONE);
				stop.removeEventListener("abort", askToStop);
				resolve(end ?? { kind: "died", reason: `exit code ${code}`, owner: this.pulse.owner });
			});
		});
	}

	private hear(message: FromWorker): GenerationEnd | null {
		switch (message.kind) {
			case "ready":
				this.wasReady = true;
				this.events.ready(message.capturing);
				return null;
			case "counters":
				this.counters = message.counters;
				this.states = message.states;
				return null;
			case "written":
				this.isWritten = true;
				return null;
			case "prepared":
			case "committed": {
				const { answer } = this;
				this.answer = null;
				answer?.(message.kind === "prepared" ? message.problem : null);
				return null;
			}
			case "warn":
				this.events.warn(message.notice, message.origin);
				return null;
			case "info":
				this.events.info(message.message);
				return null;
			case "unknown-pod":
				this.events.unknownPod(message.id);
				return null;
			case "broken-pipe":
				this.events.brokenPipe();
				return null;
			case "failed":
				return { kind: "failed", notice: message.notice };
			case "ended":
				this.counters = message.counters;
				return { kind: "ended", failures: message.failures };
		}
	}

	/**
	 * Counts checks without a beat instead of comparing times: a machine that was suspended wakes up with one check, not
	 * with a worker that looks hung.
	 */
	private watch(onHang: () => void): () => void {
		let last = this.pulse.beats;
		let creating = 0;
		let silent = 0;
		let timer: NodeJS.Timeout;
		const look = () => {
			const everyMs = this.timeoutMs / CHECKS_PER_TIMEOUT;
			timer = setTimeout(look, everyMs);
			const { beats } = this.pulse;
			// before the first beat modules are loaded, which may be slow, and plugins are created, which may not
			const owner = beats === 0 ? this.pulse.owner : 0;
			silent = beats === last && owner === creating ? silent + 1 : 0;
			last = beats;
			creating = owner;
			const isLoading = beats === 0 && owner === 0;
			const allowed = isLoading ? Math.max(START_MS / everyMs, CHECKS_PER_TIMEOUT) : CHECKS_PER_TIMEOUT;
			if (silent >= allowed) {
				clearTimeout(timer);
				onHang();
			}
		};
		look();
		return () => clearTimeout(timer);
	}
}
