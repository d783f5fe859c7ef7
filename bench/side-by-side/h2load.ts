import { join } from "node:path";
import { linesOf } from "../../test/e2e/support/lines.js";
import { runProgram } from "../../test/e2e/support/program.js";
import { folded } from "./latencies.js";
import type { Load } from "./workloads.js";

/** As fast as it goes, latency by its own log, which is written into `folder`. */
export async function runH2load(folder: string, seconds: number, args: readonly string[]): Promise<Load> {
	const log = join(folder, `h2load-${process.hrtime.bigint()}`);
	const all = ["-t1", "-D", String(seconds), "--log-file", log, ...args];
	const { stdout } = await runProgram("h2load", all, seconds * 1000 + 30_000);
	const [, succeeded, failed] = /requests: \d+ total, .*?(\d+) succeeded, (\d+) failed/.exec(stdout) ?? [];
	if (succeeded === undefined) throw new Error(`unreadable h2load: ${stdout}`);
	const latencies: number[] = [];
	for await (const line of linesOf(log)) {
		const us = Number(line.toString("latin1").split("\t")[2]);
		if (Number.isFinite(us)) latencies.push(us);
	}
	const requests = Number(succeeded);
	return { requests, requestsPerSecond: requests / seconds, failed: Number(failed), ...folded(latencies) };
}
