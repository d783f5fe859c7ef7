/**
 * What delivery costs for one small exchange on its way to a sink that writes JSON and takes all at once, without a spool,
 * with one that is not needed, and with one that everything goes through. Interleaved rounds, medians:
 * `node dist/bench/core/delivery.js [--rounds 9] [--exchanges 60000] [--reports FOLDER]`.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Delivery } from "../../core/delivery/delivery.js";
import { Engine } from "../../core/engine/engine.js";
import { type BytesEvent, MessageHead, type ParserPlugin, type Sink, writeJson } from "../../core/index.js";

const { values } = parseArgs({
	options: {
		rounds: { type: "string", default: "9" },
		exchanges: { type: "string", default: "60000" },
		reports: { type: "string" },
	},
});
const ROUNDS = Number(values.rounds);
const EXCHANGES = Number(values.exchanges);
const CONNECTIONS = 32;
const BATCH = 512;
const BODY_BYTES = 96;

const requestHead = new MessageHead("GET /", { "http.request.method": "GET", "url.path": "/" }, [
	["Host", "127.0.0.1:8080"],
]);
const responseHead = new MessageHead("200", { "http.response.status_code": 200 }, [
	["Server", "nginx/1.22.1"],
	["Content-Type", "application/octet-stream"],
	["Content-Length", String(BODY_BYTES)],
]);

const chunks: ParserPlugin = {
	api: 0,
	kind: "parser",
	protocol: "http/1.1",
	summary: "one message a chunk",
	readsOnly: true,
	detect: () => "yes",
	create: () => ({
		data(dir, bytes, out) {
			const message = out.begin(0);
			message.head(dir === 0 ? requestHead : responseHead);
			if (dir === 1) message.body(bytes, 0, bytes.length);
			message.finish(bytes.length, "ok");
			return bytes.length;
		},
		gap: () => false,
		resync: () => ({ skip: 0 }),
		end: () => {},
	}),
};

const out = Buffer.allocUnsafeSlow(1 << 22);
let written = 0;

const sinkOf = (maxInFlight: number, keepsOrder: boolean): Sink => ({
	maxInFlight,
	...(keepsOrder ? { keepsOrder: true as const } : {}),
	open: async () => {},
	close: async () => {},
	write: async (batch) => {
		let at = 0;
		for (const exchange of batch) {
			at = writeJson(exchange, out, at);
			if (at < 0) throw new Error("too large");
			written++;
		}
	},
});

interface Way {
	readonly name: string;
	readonly spool: "none" | "unused" | "always";
	readonly lanes: number;
	readonly syncMs?: number;
}

const WAYS: readonly Way[] = [
	{ name: "memory", spool: "none", lanes: 1 },
	{ name: "memory, four lanes", spool: "none", lanes: 4 },
	{ name: "spool that is not needed", spool: "unused", lanes: 1 },
	{ name: "everything through the spool", spool: "always", lanes: 1 },
	{ name: "everything through the spool, four lanes", spool: "always", lanes: 4 },
	{ name: "everything through the spool, each block synced", spool: "always", lanes: 1, syncMs: 0 },
];

/** Microseconds an exchange, from the engine to the sink. */
async function run({ spool: kind, lanes, syncMs }: Way): Promise<number> {
	const folder = mkdtempSync(join(tmpdir(), "polytap-bench-"));
	const fail = (what: string) => (_: string, detail: unknown) => {
		throw new Error(`${what}: ${String(detail)}`);
	};
	const delivery = new Delivery({
		queueFull: fail("queue full"),
		writeFailed: fail("write failed"),
		spoolFull: fail("spool full"),
		spoolFailed: fail("spool failed"),
	});
	const spool =
		kind === "none"
			? null
			: await delivery.openSpool("s", {
					path: join(folder, "s"),
					maxBytes: 2 ** 32,
					syncMs: syncMs ?? 100,
					whenFull: "drop_newest",
				});
	const options = {
		maxExchanges: 65_536,
		maxBytes: 2 ** 28,
		whenFull: "drop_newest" as const,
		batchExchanges: BATCH,
		batchBytes: 1 << 20,
		batchMs: 0,
		writeTimeoutMs: 30_000,
		maxRetries: 5,
		retryMs: 200,
		retryMaxMs: 30_000,
		spoolAlways: kind === "always",
	};
	delivery.add("s", sinkOf(lanes, lanes === 1), options, null, spool);
	const engine = new Engine({ maxHeldBytes: 2 ** 30 }, [chunks], delivery.emit);
	const source = engine.addSource("bench", "bench");
	for (let conn = 0; conn < CONNECTIONS; conn++)
		engine.ingest(
			source,
			[
				{
					kind: "open",
					conn,
					tsUs: 0,
					transport: "tcp",
					client: { address: "127.0.0.1", port: 40_000 + conn },
					server: { address: "127.0.0.1", port: 8080 },
					role: "server",
					roleKnown: true,
					bases: [conn, conn],
					fromStart: true,
					netns: 1,
					process: null,
					layer: "transport",
					lower: null,
				},
			],
			0,
		);
	written = 0;
	const data = new Uint8Array(BODY_BYTES).fill(0x78);
	let nowUs = 1_700_000_000_000_000;
	const started = performance.now();
	let tickedMs = started;
	const tick = () => {
		if (performance.now() - tickedMs < 10) return;
		tickedMs = performance.now();
		delivery.tick(tickedMs);
	};
	for (let done = 0; done < EXCHANGES; done += BATCH / 2) {
		const batch: BytesEvent[] = [];
		for (let i = 0; i < BATCH; i++) {
			const number = done + (i >> 1);
			const conn = number % CONNECTIONS;
			const offset = Math.floor(number / CONNECTIONS) * BODY_BYTES;
			batch.push({ kind: "bytes", conn, dir: (i & 1) as 0 | 1, offset, tsUs: nowUs++, data });
		}
		engine.ingest(source, batch, nowUs);
		tick();
		if (delivery.behind) await delivery.breathe();
		// as a source with room would
		while ((delivery.counters().s?.waiting ?? 0) > 16_384) {
			await turn();
			tick();
		}
	}
	const made = engine.totals.exchanges;
	while (written < made) {
		await turn();
		tick();
	}
	const us = ((performance.now() - started) * 1000) / made;
	await delivery.flush(10_000);
	rmSync(folder, { recursive: true });
	return us;
}

