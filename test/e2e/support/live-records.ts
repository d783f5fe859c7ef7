import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Exchange } from "../../../core/index.js";
import { startPolytap } from "./polytap.js";
import { until } from "./program.js";
import type { Scope } from "./scope.js";

/** More of the config: `protocols`, `capture`. */
type More = Readonly<Record<string, unknown>>;

/**
 * Captures the ports with eBPF from now on; what it returns stops that and gives the records. `source`: more of its options.
 * With `holds` it stops when that holds of the records so far.
 */
export async function captureLive(
	scope: Scope,
	ports: readonly number[],
	more: More = {},
	source: More = {},
): Promise<(holds?: (records: readonly Exchange[]) => boolean) => Promise<Exchange[]>> {
	const records = join(await scope.folder(), "records.jsonl");
	const read = async () =>
		(await readFile(records, "utf8"))
			.split("\n")
			.slice(0, -1)
			.map((line) => JSON.parse(line) as Exchange);
	const polytap = await startPolytap(scope, {
		config: {
			...more,
			sources: { node: { type: "ebpf", targets: [{ ports }], ...source } },
			sinks: { file: { type: "jsonl", path: records, queue: { max_exchanges: 1_000_000, max_bytes: 1 << 28 } } },
		},
	});
	return async (holds = () => true) => {
		await polytap.settled();
		await until(async () => holds(await read()), "the records");
		await polytap.stop();
		return read();
	};
}
