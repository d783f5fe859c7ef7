/** The worker thread: one pipeline, from sources to sinks. It never exits the process and never prints. */
import { parentPort, workerData } from "node:worker_threads";
import { composePipeline } from "./compose.js";
import { RateLimitedBoard } from "./diagnostics.js";
import type { FromWorker, ToWorker, WorkerStart } from "./messages.js";
import { noticeOf } from "./notice.js";
import { Pulse } from "./pulse.js";

const COUNTERS_MS = 250;

async function main(start: WorkerStart): Promise<void> {
	const stop = new AbortController();
	parentPort?.on("message", (message: ToWorker) => {
		if (message.kind === "stop") stop.abort();
	});
	const board = new RateLimitedBoard({
		warn: (notice) => tell({ kind: "warn", notice }),
		info: (message) => tell({ kind: "info", message }),
	});
	const pulse = new Pulse(start.pulse);
	const onBrokenPipe = () => tell({ kind: "broken-pipe" });
	const pipeline = await composePipeline(start.settings, { board, pulse, onBrokenPipe });
	try {
		await pipeline.open(stop.signal);
	} catch (error) {
		await pipeline.close();
		tell({ kind: "failed", notice: noticeOf(error) });
		return;
	}
	tell({ kind: "ready", capturing: pipeline.capturing });
	const report = setInterval(() => tell({ kind: "counters", counters: pipeline.counters() }), COUNTERS_MS);
	await pipeline.run(stop.signal);
	await pipeline.close();
	clearInterval(report);
	tell({ kind: "ended", counters: pipeline.counters(), failures: pipeline.failures });
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
