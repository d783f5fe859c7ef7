/** One worker thread's life, from start to whatever end it takes. */
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import type { PipelineSettings } from "./compose.js";
import { type CounterGroups, NO_COUNTERS } from "./counters.js";
import type { FromWorker, ToWorker, WorkerStart } from "./messages.js";
import type { Notice } from "./notice.js";
import { Pulse } from "./pulse.js";

export type GenerationEnd =
	| { readonly kind: "ended"; readonly failures: readonly Notice[] }
	| { readonly kind: "failed"; readonly notice: Notice }
	/** `parser`: its number on the pulse, 0 for none. */
	| { readonly kind: "hung"; readonly parser: number }
	| { readonly kind: "died"; readonly reason: string };

export interface GenerationEvents {
	ready(capturing: string): void;
	warn(notice: Notice): void;
	info(message: string): void;
	brokenPipe(): void;
}

/** Loading modules may take this long on a busy machine. */
const START_MS = 20_000;
const CHECKS_PER_TIMEOUT = 8;
/** Enough for the cap on connections; small semi-spaces keep the resident memory low. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 1_024, maxYoungGenerationSizeMb: 24 };

export class Generation {
	/** The last ones that it told. */
	counters: CounterGroups = NO_COUNTERS;
	wasReady = false;
	private readonly settings: PipelineSettings;
	private readonly events: GenerationEvents;
	private readonly pulse = new Pulse();

	constructor(settings: PipelineSettings, events: GenerationEvents) {
		this.settings = settings;
		this.events = events;
	}

	/** Resolves when the thread is gone. After `stop` it gets the time it needs, as long as its heart beats. */
	run(stop: AbortSignal): Promise<GenerationEnd> {
		const start: WorkerStart = { settings: this.settings, pulse: this.pulse.memory };
		// little survives a scavenge here: waking helper threads for it costs more processor time than it saves
		setFlagsFromString("--no-parallel-scavenge");
		const worker = new Worker(new URL("./worker.js", import.meta.url), {
			workerData: start,
			resourceLimits: RESOURCE_LIMITS,
			name: "polytap-worker",
		});
		return new Promise((resolve) => {
			let end: GenerationEnd | null = null;
			const askToStop = () => worker.postMessage({ kind: "stop" } satisfies ToWorker);
			if (stop.aborted) askToStop();
			else stop.addEventListener("abort", askToStop, { once: true });
			const stopWatching = this.watch(() => {
				end ??= { kind: "hung", parser: this.pulse.parser };
				void worker.terminate();
			});
			worker.on("message", (message: FromWorker) => {
				end = this.hear(message) ?? end;
			});
			worker.on("error", (error) => {
				end ??= { kind: "died", reason: error instanceof Error ? error.message : String(error) };
			});
			worker.once("exit", (code) => {
				stopWatching();
				stop.removeEventListener("abort", askToStop);
				resolve(end ?? { kind: "died", reason: `exit code ${code}` });
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
				return null;
			case "warn":
				this.events.warn(message.notice);
				return null;
			case "info":
				this.events.info(message.message);
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
		const timeoutMs = this.settings.config.capture.worker_timeout_ms;
		const everyMs = timeoutMs / CHECKS_PER_TIMEOUT;
		let last = this.pulse.beats;
		let silent = 0;
		const timer = setInterval(() => {
			const { beats } = this.pulse;
			silent = beats === last ? silent + 1 : 0;
			last = beats;
			const allowed = beats === 0 ? Math.max(START_MS / everyMs, CHECKS_PER_TIMEOUT) : CHECKS_PER_TIMEOUT;
			if (silent >= allowed) {
				clearInterval(timer);
				onHang();
			}
		}, everyMs);
		return () => clearInterval(timer);
	}
}
