/** The worker thread: one pipeline, from sources to sinks. It never exits the process and never prints. */
import { parentPort, workerData } from "node:worker_threads";
import { PodNames } from "../kubernetes/pod-names.js";
import { attributeContinuations } from "./attribution.js";
import { composePipeline } from "./compose.js";
import { RateLimitedBoard } from "./diagnostics.js";
import type { FromWorker, ToWorker, WorkerStart } from "./messages.js";
import { noticeOf } from "./notice.js";
import type { Pipeline } from "./pipeline.js";
import { Pulse } from "./pulse.js";
import type { PreparedChange } from "./sink-set.js";

const COUNTERS_MS = 250;
const BEAT_MS = 10;
/** Whoever hung the worker before does so again in this time, or it was the machine. */
const CAREFUL_MS = 600_000;

async function main(start: WorkerStart): Promise<void> {
	const stop = new AbortController();
	let reload: Reload | null = null;
	const names = start.pods === undefined ? null : new PodNames(start.pods, (id) => tell({ kind: "unknown-pod", id }));
	parentPort?.on("message", (message: ToWorker) => {
		if (message.kind === "stop") stop.abort();
		else if (message.kind === "pods") names?.change(message.change);
		else if (reload !== null) void reload.hear(message);
		else if (message.kind === "prepare") tell({ kind: "prepared", problem: STARTING });
	});
	const board = new RateLimitedBoard({
		warn: (notice, origin) => tell({ kind: "warn", notice, origin }),
		info: (message) => tell({ kind: "info", message }),
	});
	const pulse = new Pulse(start.pulse);
	if (start.settings.careful === true) setTimeout(attributeContinuations(pulse), CAREFUL_MS).unref();
	let beats: NodeJS.Timeout | undefined;
	const pipeline = await composePipeline(start.settings, {
		board,
		pulse,
		...(names === null ? {} : { names }),
		onBrokenPipe: () => tell({ kind: "broken-pipe" }),
		onLoaded: () => {
			// from here on silence means something: while modules are loaded a slow start is forgiven
			pulse.beat();
			beats = setInterval(() => pulse.beat(), BEAT_MS);
		},
	});
	const tellCounters = () => tell({ kind: "counters", counters: pipeline.counters(), states: pipeline.stateOfParts() });
	try {
		await pipeline.open(stop.signal);
	} catch (error) {
		await pipeline.close();
		clearInterval(beats);
		tell({ kind: "failed", notice: noticeOf(error) });
		return;
	}
	clearInterval(beats);
	tellCounters();
	tell({ kind: "ready", capturing: pipeline.capturing });
	reload = new Reload(pipeline);
	const report = setInterval(tellCounters, COUNTERS_MS);
	await pipeline.run(stop.signal);
	await reload.end();
	await pipeline.close(() => {
		tellCounters();
		tell({ kind: "written" });
	});
	clearInterval(report);
	board.flush();
	tell({ kind: "ended", counters: pipeline.counters(), failures: pipeline.failures });
}

const STARTING = { code: "RELOAD_FAILED", message: "the worker thread is not ready yet", hint: "try again" };

/** The worker's side of reloads: what is prepared until it is wanted or not. */
class Reload {
	private readonly pipeline: Pipeline;
	private prepared: PreparedChange | null = null;

	constructor(pipeline: Pipeline) {
		this.pipeline = pipeline;
	}

	async hear(message: Exclude<ToWorker, { kind: "stop" | "pods" }>): Promise<void> {
		if (message.kind === "discard") return this.end();
		if (message.kind === "prepare") {
			try {
				this.prepared = await this.pipeline.prepare(message.change);
				tell({ kind: "prepared", problem: null });
			} catch (error) {
				tell({ kind: "prepared", problem: noticeOf(error) });
			}
			return;
		}
		const { prepared } = this;
		this.prepared = null;
		if (prepared !== null) this.pipeline.commit(prepared);
		tell({ kind: "committed" });
	}

	async end(): Promise<void> {
		const { prepared } = this;
		this.prepared = null;
		if (prepared !== null) await this.pipeline.discard(prepared);
	}
}

function tell(message: FromWorker): void {
	parentPort?.postMessage(message);
}

try {
	await main(workerData as WorkerStart);
} catch (error) {
	tell({ kind: "failed", notice: noticeOf(error) });
} finally {
	parentPort?.close();
}
