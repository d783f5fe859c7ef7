import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bodyText } from "./body.js";
import { STATIC_FILES } from "./nginx.js";
import { runProgram } from "./program.js";
import type { Scope } from "./scope.js";

export interface WrkOptions {
	readonly url: string;
	readonly seconds: number;
	readonly connections?: number;
	readonly threads?: number;
	readonly netns?: string | null;
	/** Every request has an id; see `bodyOf`. */
	readonly ids?: WrkIds;
}

export interface WrkIds {
	/** First three digits of every id. */
	readonly load: number;
	/** `echo`: POST with a body. `static`: GET of one of the static files. */
	readonly kind: "echo" | "static";
	readonly size: number;
	/** A connection for each request. */
	readonly close?: boolean;
	/** Each connection rests so long between two requests; without it, as many as go. */
	readonly restMs?: number;
}

export interface WrkResult {
	readonly requests: number;
	readonly requestsPerSecond: number;
	readonly p50Us: number;
	readonly p90Us: number;
	readonly p99Us: number;
	readonly maxUs: number;
	/** Connections refused, reads and writes failed, time-outs. */
	readonly socketErrors: number;
	/** Answers that are neither 2xx nor 3xx. */
	readonly statusErrors: number;
}

export async function runWrk(scope: Scope, options: WrkOptions): Promise<WrkResult> {
	const folder = await scope.folder();
	const script = join(folder, "wrk.lua");
	const text = join(folder, "text");
	if (options.ids !== undefined) await writeFile(text, bodyText);
	await writeFile(script, REPORT + (options.ids === undefined ? "" : idScript(options.ids, text)));
	const args = [
		`-t${options.threads ?? 1}`,
		`-c${options.connections ?? 32}`,
		`-d${options.seconds}s`,
		"--timeout",
		"10s",
		"-s",
		script,
		options.url,
	];
	const { stdout } = await runProgram("wrk", args, options.seconds * 1000 + 60_000, { netns: options.netns ?? null });
	const line = /^RESULT (.*)$/m.exec(stdout)?.[1];
	if (line === undefined) throw new Error(`unreadable wrk output: ${stdout}`);
	const result: WrkResult = JSON.parse(line);
	return result;
}

const REPORT = `
function done(summary, latency, requests)
	local e = summary.errors
	io.write(string.format(
		'RESULT {"requests":%d,"requestsPerSecond":%.1f,"p50Us":%d,"p90Us":%d,"p99Us":%d,"maxUs":%d,"socketErrors":%d,"statusErrors":%d}\\n',
		summary.requests, summary.requests * 1e6 / summary.duration,
		latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max,
		e.connect + e.read + e.write + e.timeout, e.status))
end
`;

function idScript({ load, kind, size, close, restMs }: WrkIds, textFile: string): string {
	const connection = close === true ? "Connection: close\\r\\n" : "";
	const make =
		kind === "echo"
			? `
	local shift = tonumber(id) % 4093
	local body = (id .. ":" .. text:sub(shift + 1, shift + ${size})):sub(1, ${size})
	return "POST /echo/" .. id .. " HTTP/1.1\\r\\nHost: polytap\\r\\n${connection}Content-Length: ${size}\\r\\n\\r\\n" .. body`
			: `
	local n = tonumber(id) % ${STATIC_FILES}
	return "GET /static/${size}/" .. n .. "?id=" .. id .. " HTTP/1.1\\r\\nHost: polytap\\r\\n${connection}\\r\\n"`;
	const rest = restMs === undefined ? "" : `function delay() return ${restMs} end`;
	return `${rest}
local file = io.open("${textFile}", "rb")
local text = file:read("*a")
file:close()
local threads = 0
thread_number = 0
function setup(thread)
	thread:set("thread_number", threads)
	threads = threads + 1
end
local count = 0
function request()
	count = count + 1
	local id = string.format("%03d%01d%08d", ${load}, thread_number, count)
${make}
end
`;
}
