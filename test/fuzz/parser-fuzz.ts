import type { ParserPlugin } from "../../core/index.js";
import { pause } from "../e2e/support/program.js";
import { type ParserKitOptions, parserChecks } from "../testkit/index.js";

/** Memory outside the heap is given back between two of them only: the kit itself never waits. */
const INPUTS_AT_ONCE = 5000;

/**
 * Broken conversations through the test kit's fuzzing, as many as the command line says (`[COUNT] [SEED]`), each 5000 with
 * another seed. Prints the time and the memory; a breach of the contract throws, with the input.
 */
export async function fuzzParser(plugin: ParserPlugin, options: ParserKitOptions): Promise<void> {
	const inputs = Number(process.argv[2] ?? 100_000);
	const first = Number(process.argv[3] ?? 1);
	const startMs = performance.now();
	for (let done = 0, seed = first; done < inputs; done += INPUTS_AT_ONCE, seed++) {
		const fuzzInputs = Math.min(INPUTS_AT_ONCE, inputs - done);
		await parserChecks(plugin, { mayMisread: true, ...options, fuzzInputs, seed })
			.at(-1)
			?.run();
		await pause(10);
	}
	const seconds = (performance.now() - startMs) / 1000;
	const rss = (process.resourceUsage().maxRSS / 1024).toFixed(0);
	console.log(`${inputs} inputs, seeds from ${first}, ${seconds.toFixed(1)} s, peak RSS ${rss} MiB`);
}
