/**
 * What correlation costs for one small exchange, engine included:
 * `node dist/bench/core/correlation.js [--rounds 7] [--exchanges 200000]`. `off` is the engine as it is without any other source.
 */
import { Correlation } from "../../core/correlation/correlation.js";
import { Engine } from "../../core/engine/engine.js";
import type { MergeMode } from "../../core/engine/options.js";
import type { BytesEvent, Exchange } from "../../core/index.js";
import { REPOSITORY } from "../../test/e2e/support/polytap.js";
import { describeMachine } from "../harness/machine.js";
import { main, readOptions } from "../harness/options.js";
import { publish, REPORTS } from "../harness/report.js";
import { interleave } from "../harness/rounds.js";
import { showSpread, spreadOf } from "../harness/stats.js";
import { chunkParser, opened, release, SYNTHETIC_US } from "../harness/synthetic.js";

const options = readOptions({ rounds: 7, exchanges: 200_000, only: "", reports: REPORTS });
const CONNECTIONS = 32;
const BATCH = 256;
const REQUEST_BYTES = 41;
const HEAD_BYTES = 145;
const RESPONSE_BYTES = 241;
const data = new Uint8Array(RESPONSE_BYTES).fill(0x78);

interface Way {
	readonly name: string;
	/** Null: no correlation at all. */
	readonly mode: MergeMode | null;
	/** How many sources there are, and how many of them see each exchange. */
	readonly sources: 1 | 2;
	readonly seenBy: 1 | 2;
	/** The second one is a proxy with two legs. */
	readonly hasLegs?: true;
}

const WAYS: readonly Way[] = [
	{ name: "one source, no correlation at all", mode: null, sources: 1, seenBy: 1 },
	{ name: "one source, merge: off", mode: "off", sources: 1, seenBy: 1 },
	{ name: "one source, merge: window", mode: "window", sources: 1, seenBy: 1 },
	{ name: "one of two sources, merge: window", mode: "window", sources: 2, seenBy: 1 },
	{ name: "two sources, both records, off", mode: "off", sources: 2, seenBy: 2 },
	{ name: "two sources, merged, window", mode: "window", sources: 2, seenBy: 2 },
	{ name: "two sources, merged, legs linked", mode: "window", sources: 2, seenBy: 2, hasLegs: true },
	{ name: "two sources, late", mode: "late", sources: 2, seenBy: 2 },
];

/** Microseconds of processor time for one exchange. */
async function measure({ name, mode, sources: count, seenBy, hasLegs }: Way): Promise<number> {
	let records = 0;
	const emit = (exchange: Exchange) => {
		records++;
		release(exchange);
	};
	const engine = new Engine({ merge: mode ?? "off" }, [chunkParser(HEAD_BYTES)], emit);
	if (mode !== null) engine.stage = new Correlation(engine, emit);
	const sources = [engine.addSource("ebpf", "ebpf")];
	if (count === 2) sources.push(engine.addSource("sidecar", "sidecar-legacy"));
	const telling = sources.slice(0, seenBy);
	let nowUs = SYNTHETIC_US;
	for (const [index, source] of telling.entries())
		for (let conn = 0; conn < CONNECTIONS; conn++) {
			const seen = index === 0 ? {} : ({ role: "proxy", bases: null } as const);
			engine.ingest(source, [{ ...opened(conn), ...seen }], nowUs);
			if (hasLegs !== true || index === 0) continue;
			const attributes = { "proxy.leg": conn % 2 === 0 ? "downstream" : "upstream", "proxy.hop": `x-${conn >> 1}` };
			for (const dir of [0, 1] as const)
				engine.ingest(source, [{ kind: "annotate", conn, dir, fromOffset: 0, toOffset: 2 ** 50, attributes }], nowUs);
		}
	const offsets = telling.map(() => Array.from({ length: CONNECTIONS }, (): [number, number] => [0, 0]));
	const before = process.cpuUsage();
	let exchanges = 0;
	for (; exchanges < options.exchanges; exchanges += BATCH)
		for (const [index, source] of telling.entries()) {
			const batch: BytesEvent[] = [];
			for (let i = 0; i < BATCH * 2; i++) {
				const conn = (i >> 1) % CONNECTIONS;
				const dir = (i & 1) as 0 | 1;
				const length = dir === 0 ? REQUEST_BYTES : RESPONSE_BYTES;
				const at = offsets[index]![conn]!;
				const offset = at[dir];
				at[dir] = offset + length;
				batch.push({ kind: "bytes", conn, dir, offset, tsUs: nowUs++, data: data.subarray(0, length) });
			}
			engine.ingest(source, batch, nowUs);
		}
	const used = process.cpuUsage(before);
	for (const source of sources) engine.sourceEnded(source, nowUs);
	const expected = exchanges * (mode === "window" ? 1 : seenBy);
	if (records !== expected) throw new Error(`${name}: ${records} records, ${expected} expected`);
	return (used.user + used.system) / exchanges;
}

await main(async () => {
	const machine = describeMachine(REPOSITORY);
	const ways = WAYS.filter(({ name }) => name.includes(options.only));
	// once for practice
	for (const way of ways) await measure(way);
	const samples = await interleave(ways, options.rounds, measure);
	const base = spreadOf(samples.get(ways[0]!.name) ?? [])?.median ?? Number.NaN;
	publish(
		{
			name: "correlation",
			title: "Correlation",
			machine,
			command: `node dist/bench/core/correlation.js --rounds ${options.rounds} --exchanges ${options.exchanges}`,
			method: [
				`Engine and correlation in one thread, small exchanges of ${CONNECTIONS} connections; the parser costs nothing, records are let go. Two sources tell the same bytes, in turns of ${BATCH} exchanges.`,
				"Processor time, garbage collection included; of two sources, what both cost for one exchange. More: against the first row, in this run.",
				"Median (min–max) of the rounds, all rows interleaved.",
			],
			tables: [
				{
					title: "Engine and correlation",
					head: ["row", "µs an exchange", "more µs"],
					rows: ways.map(({ name }) => {
						const spread = spreadOf(samples.get(name) ?? []);
						return [name, showSpread(spread, 2), ((spread?.median ?? Number.NaN) - base).toFixed(2)];
					}),
				},
			],
			data: { options, samples: Object.fromEntries(samples) },
		},
		options.reports,
	);
});
