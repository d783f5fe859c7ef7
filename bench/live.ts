/**
 * Saturated nginx: what each way of watching costs. `node dist/bench/live.js [--rounds 5] [--seconds 4] [--dir /tmp]
 * [--netns 0]`
 */
import { tmpdir } from "node:os";
import { type Nginx, startNginx } from "../test/e2e/support/nginx.js";
import { REPOSITORY } from "../test/e2e/support/polytap.js";
import { pause } from "../test/e2e/support/program.js";
import { type Scope, withScope } from "../test/e2e/support/scope.js";
import { cpuUs, memoryUse } from "../test/e2e/support/usage.js";
import { runWrk, type WrkResult } from "../test/e2e/support/wrk.js";
import { bpfCosts, needBpftool, type ProgramCost, withBpfStats } from "./harness/bpf-cost.js";
import { type CaptureEnd, type CaptureKind, haproxy, none, polytap, tcpdump } from "./harness/captures.js";
import { describeMachine } from "./harness/machine.js";
import { makeNetns } from "./harness/netns.js";
import { main, readOptions } from "./harness/options.js";
import { publish, REPORTS, type Table } from "./harness/report.js";
import { interleave } from "./harness/rounds.js";
import { showSpread, spreadOf } from "./harness/stats.js";
import { warmMemory } from "./harness/warm-memory.js";

const KINDS: readonly CaptureKind[] = [none, polytap("server"), polytap("both"), tcpdump, haproxy];
/** With the capture attached, not measured: compilers and caches warm up. */
const WARMUP_SECONDS = 3;
const BPF_SECONDS = 2;
/** More than any row writes. */
const WARM_BYTES = 4 * 2 ** 30;

const options = readOptions({ rounds: 5, seconds: 4, dir: tmpdir(), netns: 0, only: "", reports: REPORTS });

interface Sample extends WrkResult, CaptureEnd {
	/** Of the capture's process, while the load ran and until its backlog was worked off. */
	readonly agentCpuUsPerRequest: number | null;
	readonly serverCpuUsPerRequest: number;
	readonly rssBytes: number | null;
	readonly peakRssBytes: number | null;
	/** By nginx's count, warm-up included, as `exchanges` is. */
	readonly requestsServed: number;
}

interface Place {
	readonly nginx: Nginx;
	readonly worker: number;
	readonly netns: string | null;
}

await main(() =>
	withScope(async (scope) => {
		await needBpftool();
		const machine = describeMachine(REPOSITORY);
		const netns = options.netns === 0 ? null : await makeNetns(scope);
		const nginx = await startNginx(scope, { netns });
		const place: Place = { nginx, netns, worker: (await nginx.workers())[0]! };
		const kinds = KINDS.filter(({ name }) => name === "none" || name.includes(options.only));
		const samples = await interleave(kinds, options.rounds, (kind) =>
			withScope((inner) => measure(inner, kind, place)),
		);
		const costs = new Map<string, Awaited<ReturnType<typeof measureBpf>>>();
		for (const kind of kinds) {
			if (kind.name.startsWith("polytap"))
				costs.set(kind.name, await withScope((inner) => withBpfStats(() => measureBpf(inner, kind, place))));
		}
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
				tables: [mainTable(samples), bpfTable(costs)],
				data: { options, samples: Object.fromEntries(samples), bpf: Object.fromEntries(costs) },
			},
			options.reports,
		);
	}),
);

async function measure(scope: Scope, kind: CaptureKind, { nginx, worker, netns }: Place): Promise<Sample> {
	const folder = await scope.folder(options.dir);
	warmMemory(folder, WARM_BYTES);
	const capture = await kind.start(scope, nginx.port, folder, netns);
	const url = `http://127.0.0.1:${capture.port}/small`;
	const servedBefore = await nginx.requests();
	await runWrk(scope, { url, seconds: WARMUP_SECONDS, netns });
	await capture.settled();
	const agentBefore = capture.pid === null ? 0 : cpuUs(capture.pid);
	const serverBefore = cpuUs(worker);
	const load = await runWrk(scope, { url, seconds: options.seconds, netns });
	const serverUs = cpuUs(worker) - serverBefore;
	await capture.settled();
	const agentUs = capture.pid === null ? null : cpuUs(capture.pid) - agentBefore;
	const memory = capture.pid === null ? null : memoryUse(capture.pid);
	const end = await capture.stop();
	const requestsServed = (await nginx.requests()) - servedBefore;
	process.stderr.write(`${Math.round(load.requestsPerSecond)}/s`);
	await scope.close();
	// The pages just written and thrown away are the kernel's business first.
	await pause(200);
	return {
		...load,
		...end,
		agentCpuUsPerRequest: agentUs === null ? null : agentUs / load.requests,
		serverCpuUsPerRequest: serverUs / load.requests,
		rssBytes: memory?.rssBytes ?? null,
		peakRssBytes: memory?.peakRssBytes ?? null,
		requestsServed,
	};
}

async function measureBpf(scope: Scope, kind: CaptureKind, { nginx, netns }: Place) {
	const capture = await kind.start(scope, nginx.port, await scope.folder(options.dir), netns);
	const before = await nginx.requests();
	await runWrk(scope, { url: `http://127.0.0.1:${capture.port}/small`, seconds: BPF_SECONDS, netns });
	const requests = (await nginx.requests()) - before;
	const programs = await bpfCosts(capture.pid!);
	await capture.stop();
	return { requests, programs };
}

function mainTable(samples: ReadonlyMap<string, readonly Sample[]>): Table {
	const bare = samples.get(none.name)!;
	const rows = [...samples].map(([name, rounds]) => {
		const kept = rounds.map((sample, i) => sample.requestsPerSecond / bare[i]!.requestsPerSecond);
		const column = (pick: (sample: Sample) => number | null, digits = 0) =>
			showSpread(spreadOf(rounds.map(pick)), digits);
		return [
			name,
			column((s) => s.requestsPerSecond),
			showSpread(spreadOf(kept), 2),
			column((s) => s.p50Us),
			column((s) => s.p99Us),
			column((s) => s.agentCpuUsPerRequest, 2),
			column((s) => s.serverCpuUsPerRequest, 2),
			column((s) => (s.peakRssBytes === null ? null : s.peakRssBytes / 1e6)),
			column((s) => (s.exchanges === null ? null : (100 * s.exchanges) / s.requestsServed), 3),
			column((s) => s.lost),
			column((s) => s.bytesOnDisk / s.requestsServed),
		];
	});
	const head = ["row", "requests/s", "kept", "p50 µs", "p99 µs", "agent CPU µs/request", "server CPU µs/request"];
	return {
		title: "Cost",
		head: [...head, "peak RSS MB", "captured %", "lost", "bytes on disk/request"],
		rows,
	};
}

function bpfTable(costs: ReadonlyMap<string, { requests: number; programs: readonly ProgramCost[] }>): Table {
	const rows = [...costs].flatMap(([name, { requests, programs }]) => {
		const sum = programs.reduce((total, { runTimeNs }) => total + runTimeNs, 0);
		const called = programs.filter(({ calls }) => calls > 0);
		return [
			...called.map((program) => [
				name,
				program.name,
				(program.calls / requests).toFixed(3),
				(program.runTimeNs / program.calls).toFixed(0),
				(program.runTimeNs / requests).toFixed(0),
			]),
			[name, "all", "", "", (sum / requests).toFixed(0)],
		];
	});
	return {
		title: "Time in the kernel's BPF programs",
		head: ["row", "program", "calls/request", "ns/call", "ns/request"],
		rows,
	};
}
