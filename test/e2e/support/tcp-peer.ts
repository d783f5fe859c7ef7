import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { patient } from "./patience.js";
import { REPOSITORY } from "./polytap.js";
import { runProgram } from "./program.js";

const COMPILE_MS = 60_000;
const COMMAND_MS = 60_000;
let folder: string | null = null;
const live = new Set<ChildProcess>();

process.once("exit", () => {
	for (const child of live) child.kill("SIGKILL");
});

/** Compiles tcp-peer.c once for this process. Resolves to the folder of the program. */
export async function compilePeer(): Promise<string> {
	if (folder !== null) return folder;
	const made = mkdtempSync(join(tmpdir(), "polytap-peer-"));
	process.once("exit", () => rmSync(made, { recursive: true, force: true }));
	const source = join(REPOSITORY, "test/e2e/support/tcp-peer.c");
	await runProgram("cc", ["-O2", "-pthread", "-o", join(made, "tcp-peer"), source], COMPILE_MS);
	folder = made;
	return made;
}

/** A process that does with its sockets what a test says, call by call. */
export class TcpPeer {
	readonly #child: ChildProcess;
	readonly #answers: ((line: string) => void)[] = [];
	#said = "";

	/** `compilePeer` must have resolved. `program`: another path of the same program, for its name. */
	constructor(program = join(folder ?? "", "tcp-peer")) {
		this.#child = spawn(program, [], { stdio: ["pipe", "pipe", "pipe"] });
		live.add(this.#child);
		this.#child.once("close", () => live.delete(this.#child));
		this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
			this.#said += text;
		});
		const lines = createInterface({ input: this.#child.stdout! });
		lines.on("line", (line) => this.#answers.shift()?.(line));
		lines.on("close", () => {
			for (const answer of this.#answers.splice(0)) answer("ended");
		});
	}

	get pid(): number {
		return this.#child.pid ?? -1;
	}

	/** What the call returned, or minus errno. Rejects where the program ended: bytes were not those that the other end sent. */
	async do(command: string, timeoutMs = COMMAND_MS): Promise<number> {
		let timer: NodeJS.Timeout | undefined;
		const line = await new Promise<string>((resolve) => {
			this.#answers.push(resolve);
			timer = setTimeout(() => resolve("slow"), patient(timeoutMs));
			this.#child.stdin!.write(`${command}\n`);
		});
		clearTimeout(timer);
		const value = Number(line);
		if (!Number.isFinite(value)) throw new Error(`${command}: ${line} ${this.#said}`);
		return value;
	}

	/** Several commands, one after the other. */
	async all(...commands: readonly string[]): Promise<number[]> {
		const values: number[] = [];
		for (const command of commands) values.push(await this.do(command));
		return values;
	}

	async stop(): Promise<void> {
		if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
		const over = new Promise((resolve) => this.#child.once("close", resolve));
		this.#child.stdin!.end();
		const timer = setTimeout(() => this.#child.kill("SIGKILL"), patient(2000));
		await over;
		clearTimeout(timer);
	}
}

/** Two processes and the port of the listening one. */
export interface Pair {
	readonly client: TcpPeer;
	readonly server: TcpPeer;
	readonly port: number;
	/** The client's port of the last connection. */
	clientPort: number;
	/** A new connection in this slot of both. */
	connect(slot?: number): Promise<void>;
	stop(): Promise<void>;
}

/** Both ends on loopback; nothing is connected yet. */
export async function peerPair(listenAt = "127.0.0.1", connectTo = listenAt): Promise<Pair> {
	await compilePeer();
	const client = new TcpPeer();
	const server = new TcpPeer();
	const port = await server.do(`listen ${listenAt} 0`);
	if (port <= 0) throw new Error(`listen ${listenAt}: ${port}`);
	const pair: Pair = {
		client,
		server,
		port,
		clientPort: 0,
		async connect(slot = 0) {
			await client.do(`slot ${slot}`);
			await server.do(`slot ${slot}`);
			pair.clientPort = await client.do(`connect ${connectTo} ${port}`);
			const accepted = await server.do("accept");
			if (pair.clientPort <= 0 || accepted !== 0) throw new Error(`connect: ${pair.clientPort}, accept: ${accepted}`);
		},
		async stop() {
			await Promise.all([client.stop(), server.stop()]);
		},
	};
	return pair;
}

/** The commands in order at both ends, each `c:` or `s:` and the command; each must return the number behind `=`, if any. */
export async function play(pair: Pair, ...script: readonly string[]): Promise<void> {
	for (const step of script) {
		const [command = "", expected] = step.slice(2).split("=");
		const end = step.startsWith("c:") ? pair.client : pair.server;
		const got = await end.do(command.trim());
		if (expected === undefined ? got < 0 : got !== Number(expected)) throw new Error(`${step}: ${got}`);
	}
}
