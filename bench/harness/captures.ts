import { stat } from "node:fs/promises";
import { join } from "node:path";
import { startHaproxy } from "../../test/e2e/support/haproxy.js";
import { countLines } from "../../test/e2e/support/lines.js";
import { type CaptureConfigOptions, captureConfig, startPolytap } from "../../test/e2e/support/polytap.js";
import type { Scope } from "../../test/e2e/support/scope.js";
import { startTcpdump } from "../../test/e2e/support/tcpdump.js";

/** What runs beside the traffic in one row of a table. */
export interface CaptureKind {
	readonly name: string;
	/** It runs BPF programs, whose time the kernel can tell. */
	readonly hasPrograms?: true;
	/** `port`: the server's. `folder`: for what is captured. */
	start(scope: Scope, port: number, folder: string, netns: string | null): Promise<Capture>;
}

export interface Capture {
	/** Where the load has to go. */
	readonly port: number;
	readonly pid: number | null;
	/** Its backlog is worked off. */
	settled(): Promise<void>;
	stop(): Promise<CaptureEnd>;
}

export interface CaptureEnd {
	/** Whole exchanges on disk; null: it does not know what an exchange is. */
	readonly exchanges: number | null;
	readonly bytesOnDisk: number;
	/** What it says itself that it lost: bytes for polytap, packets for tcpdump. */
	readonly lost: number;
}

/** Nothing beside the traffic. */
export const nothing = (name: string): CaptureKind => ({
	name,
	start: async (_scope, port) => ({
		port,
		pid: null,
		settled: async () => {},
		stop: async () => ({ exchanges: null, bytesOnDisk: 0, lost: 0 }),
	}),
});

export const none = nothing("none");

/** `more`: of the configuration, over what every row has. */
export function polytap(
	vantage: "server" | "both",
	name = `polytap, vantage ${vantage}`,
	more: Partial<CaptureConfigOptions> = {},
): CaptureKind {
	return {
		name,
		hasPrograms: true,
		async start(scope, port, folder) {
			const path = join(folder, "exchanges.jsonl");
			const running = await startPolytap(scope, { config: captureConfig({ ports: [port], path, vantage, ...more }) });
			return {
				port,
				pid: running.pid,
				settled: () => running.settled(),
				async stop() {
					const { code, totals, stderr } = await running.stop();
					if (code !== 0) throw new Error(`polytap ended with ${code}: ${stderr}`);
					const lost = Object.values(totals.bytes.lost).reduce((sum, bytes) => sum + bytes, 0);
					return { exchanges: await countLines(path), bytesOnDisk: (await stat(path)).size, lost };
				},
			};
		},
	};
}

export const tcpdump: CaptureKind = {
	name: "tcpdump, whole packets",
	async start(scope, port, folder, netns) {
		const path = join(folder, "packets.pcap");
		const running = await startTcpdump(scope, port, path, netns);
		return {
			port,
			pid: running.program.pid,
			settled: async () => {},
			async stop() {
				const { dropped } = await running.stop();
				return { exchanges: null, bytesOnDisk: (await stat(path)).size, lost: dropped };
			},
		};
	},
};

export const haproxy: CaptureKind = {
	name: "haproxy, TCP pass-through",
	async start(scope, port, _folder, netns) {
		const running = await startHaproxy(scope, port, netns);
		return {
			port: running.port,
			pid: running.program.pid,
			settled: async () => {},
			stop: async () => ({ exchanges: null, bytesOnDisk: 0, lost: 0 }),
		};
	},
};
