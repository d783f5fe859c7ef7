import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Exchange } from "../../../core/index.js";
import { captureConfig, startPolytap } from "./polytap.js";
import type { Scope } from "./scope.js";

export interface Captured {
	readonly exchanges: Exchange[];
	/** The file as it is, and what polytap printed. */
	readonly text: string;
	readonly stderr: string;
}

/** Captures one server's port by eBPF while `use` runs; resolves to what was recorded. `source` goes into the source's config, `more` beside it. */
export async function captured(
	scope: Scope,
	port: number,
	use: () => Promise<void>,
	{
		source = {},
		...more
	}: { readonly source?: Readonly<Record<string, unknown>>; readonly [key: string]: unknown } = {},
): Promise<Captured> {
	const path = join(await scope.folder(), "out.jsonl");
	const polytap = await startPolytap(scope, { config: { ...captureConfig({ ports: [port], path, source }), ...more } });
	await use();
	await polytap.settled();
	const { code, stderr, totals } = await polytap.stop();
	if (code !== 0) throw new Error(stderr);
	if (totals.engine.parser_failures !== 0) throw new Error(`${totals.engine.parser_failures} parser failures`);
	const text = await readFile(path, "utf8");
	const lines = text.split("\n").filter((line) => line !== "");
	return { exchanges: lines.map((line): Exchange => JSON.parse(line)), text, stderr };
}
