import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bodyText } from "../../test/e2e/support/body.js";
import { REPOSITORY } from "../../test/e2e/support/polytap.js";
import { runProgram } from "../../test/e2e/support/program.js";
import type { Scope } from "../../test/e2e/support/scope.js";

export interface OpenLoop {
	/** Of `openloop.c`, compiled. */
	readonly executable: string;
	readonly text: string;
}

export interface OpenLoopOptions {
	readonly port: number;
	/** Requests a second, due at even distances. */
	readonly rate: number;
	readonly count: number;
	/** The first ones, which are not measured. */
	readonly warmup?: number;
	readonly connections?: number;
	/** The last microseconds before a request is due are not slept. */
	readonly spinUs?: number;
	readonly path: string;
	readonly netns?: string | null;
	/** POST bodies made from ids to `path` + id. */
	readonly ids?: { readonly load: number; readonly size: number };
}

export interface Latency {
	readonly p50Us: number;
	readonly p90Us: number;
	readonly p99Us: number;
	readonly p999Us: number;
	readonly maxUs: number;
	readonly meanUs: number;
}

export interface OpenLoopResult {
	readonly requests: number;
	readonly failed: number;
	readonly statusErrors: number;
	readonly seconds: number;
	readonly requestsPerSecond: number;
	/** Most requests that were due and had no free connection. */
	readonly mostWaiting: number;
	/** From the moment a request was due: nothing that stalls hides. */
	readonly fromDue: Latency;
	readonly fromSent: Latency;
	/** How late the client itself was. */
	readonly lateness: Latency;
}

export async function buildOpenLoop(scope: Scope): Promise<OpenLoop> {
	const folder = await scope.folder();
	const executable = join(folder, "openloop");
	const text = join(folder, "text");
	await writeFile(text, bodyText);
	await runProgram("clang", ["-O2", "-o", executable, join(REPOSITORY, "bench/openloop.c")], 60_000);
	return { executable, text };
}

export async function runOpenLoop(loop: OpenLoop, options: OpenLoopOptions): Promise<OpenLoopResult> {
	const { port, rate, count, warmup, connections, spinUs, path, ids, netns } = options;
	const args = [port, rate, count, warmup ?? 0, connections ?? 64, spinUs ?? 0, path].map(String);
	if (ids !== undefined) args.push(String(ids.size), loop.text, String(ids.load).padStart(3, "0"));
	const limitMs = (count / rate) * 1000 + 30_000;
	const { stdout } = await runProgram(loop.executable, args, limitMs, { netns: netns ?? null });
	const result: OpenLoopResult = JSON.parse(stdout);
	return result;
}
