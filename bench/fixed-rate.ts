/**
 * Added latency at a fixed rate, open loop, free of coordinated omission. `node dist/bench/fixed-rate.js [--rounds 5]
 * [--seconds 4] [--rate 10000] [--connections 64] [--spin 0] [--dir /tmp] [--netns 0]`
 */
import { tmpdir } from "node:os";
import { startNginx } from "../test/e2e/support/nginx.js";
import { REPOSITORY } from "../test/e2e/support/polytap.js";
import { withScope } from "../test/e2e/support/scope.js";
import { cpuUs } from "../test/e2e/support/usage.js";
import { type CaptureEnd, type CaptureKind, haproxy, none, polytap, tcpdump } from "./harness/captures.js";
import { describeMachine } from "./harness/machine.js";
import { makeNetns } from "./harness/netns.js";
import { buildOpenLoop, type OpenLoopResult, runOpenLoop } from "./harness/openloop.js";
import { main, readOptions } from "./harness/options.js";
import { publish, REPORTS } from "./harness/report.js";
import { interleave } from "./harness/rounds.js";
import { showSpread, spreadOf } from "./harness/stats.js";

const KINDS: readonly CaptureKind[] = [
	none,
	{ ...none, name: "none again" },
	polytap("server"),
	polytap("both"),
	tcpdump,
	haproxy,
];
const WARMUP_SECONDS = 1;

const options = readOptions({
	rounds: 5,
	seconds: 4,
	rate: 10_000,
	connections: 64,
	spin: 0,
	dir: tmpdir(),
	netns: 0,
	only: "",
	reports: REPORTS,
});

interface Sample extends OpenLoopResult, CaptureEnd {
	readonly agentCpuUsPerRequest: number | null;
}

await main(() =>
	withScope(async (scope) => {
		const machine = describeMachine(REPOSITORY);
		const netns = options.netns === 0 ? null : await makeNetns(scope);
		const nginx = await startNginx(scope, { netns });
		const loop = await buildOpenLoop(scope);
		const { rate } = options;
		const count = Math.round(rate * (options.seconds + WARMUP_SECONDS));

		const measure = (kind: CaptureKind): Promise<Sample> =>
			withScope(async (inner) => {
				const capture = await kind.start(inner, nginx.port, await inner.folder(options.dir), netns);
				const before = capture.pid === null ? 0 : cpuUs(capture.pid);
				const load = await runOpenLoop(loop, {
					port: capture.port,
					rate,
					count,
					warmup: rate * WARMUP_SECONDS,
					connections: options.connections,
					spinUs: options.spin,
					path: "/small",
					netns,
				});
				await capture.settled();
				const agentUs = capture.pid === null ? null : cpuUs(capture.pid) - before;
				const end = await capture.stop();
				process.stderr.write(`p50 ${load.fromDue.p50Us} p99 ${load.fromDue.p99Us}`);
				return { ...load, ...end, agentCpuUsPerRequest: agentUs === null ? null : agentUs / count };
			});

		const kinds = KINDS.filter(({ name }) => name.startsWith("none") || name.includes(options.only));
		const samples = await interleave(kinds, options.rounds, measure);
		const bare = samples.get(none.name)!;
		const rows = [...samples].map(([name, rounds]) => {
			const column = (pick: (sample: Sample, bare: Sample) => number | null, digits = 0) =>
				showSpread(spreadOf(rounds.map((sample, i) => pick(sample, bare[i]!))), digits);
			return [
				name,
				column((s) => s.fromDue.p50Us, 1),
				column((s, b) => s.fromDue.p50Us - b.fromDue.p50Us, 1),
				column((s) => s.fromDue.p99Us),
				column((s, b) => s.fromDue.p99Us - b.fromDue.p99Us),
				column((s) => s.fromDue.p999Us),
				column((s) => s.lateness.p50Us, 1),
				column((s) => s.fromSent.p50Us, 1),
				column((s, b) => s.fromSent.p50Us - b.fromSent.p50Us, 1),
				column((s) => s.requestsPerSecond),
				column((s) => s.agentCpuUsPerRequest, 2),
				column((s) => (s.exchanges === null ? null : (100 * s.exchanges) / s.requests), 3),
				column((s) => s.lost),
			];
		});
		const head = [
			"row",
			"p50 µs",
			"added p50",
			"p99 µs",
			"added p99",
			"p99.9 µs",
			"client late p50",
			"from sending: p50 µs",
			"added p50",
		];
		publish(
			{
				name: "fixed-rate",
				title: `Added latency at ${rate.toLocaleString("en-US")} requests/s`,
				machine,
				command: `node dist/bench/fixed-rate.js --rounds ${options.rounds} --seconds ${options.seconds} --rate ${rate} --connections ${options.connections} --spin ${options.spin} --netns ${options.netns}`,
				method: [
					`bench/openloop.c sends GET /small to nginx (one worker, 96-byte answers) over ${options.connections} kept-alive connections; request n is due at start + n/${rate} s and its latency counts from then, so that a stall shows in every request that it held up.`,
					`${options.rounds} rounds, every row once in each, beginning with another one each time; ${WARMUP_SECONDS} s not measured, then ${options.seconds} s.`,
					"Added: against the row `none` of the same round; `none again` is the noise of the machine. Median (min–max) of the rounds.",
					"Client late: how long after its due time the client itself sent (a sleeper wakes late; `--spin` avoids it and costs a processor); part of the latency. From sending: without it.",
					"Agent CPU includes start-up and warm-up here: it is that of 5 s with its share of compilation, see the live report for the steady state.",
				],
				tables: [
					{
						title: "Latency from the due time",
						head: [...head, "requests/s", "agent CPU µs/request", "captured %", "lost"],
						rows,
					},
				],
				data: { options, samples: Object.fromEntries(samples) },
			},
			options.reports,
		);
	}),
);
