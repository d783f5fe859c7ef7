/**
 * Broken conversations of WebSocket, behind their handshake, through the test kit's fuzzing.
 * `node dist/test/fuzz/websocket-fuzz.js [COUNT] [SEED]` prints the time and the memory; a breach of the contract throws, with the input.
 */
import http1 from "../../parsers/http1/index.js";
import websocket from "../../parsers/websocket/index.js";
import { pause } from "../e2e/support/program.js";
import { conversations } from "../parsers/websocket/conversations.js";
import { parserChecks } from "../testkit/index.js";

const inputs = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? 1);
/** Memory outside the heap is given back between two of them only: the kit itself never waits. */
const INPUTS_AT_ONCE = 5000;

const startMs = performance.now();
for (let done = 0, round = seed; done < inputs; done += INPUTS_AT_ONCE, round++) {
	const fuzzInputs = Math.min(INPUTS_AT_ONCE, inputs - done);
	const options = { conversations, with: [http1], fuzzInputs, seed: round, mayMisread: true };
	await parserChecks(websocket, options).at(-1)?.run();
	await pause(10);
}
const seconds = (performance.now() - startMs) / 1000;
const rss = (process.resourceUsage().maxRSS / 1024).toFixed(0);
console.log(`${inputs} inputs, seeds from ${seed}, ${seconds.toFixed(1)} s, peak RSS ${rss} MiB`);
