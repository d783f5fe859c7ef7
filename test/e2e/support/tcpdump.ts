import { Program, pause } from "./program.js";
import type { Scope } from "./scope.js";

export interface TcpdumpTotals {
	readonly captured: number;
	readonly received: number;
	readonly dropped: number;
}

export interface Tcpdump {
	readonly program: Program;
	/** Waits until its last block is out, then stops it. */
	stop(): Promise<TcpdumpTotals>;
}

/** It holds its newest packets back for about so long. */
const BLOCK_MS = 1_200;

/** Whole packets of one port on the loopback interface into `file`, with a kernel buffer of 64 MiB. */
export async function startTcpdump(
	scope: Scope,
	port: number,
	file: string,
	netns: string | null = null,
): Promise<Tcpdump> {
	const args = ["-i", "lo", "-n", "-s", "0", "-B", "65536", "-Z", "root", "-w", file, "tcp", "port", String(port)];
	const program = new Program("tcpdump", args, { netns });
	scope.defer(() => program.stop("SIGINT"));
	await program.until(() => program.stderr.includes("listening on"), 60_000);
	return {
		program,
		async stop() {
			await pause(BLOCK_MS);
			await program.stop("SIGINT");
			const count = (what: string) => Number(new RegExp(`(\\d+) packets? ${what}`).exec(program.stderr)?.[1]);
			return {
				captured: count("captured"),
				received: count("received by filter"),
				dropped: count("dropped by kernel"),
			};
		},
	};
}
