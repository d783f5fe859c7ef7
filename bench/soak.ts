/** Resident memory over minutes at a fixed rate: node dist/bench/soak.js [--seconds 300] [--rate 2000]. Prints samples and the slope. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import { CLI } from "../test/e2e/support/polytap.js";
import { Program, pause } from "../test/e2e/support/program.js";
import { memoryUse } from "../test/e2e/support/usage.js";

const MODULE = new URL("../test/e2e/support/rate-plugins.js", import.meta.url).pathname;
const { values } = parseArgs({
	options: { seconds: { type: "string", default: "300" }, rate: { type: "string", default: "2000" } },
});
const seconds = Number(values.seconds);
const EVERY_S = 5;

const folder = await mkdtemp(join(tmpdir(), "polytap-soak-"));
const config = join(folder, "c.yaml");
await writeFile(
	config,
	stringify({
		version: 1,
		plugins: [MODULE],
		sources: { live: { type: "rate", per_second: Number(values.rate) } },
		sinks: { file: { type: "jsonl", path: join(folder, "out.jsonl"), rotate_bytes: 33_554_432, keep_files: 2 } },
	}),
);
const program = new Program(process.execPath, [CLI, "run", "-c", config]);
await program.until(() => /^ready: /m.test(program.stderr), 30_000);
const samples: { readonly s: number; readonly mib: number }[] = [];
for (let s = EVERY_S; s <= seconds; s += EVERY_S) {
	await pause(EVERY_S * 1000);
	samples.push({ s, mib: memoryUse(program.pid).rssBytes / 2 ** 20 });
}
await program.stop("SIGTERM", 60_000);
await rm(folder, { recursive: true });
// the first third is warming up
const settled = samples.slice(Math.floor(samples.length / 3));
console.log(samples.map(({ s, mib }) => `${s} s: ${mib.toFixed(1)} MiB`).join("\n"));
console.log(`slope of the last two thirds: ${(slope(settled) * 3600).toFixed(2)} MiB/hour`);
console.log(program.stderr);

/** Least squares, MiB a second. */
function slope(points: typeof samples): number {
	const meanS = points.reduce((sum, { s }) => sum + s, 0) / points.length;
	const meanMib = points.reduce((sum, { mib }) => sum + mib, 0) / points.length;
	const up = points.reduce((sum, { s, mib }) => sum + (s - meanS) * (mib - meanMib), 0);
	return up / points.reduce((sum, { s }) => sum + (s - meanS) ** 2, 0);
}