const samples = new Map<string, number[]>(WAYS.map(({ name }) => [name, []]));
const loadBefore = loadavg()[0]!;
for (let round = -1; round < ROUNDS; round++)
	for (const way of WAYS) {
		const us = await run(way);
		// the first round is for practice
		if (round >= 0) samples.get(way.name)!.push(us);
	}
const rows = [...samples].map(([name, all]) => {
	const sorted = [...all].sort((a, b) => a - b);
	return { name, median: sorted[sorted.length >> 1]!, least: sorted[0]!, most: sorted.at(-1)! };
});
const base = rows[0]!.median;
const table = [
	"| | µs an exchange, median (least to most) | exchanges/s | against memory |",
	"|---|---|---|---|",
	...rows.map(
		({ name, median, least, most }) =>
			`| ${name} | ${median.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)}) | ${Math.round(1e6 / median).toLocaleString("en-US")} | ${(median / base).toFixed(2)} |`,
	),
].join("\n");
const page = `# Delivery: memory and spool

Engine, delivery and JSON writer in one thread, small exchanges (96 bytes of body) of ${CONNECTIONS} connections; the sink writes JSON into memory. ${ROUNDS} interleaved rounds of ${EXCHANGES.toLocaleString("en-US")}
exchanges. ${cpus().length} processors (${cpus()[0]?.model.trim() ?? "unknown"}), Node.js ${process.version}, load average before: ${loadBefore.toFixed(2)}.

${table}
`;
process.stdout.write(page);
if (values.reports !== undefined) {
	writeFileSync(join(values.reports, "delivery.md"), page);
	writeFileSync(
		join(values.reports, "delivery.json"),
		`${JSON.stringify({ rounds: ROUNDS, exchanges: EXCHANGES, samples: Object.fromEntries(samples) }, null, "\t")}\n`,
	);
}
