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
	/** Connections go round over several. */
	readonly port: number | readonly number[];
	/** Requests a second, due at even distances, and how many of them; null: each connection asks again at once. */
	readonly rate: number | null;
	readonly count?: number;
	/** The first ones, which are not measured. */
	readonly warmup?: number;
	/** Without a rate: how long, and how long before that nothing is measured. */
	readonly seconds?: number;
	readonly warmupSeconds?: number;
	readonly connections?: number;
	/** The last microseconds before a request is due are not slept. */
	readonly spinUs?: number;
	readonly path: string;
	readonly netns?: string | null;
	/** A new connection for each request. */
	readonly close?: boolean;
	/** What fails is counted, and the load goes on. */
	readonly tolerant?: boolean;
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
	/** Those after the warm-up. */
	readonly measured: number;
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
	/** Percentile and microseconds from the due time. */
	readonly curve: readonly (readonly [number, number])[];
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
	const { port, rate, count = 0, seconds = 0, warmupSeconds = 0, ids } = options;
	const values: Readonly<Record<string, string | number>> = {
		ports: [port].flat().join(","),
		path: options.path,
		connections: options.connections ?? 64,
		spin_us: options.spinUs ?? 0,
		close: options.close === true ? 1 : 0,
		tolerant: options.tolerant === true ? 1 : 0,
		...(rate === null ? { seconds, warmup_seconds: warmupSeconds } : { rate, count, warmup: options.warmup ?? 0 }),
		...(ids === undefined ? {} : { body_bytes: ids.size, text: loop.text, load: String(ids.load).padStart(3, "0") }),
	};
	const args = Object.entries(values).map(([name, value]) => `${name}=${value}`);
	const limitMs = (rate === null ? seconds + warmupSeconds : count / rate) * 1000 + 30_000;
	const { stdout } = await runProgram(loop.executable, args, limitMs, { netns: options.netns ?? null });
	const result: OpenLoopResult = JSON.parse(stdout);
	return result;
}
