/**
 * The long form of test/e2e/http-integrity.test.ts: a fixed 10,000 requests/s for 30 s, and as many as go for three sizes
 * of bodies. Ends with code 1 where anything is missing or differs. `node dist/bench/integrity.js [--seconds 30] [--rate
 * 10000] [--saturated 5] [--connections 32] [--vantage server] [--dir /tmp] [--only NAME]`
 */
import { stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Totals } from "../core/app/totals.js";
import { checkIntegrity, type Load, type LoadReport } from "../test/e2e/support/integrity.js";
import { startNginx } from "../test/e2e/support/nginx.js";
import { captureConfig, REPOSITORY, startPolytap } from "../test/e2e/support/polytap.js";
import { type Scope, withScope } from "../test/e2e/support/scope.js";
import { runWrk } from "../test/e2e/support/wrk.js";
import { describeMachine } from "./harness/machine.js";
import { buildOpenLoop, type OpenLoop, runOpenLoop } from "./harness/openloop.js";
import { main, readOptions } from "./harness/options.js";
import { publish, REPORTS } from "./harness/report.js";

const options = readOptions({
	seconds: 30,
	rate: 10_000,
	saturated: 5,
	connections: 32,
	vantage: "server",
	ring: 0,
	dir: tmpdir(),
	only: "",
	reports: REPORTS,
});

interface Case extends Load {
	readonly sendfile: boolean;
	/** Requests a second, or null: as many as go. */
	readonly rate: number | null;
	readonly close: boolean;
	/** Memory for all that a short load is: what is asked is whether everything is right, not what goes through for ever. */
	readonly room: boolean;
}

interface Result extends LoadReport {
	readonly requestsPerSecond: number;
	readonly bytesOnDisk: number;
	readonly lost: Readonly<Record<string, number>>;
	readonly peakRssBytes: number;
	readonly totals: Totals;
}

const SIZES = [
	[100, "100 B"],
	[10_240, "10 KiB"],
	[1_048_576, "1 MiB"],
] as const;

const LARGE = SIZES.slice(1);
const SATURATED: readonly Case[] = [
	...SIZES.map(([size, name]) => one(`${name} there and back`, "echo", size, false, null)),
	one("100 B there and back, new connections", "echo", 100, false, null, true),
	...SIZES.map(([size, name]) => one(`${name} file`, "static", size, false, null)),
	...SIZES.map(([size, name]) => one(`${name} file, sendfile`, "static", size, true, null)),
];
const CASES: readonly Case[] = [
	one("100 B there and back", "echo", 100, false, options.rate),
	...SATURATED,
	...SATURATED.filter(({ size }) => LARGE.some(([large]) => large === size)).map((each) => ({
		...each,
		name: each.name.replace("saturated", "with room"),
		room: true,
	})),
];
const MIB = 1024 * 1024;
const ROOM = {
	source: { ring_bytes: 1024 * MIB },
	capture: { max_held_bytes: 6144 * MIB, worker_timeout_ms: 60_000 },
	sink: { queue: { max_bytes: 6144 * MIB, max_exchanges: 1_000_000 } },
} as const;

const HEAD = [
	"row",
	"requests/s",
	"answered whole",
	"records",
	"missing",
	"twice",
	"never sent",
	"with gaps",
	"different",
	"unknown",
	"lost bytes",
	"given up before the file",
	"MB on disk",
	"peak RSS MB",
];

