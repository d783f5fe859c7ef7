/**
 * Memory and open files over minutes or hours at a fixed rate: `node dist/bench/soak.js [--seconds 2400] [--rate 2000]`. The whole
 * program, with a source that makes connections, the `jsonl` sink and its rotation.
 */
import { readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { CLI, REPOSITORY } from "../test/e2e/support/polytap.js";
import { Program, pause } from "../test/e2e/support/program.js";
import { withScope } from "../test/e2e/support/scope.js";
import { memoryUse } from "../test/e2e/support/usage.js";
import { describeMachine } from "./harness/machine.js";
import { main, readOptions } from "./harness/options.js";
import { publish, REPORTS } from "./harness/report.js";
import { showSpread, spreadOf } from "./harness/stats.js";

const MODULE = new URL("../test/e2e/support/rate-plugins.js", import.meta.url).pathname;
const EVERY_S = 5;
const PARTS = 8;
const options = readOptions({ seconds: 2_400, rate: 2_000, rotate: 33_554_432, dir: tmpdir(), reports: REPORTS });

interface Sample {
	readonly s: number;
	readonly mib: number;
	readonly files: number;
}

interface Totals {
	readonly sources: Readonly<Record<string, { readonly counters: Readonly<Record<string, number>> }>>;
	readonly sinks: Readonly<Record<string, { readonly counters: Readonly<Record<string, number>> }>>;
}

await main(() =>
	withScope(async (scope) => {
		const machine = describeMachine(REPOSITORY);
		const folder = await scope.folder(options.dir);
		const [config, totalsFile, path] = ["c.yaml", "totals.json", "out.jsonl"].map((name) => join(folder, name));
		await writeFile(
			config!,
			stringify({
				version: 1,
				plugins: [MODULE],
				sources: { live: { type: "rate", per_second: options.rate } },
				sinks: { file: { type: "jsonl", path, rotate_bytes: options.rotate, keep_files: 2 } },
			}),
		);
		const program = new Program(process.execPath, [CLI, "run", "-c", config!, "--totals", totalsFile!]);
		await program.until(() => /^ready: /m.test(program.stderr), 30_000);
		const samples: Sample[] = [];
		for (let s = EVERY_S; s <= options.seconds; s += EVERY_S) {
			await pause(EVERY_S * 1000);
			const files = readdirSync(`/proc/${program.pid}/fd`).length;
			samples.push({ s, mib: memoryUse(program.pid).rssBytes / 2 ** 20, files });
		}
		await program.stop("SIGTERM", 60_000);
		const totals = JSON.parse(await readFile(totalsFile!, "utf8")) as Totals;
		const made = totals.sources.live?.counters.made ?? 0;
		const written = totals.sinks.file?.counters.written ?? 0;
		// the first quarter is warming up
		const settled = samples.slice(Math.floor(samples.length / 4));
		const parts = Array.from({ length: PARTS }, (_, part) =>
			samples.slice(Math.floor((part * samples.length) / PARTS), Math.floor(((part + 1) * samples.length) / PARTS)),
		);
		publish(
			{
				name: "soak",
				title: "Memory over time",
				machine,
				command: `node dist/bench/soak.js --seconds ${options.seconds} --rate ${options.rate} --rotate ${options.rotate}`,
				method: [
					`\`polytap run\` with a source that makes ${options.rate} connections a second with one exchange each, and the \`jsonl\` sink with \`rotate_bytes: ${options.rotate}\` and two files kept.`,
					`Resident memory and open files of the process every ${EVERY_S} s. Slope: least squares over all but the first quarter.`,
					"Median (min–max) of the samples of each part.",
				],
				tables: [
					{
						title: `${made} exchanges made, ${written} written, ${(slope(settled) * 3600).toFixed(2)} MiB/hour`,
						head: ["seconds", "resident MiB", "open files"],
						rows: parts.map((part) => [
							`${(part[0]?.s ?? 0) - EVERY_S}–${part.at(-1)?.s ?? 0}`,
							showSpread(spreadOf(part.map(({ mib }) => mib)), 1),
							showSpread(spreadOf(part.map(({ files }) => files))),
						]),
					},
				],
				data: { options, made, written, samples },
			},
			options.reports,
		);
		process.stderr.write(program.stderr);
		if (made === 0 || written !== made) throw new Error(`${written} of ${made} were written`);
	}),
);

/** Least squares, MiB a second. */
function slope(points: readonly Sample[]): number {
	const meanS = points.reduce((sum, { s }) => sum + s, 0) / points.length;
	const meanMib = points.reduce((sum, { mib }) => sum + mib, 0) / points.length;
	const up = points.reduce((sum, { s, mib }) => sum + (s - meanS) * (mib - meanMib), 0);
	return up / points.reduce((sum, { s }) => sum + (s - meanS) ** 2, 0);
}
