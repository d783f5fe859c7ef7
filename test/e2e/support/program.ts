import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { patient } from "./patience.js";

export { pause };

export interface ProgramOptions {
	readonly cwd?: string;
	readonly env?: Readonly<Record<string, string>>;
	/** Name of a network namespace made with `ip netns add`; null: the one of this process. */
	readonly netns?: string | null;
	/** Run on this processor only. */
	readonly cpu?: number | null;
	/** File descriptor for standard output; without it the text is kept. */
	readonly stdoutFd?: number;
}

export interface Exit {
	readonly code: number | null;
	readonly signal: NodeJS.Signals | null;
}

/** The newest part of what a program said is kept, no more than this. */
const KEPT_CHARACTERS = 1 << 20;
/** A machine may be slow: who waits for something waits so long. */
const PATIENCE_MS = 60_000;
const live = new Set<Program>();

process.once("exit", () => {
	for (const program of live) program.kill("SIGKILL");
});

/** A real program under test: its output, its end, and no way to outlive this process. */
export class Program {
	readonly name: string;
	/** Rejects never; an executable that could not be started ends with code null and the reason in `stderr`. */
	readonly exited: Promise<Exit>;
	stdout = "";
	stderr = "";
	private readonly child: ChildProcess;
	private ended = false;

	constructor(command: string, args: readonly string[], options: ProgramOptions = {}) {
		let line = [command, ...args];
		if (options.cpu !== undefined && options.cpu !== null) line = ["taskset", "-c", String(options.cpu), ...line];
		// Both exec the program in place, so its pid is the one that was spawned.
		if (options.netns !== undefined && options.netns !== null)
			line = ["nsenter", `--net=/run/netns/${options.netns}`, ...line];
		this.name = command;
		this.child = spawn(line[0]!, line.slice(1), {
			cwd: options.cwd,
			env: { ...process.env, ...options.env },
			stdio: ["ignore", options.stdoutFd ?? "pipe", "pipe"],
		});
		live.add(this);
		this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
			this.stdout = (this.stdout + text).slice(-KEPT_CHARACTERS);
		});
		this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
			this.stderr = (this.stderr + text).slice(-KEPT_CHARACTERS);
		});
		this.exited = new Promise((resolve) => {
			const finish = (code: number | null, signal: NodeJS.Signals | null) => {
				this.ended = true;
				live.delete(this);
				resolve({ code, signal });
			};
			this.child.once("error", (error) => {
				this.stderr += error.message;
				finish(null, null);
			});
			this.child.once("close", finish);
		});
	}

	get pid(): number {
		return this.child.pid ?? -1;
	}

	get isRunning(): boolean {
		return !this.ended;
	}

	/** Resolves when `isReady` holds; rejects with what the program said when it ends before that or the time is up (`patient`). */
	async until(isReady: () => boolean | Promise<boolean>, timeoutMs: number): Promise<void> {
		const deadline = Date.now() + patient(timeoutMs);
		while (!(await isReady())) {
			if (this.ended) throw new Error(`${this.name} ended early: ${this.stderr}${this.stdout}`);
			if (Date.now() > deadline) throw new Error(`${this.name} not ready in ${patient(timeoutMs)} ms: ${this.stderr}`);
			await pause(10);
		}
	}

	kill(signal: NodeJS.Signals): void {
		if (!this.ended) this.child.kill(signal);
	}

	/** Asks with `signal`, and after `graceMs` does not ask. */
	async stop(signal: NodeJS.Signals = "SIGTERM", graceMs = PATIENCE_MS): Promise<Exit> {
		this.kill(signal);
		const timer = setTimeout(() => this.kill("SIGKILL"), patient(graceMs));
		try {
			return await this.exited;
		} finally {
			clearTimeout(timer);
		}
	}
}

/** Resolves when it holds; rejects after a minute. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
	for (const deadline = Date.now() + PATIENCE_MS; !(await holds()); await pause(10))
		if (Date.now() > deadline) throw new Error(`not in ${PATIENCE_MS} ms: ${what}`);
}

/** Runs to the end, at most `timeoutMs`. Rejects unless the exit code is 0. */
export async function runProgram(
	command: string,
	args: readonly string[],
	timeoutMs: number,
	options: ProgramOptions = {},
): Promise<Program> {
	const program = new Program(command, args, options);
	const timer = setTimeout(() => program.kill("SIGKILL"), patient(timeoutMs));
	const { code, signal } = await program.exited;
	clearTimeout(timer);
	if (code !== 0)
		throw new Error(`${command} ${args.join(" ")} ended with ${code ?? signal}: ${program.stderr}${program.stdout}`);
	return program;
}