await main(() =>
	withScope(async (scope) => {
		const machine = describeMachine(REPOSITORY);
		const loop = await buildOpenLoop(scope);
		const results: Result[] = [];
		for (const [index, each] of CASES.entries()) {
			if (!each.name.includes(options.only)) continue;
			const result = await withScope((inner) => run(inner, { ...each, number: 100 + index }, loop));
			process.stderr.write(
				`${summary(result).join(" | ")}\n${result.examples.slice(0, 2).join("\n").slice(0, 2000)}\n`,
			);
			results.push(result);
		}
		publish(
			{
				name: "integrity",
				title: "Every request whole and once",
				machine,
				command: `node dist/bench/integrity.js --seconds ${options.seconds} --rate ${options.rate} --saturated ${options.saturated} --connections ${options.connections} --vantage ${options.vantage}`,
				method: [
					`nginx with one worker over loopback, polytap with eBPF (vantage ${options.vantage}) and JSON lines into a file. At a fixed rate: bench/openloop.c for ${options.seconds} s over 64 connections; saturated: wrk -t1 -c${options.connections} for ${options.saturated} s.`,
					"Every request carries an id, and a body made from it that comes back; or it names a file whose content is known. After the run each line of nginx's own access log is looked for in the file, and the SHA-256 of both bodies compared with those of the bodies made again from the id.",
					"With room: 1 s with a ring of 1 GiB and 6 GiB for what waits for the file. No processor of this machine is left over at such a load, so more comes than can be written, and without room what is too much is lost, and named.",
					"Answered whole: by nginx's log. What a client cut off at the end of its load is not counted there. With sendfile one connection of the worker comes before the load.",
				],
				tables: [{ title: "Requests", head: HEAD, rows: results.map(summary) }],
				data: { options, results },
			},
			options.reports,
		);
		if (results.some((result) => problems(result) > 0)) process.exitCode = 1;
	}),
);

function one(
	what: string,
	kind: "echo" | "static",
	size: number,
	sendfile: boolean,
	rate: number | null,
	close = false,
): Case {
	const name = rate === null ? `saturated, ${what}` : `${rate.toLocaleString("en-US")}/s, ${what}`;
	return { number: 0, name, kind, size, sendfile, rate, close, room: false };
}

async function run(scope: Scope, load: Case, loop: OpenLoop): Promise<Result> {
	const { kind, size, sendfile, rate, close } = load;
	const nginx = await startNginx(scope, { accessLog: true, sendfile, staticSizes: kind === "static" ? [size] : [] });
	const path = join(await scope.folder(options.dir), "exchanges.jsonl");
	const room = load.room ? ROOM : options.ring === 0 ? {} : { source: { ring_bytes: options.ring } };
	const vantage = options.vantage === "both" ? "both" : "server";
	const config = captureConfig({ ...room, ports: [nginx.port], path, vantage });
	const polytap = await startPolytap(scope, { config });
	if (sendfile) {
		const answer = await fetch(`http://127.0.0.1:${nginx.port}/static/${size}/0`, { headers: { connection: "close" } });
		await answer.arrayBuffer();
	}
	const ids = { load: load.number, kind, size, close };
	let requestsPerSecond: number;
	if (rate === null) {
		const seconds = load.room ? 1 : options.saturated;
		const { connections } = options;
		const url = `http://127.0.0.1:${nginx.port}/`;
		requestsPerSecond = (await runWrk(scope, { url, seconds, connections, ids })).requestsPerSecond;
	} else {
		const count = rate * options.seconds;
		requestsPerSecond = (await runOpenLoop(loop, { port: nginx.port, rate, count, path: "/echo/", ids }))
			.requestsPerSecond;
	}
	await polytap.settled();
	const { peakRssBytes } = polytap.memory();
	await nginx.stop();
	const { totals } = await polytap.stop();
	const [report] = await checkIntegrity(path, nginx.accessLog, [load]);
	return {
		...report!,
		requestsPerSecond,
		bytesOnDisk: (await stat(path)).size,
		lost: Object.fromEntries(Object.entries(totals.bytes.lost).filter(([, bytes]) => bytes > 0)),
		peakRssBytes,
		totals,
	};
}

function summary(result: Result): string[] {
	const count = (value: number) => value.toLocaleString("en-US", { maximumFractionDigits: 0 });
	const { logged, records, missing, duplicates, neverSent, gaps, mismatches, unexpected } = result;
	const lost = Object.entries(result.lost).map(([cause, bytes]) => `${cause} ${count(bytes)}`);
	return [
		result.name,
		count(result.requestsPerSecond),
		...[logged, records, missing, duplicates, neverSent, gaps, mismatches, unexpected].map(count),
		lost.join(", ") || "0",
		count(result.totals.sinks.file?.counters.dropped_queue_full ?? 0),
		count(result.bytesOnDisk / 1e6),
		count(result.peakRssBytes / 1e6),
	];
}

function problems({ missing, duplicates, gaps, mismatches, unexpected }: LoadReport): number {
	return missing + duplicates + gaps + mismatches + unexpected;
}
