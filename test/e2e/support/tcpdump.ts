import { Program, pause } from "./program.js";
import type { Scope } from "./scope.js";
import { callsReturned } from "./usage.js";

export interface TcpdumpTotals {
	readonly captured: number;
	readonly received: number;
	readonly dropped: number;
}

export interface Tcpdump {
	readonly program: Program;
	/** Waits until it has written all that came, unless the kernel dropped some, then stops it. */
	stop(): Promise<TcpdumpTotals>;
}

/** Loopback devices: each packet passes the kernel's filter twice, on its way out and in, and is written once. */
const COPIES = 2;
const LOOK_MS = 50;

/** Whole packets of one TCP port on the loopback interface into `file`. */
export function startTcpdump(scope: Scope, port: number, file: string, netns: string | null = null): Promise<Tcpdump> {
	return startTcpdumpOf(scope, ["tcp", "port", String(port)], file, { netns });
}

export interface TcpdumpOptions {
	readonly netns?: string | null;
	/** Which packets it looks at: nothing but loopback traffic must match the filter there. */
	readonly at?: readonly string[];
}

/** The same of any filter, with a kernel buffer of 64 MiB. */
export async function startTcpdumpOf(
	scope: Scope,
	filter: readonly string[],
	file: string,
	{ netns = null, at = ["-i", "lo"] }: TcpdumpOptions = {},
): Promise<Tcpdump> {
	const args = [...at, "-n", "-s", "0", "-B", "65536", "-Z", "root", "-w", file, ...filter];
	const program = new Program("tcpdump", args, { netns });
	scope.defer(() => program.stop("SIGINT"));
	await program.until(() => program.stderr.includes("listening on"), 60_000);
	/** What it said last. */
	const totals = (): TcpdumpTotals => {
		const count = (what: string) =>
			Number([...program.stderr.matchAll(new RegExp(`(\\d+) packets? ${what}`, "g"))].at(-1)?.[1]);
		return {
			captured: count("captured"),
			received: count("received by filter"),
			dropped: count("dropped by kernel"),
		};
	};
	return {
		program,
		async stop() {
			await callsReturned();
			// it has its packets in blocks, up to a second after they came
			await program.until(async () => {
				program.kill("SIGUSR1");
				await pause(LOOK_MS);
				const { captured, received, dropped } = totals();
				return captured * COPIES === received || dropped > 0;
			}, 60_000);
			await program.stop("SIGINT");
			return totals();
		},
	};
}
