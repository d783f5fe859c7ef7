/** One server at full speed, and what each way of watching costs it. */
import type { Nginx } from "../../test/e2e/support/nginx.js";
import { pause } from "../../test/e2e/support/program.js";
import { type Scope, withScope } from "../../test/e2e/support/scope.js";
import { cpuUs, memoryUse } from "../../test/e2e/support/usage.js";
import { runWrk, type WrkResult } from "../../test/e2e/support/wrk.js";
import { bpfCosts, type ProgramCost, withBpfStats } from "./bpf-cost.js";
import type { CaptureEnd, CaptureKind } from "./captures.js";
import type { Table } from "./report.js";
import { interleave } from "./rounds.js";
import { showSpread, spreadOf } from "./stats.js";
import { warmMemory } from "./warm-memory.js";

/** With the capture attached, not measured: compilers and caches warm up. */
export const WARMUP_SECONDS = 3;
export const BPF_SECONDS = 2;
/** More than any row writes. */
export const WARM_BYTES = 4 * 2 ** 30;

export interface Sample extends WrkResult, CaptureEnd {
	/** Of the capture's process, while the load ran and until its backlog was worked off. */
	readonly agentCpuUsPerRequest: number | null;
	readonly serverCpuUsPerRequest: number;
	readonly rssBytes: number | null;
	readonly peakRssBytes: number | null;
	/** By nginx's count, warm-up included, as `exchanges` is. */
	readonly requestsServed: number;
}

export interface Place {
	readonly nginx: Nginx;
	readonly worker: number;
	readonly netns: string | null;
	/** What is asked for, `/small`. */
	readonly path: string;
	readonly seconds: number;
	/** Folder for what is captured. */
	readonly dir: string;
}

/** Every row in interleaved rounds, and the kernel's part in runs of their own. */
export async function measureRows(kinds: readonly CaptureKind[], rounds: number, place: Place) {
	const samples = await interleave(kinds, rounds, (kind) => withScope((scope) => measure(scope, kind, place)));
	const costs = new Map<string, BpfTimes>();
	for (const kind of kinds.filter(({ hasPrograms }) => hasPrograms))
		costs.set(kind.name, await withScope((scope) => withBpfStats(() => measureBpf(scope, kind, place))));
	return { samples, costs };
}

async function measure(scope: Scope, kind: CaptureKind, place: Place): Promise<Sample> {
	const { nginx, worker, netns, seconds } = place;
	const folder = await scope.folder(place.dir);
	warmMemory(folder, WARM_BYTES);
	const capture = await kind.start(scope, nginx.port, folder, netns);
	const url = `http://127.0.0.1:${capture.port}${place.path}`;
	const servedBefore = await nginx.requests();
	await runWrk(scope, { url, seconds: WARMUP_SECONDS, netns });
	await capture.settled();
	const agentBefore = capture.pid === null ? 0 : cpuUs(capture.pid);
	const serverBefore = cpuUs(worker);
	const load = await runWrk(scope, { url, seconds, netns });
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

/** Of a run of its own, with `kernel.bpf_stats_enabled`. */
export interface BpfTimes {
	readonly requests: number;
	readonly programs: readonly ProgramCost[];
}

async function measureBpf(scope: Scope, kind: CaptureKind, place: Place): Promise<BpfTimes> {
	const { nginx, netns } = place;
	const capture = await kind.start(scope, nginx.port, await scope.folder(place.dir), netns);
	const before = await nginx.requests();
	await runWrk(scope, { url: `http://127.0.0.1:${capture.port}${place.path}`, seconds: BPF_SECONDS, netns });
	const requests = (await nginx.requests()) - before;
	const programs = await bpfCosts(capture.pid!);
	await capture.stop();
	return { requests, programs };
}

/** `bareName`: name of the row that the others are held against. */
export function costTable(title: string, samples: ReadonlyMap<string, readonly Sample[]>, bareName: string): Table {
	const bare = samples.get(bareName)!;
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
		title,
		head: [...head, "peak RSS MB", "captured %", "lost", "bytes on disk/request"],
		rows,
	};
}

export function bpfTable(title: string, costs: ReadonlyMap<string, BpfTimes>): Table {
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
		title,
		head: ["row", "program", "calls/request", "ns/call", "ns/request"],
		rows,
	};
}
