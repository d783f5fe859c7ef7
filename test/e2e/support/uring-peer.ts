import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY } from "./polytap.js";
import { Program, runProgram } from "./program.js";
import type { Scope } from "./scope.js";

const COMPILE_MS = 60_000;
const FETCH_MS = 60_000;

/** How completions come: see uring-peer.c. */
export const COMPLETIONS = ["plain", "timer", "defer", "sqpoll"] as const;
export type Completion = (typeof COMPLETIONS)[number];

let compiled: Promise<string> | null = null;

/** The compiled program, once for this process. */
export function uringPeer(): Promise<string> {
	compiled ??= compile();
	return compiled;
}

async function compile(): Promise<string> {
	const folder = mkdtempSync(join(tmpdir(), "polytap-uring-"));
	process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
	const program = join(folder, "uring-peer");
	const source = join(REPOSITORY, "test/e2e/support/uring-peer.c");
	await runProgram("cc", ["-O2", "-Wno-unused-result", "-o", program, source, "-luring"], COMPILE_MS);
	return program;
}

/** Echoes bodies. Resolves when it listens. */
export async function startUringServer(scope: Scope, how: Completion): Promise<{ port: number; program: Program }> {
	const program = new Program(await uringPeer(), ["serve", how]);
	scope.defer(() => program.stop("SIGTERM"));
	await program.until(() => program.stdout.includes("\n"), 60_000);
	return { port: Number(program.stdout), program };
}

/**
 * Posts bodies and compares the answers, connection by connection; resolves to how many were right. `learned` is waited for
 * behind the first connection.
 */
export async function uringFetch(
	scope: Scope,
	how: Completion,
	port: number,
	{ connections, requests, bytes }: { connections: number; requests: number; bytes: number },
	learned: () => Promise<void>,
): Promise<number> {
	const words = ["fetch", how, String(port), String(connections), String(requests), String(bytes)];
	const program = new Program(await uringPeer(), words);
	scope.defer(() => program.stop("SIGKILL"));
	await program.until(() => program.stdout.startsWith("first\n"), FETCH_MS);
	await learned();
	program.kill("SIGUSR1");
	await program.until(() => /^first\n\d+\n/.test(program.stdout) || !program.isRunning, FETCH_MS);
	const { code } = await program.exited;
	if (code !== 0) throw new Error(program.stderr);
	return Number(program.stdout.split("\n")[1]);
}

/** What `uringFetch` posts in this request of this connection. */
export function uringBody(connection: number, request: number, bytes: number): Buffer {
	const body = Buffer.alloc(bytes);
	for (let i = 0; i < bytes; i++) body[i] = 97 + ((i * 7 + Math.floor(i / 251) + connection * 3 + request) % 26);
	return body;
}
