/**
 * Saturated nginx: what each way of watching costs. `node dist/bench/live.js [--rounds 5] [--seconds 4] [--dir /tmp]
 * [--netns 0]`
 */
import { tmpdir } from "node:os";
import { startNginx } from "../test/e2e/support/nginx.js";
import { REPOSITORY } from "../test/e2e/support/polytap.js";
import { withScope } from "../test/e2e/support/scope.js";
import { needBpftool } from "./harness/bpf-cost.js";
import { type CaptureKind, haproxy, none, polytap, tcpdump } from "./harness/captures.js";
import { describeMachine } from "./harness/machine.js";
import { makeNetns } from "./harness/netns.js";
import { main, readOptions } from "./harness/options.js";
import { publish, REPORTS } from "./harness/report.js";
import {
	BPF_SECONDS,
	bpfTable,
	costTable,
	measureRows,
	type Place,
	WARM_BYTES,
	WARMUP_SECONDS,
} from "./harness/saturated.js";

const KINDS: readonly CaptureKind[] = [none, polytap("server"), polytap("both"), tcpdump, haproxy];

const options = readOptions({ rounds: 5, seconds: 4, dir: tmpdir(), netns: 0, only: "", reports: REPORTS });

await main(() =>
	withScope(async (scope) => {
		await needBpftool();
		const machine = describeMachine(REPOSITORY);
		const netns = options.netns === 0 ? null : await makeNetns(scope);
		const nginx = await startNginx(scope, { netns });
		const { seconds, dir } = options;
		const place: Place = { nginx, netns, worker: (await nginx.workers())[0]!, path: "/small", seconds, dir };
		const kinds = KINDS.filter(({ name }) => name === "none" || name.includes(options.only));
		const { samples, costs } = await measureRows(kinds, options.rounds, place);
		publish(
			{
				name: "live",
				title: "Saturated nginx",
				machine,
				command: `node dist/bench/live.js --rounds ${options.rounds} --seconds ${options.seconds} --netns ${options.netns}`,
				method: [
					`nginx with one worker answers 96 bytes to wrk -t1 -c32 over loopback; everything shares the machine's processors, nothing is pinned.`,
					`${options.rounds} rounds; in each every row once, beginning with another one each time; ${WARMUP_SECONDS} s of load with the capture attached that is not measured, then ${options.seconds} s that are.`,
					"polytap: eBPF, whole payloads, one JSON object a line into a file; `both` watches the sockets of client and server. tcpdump: whole packets (-s 0 -B 65536) into a file of the same file system. haproxy: mode tcp, one thread, capturing nothing.",
					"Kept: requests/s against the row `none` of the same round. Figures are median (min–max) of the rounds.",
					`Before each row ${WARM_BYTES / 2 ** 30} GiB are written to a file that is then removed: the host of a virtual machine hands out memory lazily, and the rows that write files would pay for that.`,
					"Agent CPU: of the capture's process, user and system, from the beginning of the load until its backlog is worked off, for each request. Server CPU: of nginx's worker, where the kernel's part of a capture shows.",
					"Captured: lines in the file against the requests that nginx counted, warm-up included. Lost: what the capture says of itself (polytap bytes, tcpdump packets).",
					`Kernel time: a run of its own of ${BPF_SECONDS} s with kernel.bpf_stats_enabled=1, which costs something itself.`,
				],
				tables: [costTable("Cost", samples, none.name), bpfTable("Time in the kernel's BPF programs", costs)],
				data: { options, samples: Object.fromEntries(samples), bpf: Object.fromEntries(costs) },
			},
			options.reports,
		);
	}),
);
