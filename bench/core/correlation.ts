/**
 * What correlation costs for one exchange, engine included: `node dist/bench/core/correlation.js [rounds]`. Processor time, garbage
 * collection included, in interleaved rounds; `off` is the engine as it is without any other source.
 */
import { Correlation } from "../../core/correlation/correlation.js";
import { Engine } from "../../core/engine/engine.js";
import type { MergeMode } from "../../core/engine/options.js";
import { type BytesEvent, type Exchange, MessageHead, type OpenEvent, type ParserPlugin } from "../../core/index.js";

const CONNECTIONS = 32;
const BATCH = 256;
const ROUNDS = Number(process.argv[2] ?? 7);
const EXCHANGES = 200_000;
const REQUEST_BYTES = 41;
const RESPONSE_BYTES = 241;

const heads = [
	new MessageHead("GET /", { "http.request.method": "GET" }, [["Host", "a"]]),
	new MessageHead("200", { "http.response.status_code": 200 }, [["Server", "b"]]),
] as const;

const parser: ParserPlugin = {
	api: 0,
	kind: "parser",
	protocol: "http/1.1",
	summary: "one message a chunk",
	readsOnly: true,
	detect: () => "yes",
	create: () => ({
		data(dir, bytes, out) {
			const message = out.begin(0);
			message.head(heads[dir]);
			if (dir === 1) message.body(bytes, 145, bytes.length);
			message.finish(bytes.length, "ok");
			return bytes.length;
		},
		gap: () => false,
		resync: () => ({ skip: 0 }),
		end: () => {},
	}),
};

/** What of each exchange the sources see: one, both, or one of two that never meet. */
type Case = "one source" | "two, alone" | "two, merged" | "two, merged, legs";

const data = new Uint8Array(RESPONSE_BYTES).fill(0x78);

function run(mode: MergeMode | null, which: Case): number {
	let records = 0;
	const emit = (exchange: Exchange) => {
		records++;
		(exchange as Exchange & { release(): void }).release();
	};
	const engine = new Engine({ merge: mode ?? "off" }, [parser], emit);
	if (mode !== null) engine.stage = new Correlation(engine, emit);
	const sources = [engine.addSource("ebpf", "ebpf")];
	if (which !== "one source") sources.push(engine.addSource("sidecar", "sidecar-legacy"));
	const isMerged = which.startsWith("two, merged");
	const telling = isMerged ? sources : sources.slice(0, 1);
	let nowUs = 1_700_000_000_000_000;
	for (const source of telling)
		for (let conn = 0; conn < CONNECTIONS; conn++) {
			engine.ingest(source, [open(conn, source === 0, nowUs)], nowUs);
			if (which !== "two, merged, legs" || source === 0) continue;
			const attributes = { "proxy.leg": conn % 2 === 0 ? "downstream" : "upstream", "proxy.hop": `x-${conn >> 1}` };
			for (const dir of [0, 1] as const)
				engine.ingest(source, [{ kind: "annotate", conn, dir, fromOffset: 0, toOffset: 2 ** 50, attributes }], nowUs);
		}
	const offsets = telling.map(() => Array.from({ length: CONNECTIONS }, (): [number, number] => [0, 0]));
	const started = process.cpuUsage();
	for (let done = 0; done < EXCHANGES; done += BATCH)
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
	const used = process.cpuUsage(started);
	for (const source of sources) engine.sourceEnded(source, nowUs);
	const expected = Math.ceil(EXCHANGES / BATCH) * BATCH * (mode === "window" || !isMerged ? 1 : telling.length);
	if (records !== expected) throw new Error(`${which}, ${mode}: ${records} records, ${expected} expected`);
	return ((used.user + used.system) * 1000) / EXCHANGES;
}

function open(conn: number, isEbpf: boolean, tsUs: number): OpenEvent {
	return {
		kind: "open",
		conn,
		tsUs,
		transport: "tcp",
		client: { address: "10.0.0.1", port: 40_000 + conn },
		server: { address: "10.0.0.2", port: 8080 },
		role: isEbpf ? "server" : "proxy",
		roleKnown: true,
		bases: isEbpf ? [conn + 1, conn + 2] : null,
		fromStart: true,
		netns: 1,
		process: null,
		layer: "transport",
		lower: null,
	};
}

const cases: readonly (readonly [label: string, mode: MergeMode | null, which: Case])[] = [
	["one source, no correlation at all   ", null, "one source"],
	["one source, merge: off              ", "off", "one source"],
	["one source, merge: window           ", "window", "one source"],
	["one of two sources, merge: window   ", "window", "two, alone"],
	["two sources, both records, off      ", "off", "two, merged"],
	["two sources, merged, window         ", "window", "two, merged"],
	["two sources, merged, legs linked    ", "window", "two, merged, legs"],
	["two sources, late                   ", "late", "two, merged"],
];
const found = cases.map((): number[] => []);
for (let round = 0; round < ROUNDS; round++)
	for (const [index, [, mode, which]] of cases.entries()) found[index]!.push(run(mode, which));
for (const [index, [label]] of cases.entries()) {
	const sorted = found[index]!.sort((a, b) => a - b);
	console.log(
		`${label}: ${sorted[ROUNDS >> 1]!.toFixed(0)} ns an exchange (${sorted[0]!.toFixed(0)} to ${sorted.at(-1)!.toFixed(0)})`,
	);
}
