/**
 * What single features of the eBPF source cost, and what its filters save: `node dist/bench/features.js [--rounds 5]
 * [--seconds 3] [--dir /tmp]`. What TLS costs is measured by `bench/tls.ts`.
 */
import { tmpdir } from "node:os";
import { startNginx } from "../test/e2e/support/nginx.js";
import { REPOSITORY } from "../test/e2e/support/polytap.js";
import { withScope } from "../test/e2e/support/scope.js";
import { needBpftool } from "./harness/bpf-cost.js";
import { type CaptureKind, none, nothing, polytap } from "./harness/captures.js";
import { describeMachine } from "./harness/machine.js";
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

const LARGE_BYTES = 4 << 20;
/** Nobody has it. */
const OTHER_PORT = 1;
const small: readonly CaptureKind[] = [
	none,
	nothing("none again"),
	polytap("server", "another port is watched", { ports: [OTHER_PORT] }),
	polytap("server", "a sink that wants another port", { sink: { filter: { ports: [OTHER_PORT] } } }),
	polytap("server", "wire: never", { source: { wire: "never" } }),
	polytap("server", "wire: auto"),
	polytap("server", "wire: always", { source: { wire: "always" } }),
];
const large: readonly CaptureKind[] = [
	none,
	polytap("server", "whole bodies"),
	polytap("server", "max_body_bytes: 1024", { capture: { max_body_bytes: 1024 } }),
	polytap("server", "whole bodies, wire: always", { source: { wire: "always" } }),
];
const options = readOptions({ rounds: 5, seconds: 3, dir: tmpdir(), reports: REPORTS });

await main(() =>
	withScope(async (scope) => {
		await needBpftool();
		const machine = describeMachine(REPOSITORY);
		const nginx = await startNginx(scope, { staticSizes: [LARGE_BYTES] });
		const { rounds, seconds, dir } = options;
		const place: Place = { nginx, worker: (await nginx.workers())[0]!, netns: null, path: "/small", seconds, dir };
		const ofSmall = await measureRows(small, rounds, place);
		const ofLarge = await measureRows(large, rounds, { ...place, path: `/static/${LARGE_BYTES}/0` });
		publish(
			{
				name: "features",
				title: "Features of the eBPF source",
				machine,
				command: `node dist/bench/features.js --rounds ${rounds} --seconds ${seconds}`,
				method: [
					`nginx with one worker, sendfile off, answers 96 bytes or ${LARGE_BYTES >> 20} MiB to wrk -t1 -c32 over loopback; everything shares the machine's processors. Vantage server, one JSON object a line into a file.`,
					"`another port is watched`: the programs run at every call of the node and find that none of it is wanted. `a sink that wants another port`: the connections are targets, but no sink can want a record, so the kernel is told to ignore them.",
					"`wire: always`: bytes come from packets, not from the caller's buffer. `wire: auto` is the default: packets where a call shows no buffer; here none does.",
					`${rounds} rounds; in each every row once, beginning with another one each time; ${WARMUP_SECONDS} s that are not measured, then ${seconds} s that are. Kept: requests/s against \`none\` of the same round; \`none again\` is the noise. Median (min–max).`,
					`Before each row ${WARM_BYTES / 2 ** 30} GiB are written to a file that is then removed (see live.md). Kernel time: a run of its own of ${BPF_SECONDS} s with kernel.bpf_stats_enabled=1.`,
				],
				tables: [
					costTable("Small answers", ofSmall.samples, none.name),
					bpfTable("Small answers: time in the kernel's BPF programs", ofSmall.costs),
					costTable(`Answers of ${LARGE_BYTES >> 20} MiB`, ofLarge.samples, none.name),
					bpfTable(`Answers of ${LARGE_BYTES >> 20} MiB: time in the kernel's BPF programs`, ofLarge.costs),
				],
				data: {
					options,
					small: Object.fromEntries(ofSmall.samples),
					smallBpf: Object.fromEntries(ofSmall.costs),
					large: Object.fromEntries(ofLarge.samples),
					largeBpf: Object.fromEntries(ofLarge.costs),
				},
			},
			options.reports,
		);
	}),
);
