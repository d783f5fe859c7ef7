import { linesOf } from "../../test/e2e/support/lines.js";
import type { Seen } from "./workloads.js";

/** Where bodies are not told apart: how many records are one of what was answered. */
export async function counted(
	files: readonly string[],
	answered: number,
	isOne: (line: string) => boolean,
): Promise<Seen> {
	let captured = 0;
	for (const file of files) for await (const line of linesOf(file)) if (isOne(line.toString("latin1"))) captured++;
	return { answered, captured: Math.min(captured, answered), intact: null, examples: [] };
}
