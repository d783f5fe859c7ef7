import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";

/** What a figure means nothing without. */
export interface Machine {
	readonly kernel: string;
	readonly processor: string;
	readonly processors: number;
	readonly memoryBytes: number;
	readonly node: string;
	readonly versions: Readonly<Record<string, string>>;
	/** Before the benchmark: above 0.5 something else was running. */
	readonly loadBefore: number;
	readonly commit: string;
}

export function describeMachine(repository: string): Machine {
	return {
		kernel: release(),
		processor: cpus()[0]?.model ?? "unknown",
		processors: availableParallelism(),
		memoryBytes: totalmem(),
		node: process.version,
		versions: {
			nginx: said("nginx", ["-v"], /nginx\/(\S+)/),
			wrk: said("wrk", ["-v"], /wrk \S*?\/?(\d\S*)/),
			tcpdump: said("tcpdump", ["--version"], /tcpdump version (\S+)/),
			haproxy: said("haproxy", ["-v"], /version (\S+)/),
			tshark: said("tshark", ["--version"], /\) (\d+\.\S+?)\.? /),
		},
		loadBefore: loadavg()[0] ?? 0,
		commit: said("git", ["-C", repository, "rev-parse", "--short", "HEAD"], /(\w+)/),
	};
}

export function showMachine(machine: Machine): string {
	const { kernel, processor, processors, memoryBytes, node, versions, loadBefore, commit } = machine;
	const tools = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
	return [
		`- ${processors} × ${processor}, ${Math.round(memoryBytes / 2 ** 30)} GiB, Linux ${kernel}`,
		`- Node.js ${node}, ${tools.join(", ")}; commit ${commit}; load average before: ${loadBefore.toFixed(2)}`,
	].join("\n");
}

/** The value of a kernel setting under /proc/sys. */
export function kernelSetting(path: string): string {
	return readFileSync(`/proc/sys/${path}`, "latin1").trim();
}

function said(command: string, args: readonly string[], pattern: RegExp): string {
	try {
		return (
			pattern.exec(
				execFileSync("sh", ["-c", `${command} ${args.join(" ")} 2>&1 || true`], { encoding: "utf8" }),
			)?.[1] ?? "?"
		);
	} catch {
		return "?";
	}
}
