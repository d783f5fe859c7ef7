/** One cell of the tables: one workload under one mode, once. */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rename } from "node:fs/promises";
import { finished } from "node:stream/promises";
import { linesOf } from "../../test/e2e/support/lines.js";
import { startNginx } from "../../test/e2e/support/nginx.js";
import { pause } from "../../test/e2e/support/program.js";
import { type Scope, withScope } from "../../test/e2e/support/scope.js";
import { bpfCosts, withBpfStats } from "../harness/bpf-cost.js";
import { type OpenLoop, runOpenLoop } from "../harness/openloop.js";
import { Cgroup } from "./cgroup.js";
import { ebpf, type Mode } from "./modes.js";
import type { Load, Workload } from "./workloads.js";

export interface Sample extends Load {
	/** Of the application's processes: here the kernel's part of an eBPF capture shows too. */
	readonly appCpuUsPerRequest: number;
	/** Of polytap or the proxies, until everything that waited was worked off. */
	readonly captureCpuUsPerRequest: number;
	/** Time in BPF programs, from a pass of its own; null: none, or not measured. */
	readonly bpfUsPerRequest: number | null;
	readonly captureProcesses: number;
	readonly captureRssBytes: number;
	readonly capturePssBytes: number;
	/** Of application and capture together. */
	readonly contextSwitchesPerRequest: number;
	/** Null: the mode captures nothing. */
	readonly capturedPercent: number | null;
	readonly intactPercent: number | null;
	readonly lostBytes: number | null;
	readonly bytesOnDisk: number;
	/** What was wrong with the first exchanges that were not intact. */
	readonly examples: readonly string[];
}

export interface Conditions {
	/** Of the whole run. */
	readonly whole: Scope;
	readonly loop: OpenLoop;
	readonly seconds: number;
	readonly warmupSeconds: number;
	/** Requests a second of the fixed rates. */
	readonly rate: number;
	/** Where captured data goes. */
	readonly dir: string;
	readonly hasBpftool: boolean;
	/** The benchmark's own tests: what is made worse on purpose, by mode. */
	readonly delayMs: ReadonlyMap<string, number>;
	readonly dropOneIn: ReadonlyMap<string, number>;
}

const BPF_SECONDS = 1;

export function measure(mode: Mode, workload: Workload, instances: number, given: Conditions): Promise<Sample> {
	return withScope(async (scope) => {
		const folder = await scope.folder(given.dir);
		const groups = { app: Cgroup.make(scope, "app"), capture: Cgroup.make(scope, "capture") };
		const delayMs = given.delayMs.get(mode.name) ?? 0;
		const { whole, loop, rate } = given;
		const agentSocket = mode.agentSocket?.(folder) ?? null;
		const app = await groups.app.inside(() =>
			workload.start({ scope, whole, agentSocket, instances, loop, rate, delayMs }),
		);
		const { protocol } = workload;
		const running = await groups.capture.inside(() => mode.start({ scope, ports: app.ports, protocol, folder }));
		await app.load(running.ports, given.warmupSeconds, true);
		await running.settled();
		const before = snapshot(groups);
		const load = await app.load(running.ports, given.seconds, false);
		const appCpuUs = groups.app.cpuUs() - before.appCpuUs;
		await running.settled();
		const after = snapshot(groups);
		let bpfUsPerRequest: number | null = null;
		if (mode === ebpf && given.hasBpftool) {
			const [polytap] = running.programs;
			bpfUsPerRequest = await withBpfStats(async () => {
				const { requests } = await app.load(running.ports, BPF_SECONDS, true);
				const costs = await bpfCosts(polytap!.pid);
				return costs.reduce((sum, { runTimeNs }) => sum + runTimeNs, 0) / 1000 / requests;
			});
		}
		await running.settled();
		const end = await running.stop();
		const dropOneIn = given.dropOneIn.get(mode.name) ?? 0;
		if (dropOneIn > 0) for (const file of end.files ?? []) await thin(file, dropOneIn);
		const seen = end.files === null ? null : await app.seen(end.files, folder);
		const percent = (part: number, whole: number) => (whole === 0 ? 0 : (100 * part) / whole);
		return {
			...load,
			appCpuUsPerRequest: appCpuUs / load.requests,
			captureCpuUsPerRequest: (after.captureCpuUs - before.captureCpuUs) / load.requests,
			bpfUsPerRequest,
			captureProcesses: after.capture.processes,
			captureRssBytes: after.capture.rssBytes,
			capturePssBytes: after.capture.pssBytes,
			contextSwitchesPerRequest: (after.switches - before.switches) / load.requests,
			capturedPercent: seen === null ? null : percent(seen.captured, seen.answered),
			intactPercent: seen === null || seen.intact === null ? null : percent(seen.intact, seen.answered),
			lostBytes: end.files === null ? null : end.lostBytes,
			bytesOnDisk: end.bytesOnDisk,
			examples: seen?.examples.slice(0, 2) ?? [],
		};
	});
}

interface Groups {
	readonly app: Cgroup;
	readonly capture: Cgroup;
}

function snapshot({ app, capture }: Groups) {
	const use = capture.use();
	return {
		appCpuUs: app.cpuUs(),
		captureCpuUs: capture.cpuUs(),
		capture: use,
		switches: use.contextSwitches + app.use().contextSwitches,
	};
}

/** Takes every so-manieth line out of a file. */
async function thin(path: string, oneIn: number): Promise<void> {
	const out = createWriteStream(`${path}.thin`);
	let number = 0;
	for await (const line of linesOf(path)) {
		number++;
		if (number % oneIn !== 0 && !out.write(`${line.toString("utf8")}\n`)) await once(out, "drain");
	}
	out.end();
	await finished(out);
	await rename(`${path}.thin`, path);
}

export interface Killed {
	readonly requests: number;
	readonly failed: number;
}

const KILL_SECONDS = 3;

/** What clients notice when everything that the mode runs is killed (SIGKILL) in the middle of a load at a fixed rate. */
export function killed(mode: Mode, { loop, rate, dir }: Conditions): Promise<Killed> {
	return withScope(async (scope: Scope) => {
		const nginx = await startNginx(scope);
		const folder = await scope.folder(dir);
		const running = await mode.start({ scope, ports: [nginx.port], protocol: "http/1.1", folder });
		const load = runOpenLoop(loop, {
			port: running.ports,
			rate,
			count: rate * KILL_SECONDS,
			path: "/echo/",
			ids: { load: 100, size: 100 },
			tolerant: true,
		});
		await pause((KILL_SECONDS * 1000) / 2);
		for (const program of running.programs) program.kill("SIGKILL");
		const { requests, failed } = await load;
		return { requests, failed };
	});
}
