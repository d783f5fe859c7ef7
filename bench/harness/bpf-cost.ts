import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { runProgram } from "../../test/e2e/support/program.js";

export interface ProgramCost {
	readonly name: string;
	readonly calls: number;
	readonly runTimeNs: number;
}

const SWITCH = "/proc/sys/kernel/bpf_stats_enabled";

/** Rejects where the tool that names BPF programs is missing: better at once than after all rounds. */
export async function needBpftool(): Promise<void> {
	await runProgram("bpftool", ["version"], 10_000);
}

/** The kernel times every BPF program while `use` runs; that costs something itself. */
export async function withBpfStats<T>(use: () => Promise<T>): Promise<T> {
	const before = readFileSync(SWITCH, "latin1");
	const restore = () => writeFileSync(SWITCH, before);
	// a signal ends the process without coming here again
	process.once("exit", restore);
	writeFileSync(SWITCH, "1");
	try {
		return await use();
	} finally {
		restore();
		process.off("exit", restore);
	}
}

/** Of the BPF programs that a process holds, by its file descriptors. */
export async function bpfCosts(pid: number): Promise<readonly ProgramCost[]> {
	const ids = new Set<number>();
	for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
		try {
			const id = /^prog_id:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "latin1"))?.[1];
			if (id !== undefined) ids.add(Number(id));
		} catch {
			// Closed meanwhile.
		}
	}
	const costs: ProgramCost[] = [];
	for (const id of ids) {
		const { stdout } = await runProgram("bpftool", ["-j", "prog", "show", "id", String(id)], 10_000);
		const facts: { name?: string; run_cnt?: number; run_time_ns?: number } = JSON.parse(stdout);
		costs.push({ name: facts.name ?? String(id), calls: facts.run_cnt ?? 0, runTimeNs: facts.run_time_ns ?? 0 });
	}
	return costs.sort((a, b) => b.runTimeNs - a.runTimeNs);
}
