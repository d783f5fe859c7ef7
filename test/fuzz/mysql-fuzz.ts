/**
 * Broken conversations of MySQL through the test kit's fuzzing. `node dist/test/fuzz/mysql-fuzz.js [COUNT] [SEED]` prints
 * the time and the memory; a breach of the contract throws, with the input.
 */
import mysql from "../../parsers/mysql/index.js";
import { conversations } from "../parsers/mysql/conversations.js";
import { parserChecks } from "../testkit/index.js";

const inputs = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? 1);
const check = parserChecks(mysql, { conversations, fuzzInputs: inputs, seed, mayMisread: true }).at(-1)!;
const startMs = performance.now();
await check.run();
const seconds = (performance.now() - startMs) / 1000;
const rss = (process.resourceUsage().maxRSS / 1024).toFixed(0);
console.log(`${check.name}: ${inputs} inputs, seed ${seed}, ${seconds.toFixed(1)} s, peak RSS ${rss} MiB`);
