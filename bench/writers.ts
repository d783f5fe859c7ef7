/**
 * What it costs to write exchanges: `node dist/bench/writers.js [--exchanges 60000] [--rounds 7] [--dir /tmp]`. Engine and parser
 * alone, and with each way to write behind them, in one process.
 */
import { stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine } from "../core/engine/engine.js";
import { type BytesEvent, type Exchange, type Sink, writeJson, writeProtobuf } from "../core/index.js";
import { headerOf } from "../core/recording/header.js";
import { Recorder } from "../core/recording/recorder.js";
import http1 from "../parsers/http1/index.js";
import blackhole, { blackholeConfig } from "../sinks/blackhole/index.js";
import jsonl, { jsonlConfig } from "../sinks/jsonl/index.js";
import protobuf, { protobufConfig } from "../sinks/protobuf/index.js";
import { REPOSITORY } from "../test/e2e/support/polytap.js";
import { withScope } from "../test/e2e/support/scope.js";
import { describeMachine } from "./harness/machine.js";
import { main, readOptions } from "./harness/options.js";
import { publish, REPORTS } from "./harness/report.js";
import { interleave } from "./harness/rounds.js";
import { showSpread, spreadOf } from "./harness/stats.js";
import { feed, NGINX, opened, release, talk } from "./harness/synthetic.js";

const options = readOptions({ exchanges: 60_000, rounds: 7, dir: tmpdir(), only: "", reports: REPORTS });
const BATCH = 512;

interface Traffic {
	readonly name: string;
	readonly exchanges: number;
	readonly events: readonly BytesEvent[];
}

type Kind = "same" | "new";

function traffic(name: string, kind: Kind, body: Buffer, exchanges: number): Traffic {
	const response = `HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\nConnection: keep-alive\r\n\r\n`;
	const said = (dir: 0 | 1, number: number): Uint8Array => {
		const path = kind === "same" ? "/small" : `/orders/${number}?page=${number}`;
		const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n`;
		return new Uint8Array(dir === 0 ? Buffer.from(request) : Buffer.concat([Buffer.from(response), body]));
	};
	return { name, exchanges, events: talk(exchanges, said) };
}

interface Way {
	readonly name: string;
	/** Nothing: exchanges are let go. */
	readonly write?: (exchange: Exchange, out: Buffer) => number;
	/** Through a sink, to a file or nowhere. */
	readonly sink?: (path: string) => Sink;
	readonly records?: true;
}

const context = {
	name: "bench",
	diagnostics: { warn: (_: string, message: string) => complain(message), info: () => {} },
};

const WAYS: readonly Way[] = [
	{ name: "engine alone" },
	{ name: "jsonl, encoded in memory", write: (exchange, out) => writeJson(exchange, out, 0) },
	{ name: "protobuf, encoded in memory", write: (exchange, out) => writeProtobuf(exchange, out, 0) },
	{ name: "sink jsonl, to a file", sink: (path) => jsonl.create(jsonlConfig.parse({ path }), context) },
	{ name: "sink protobuf, to a file", sink: (path) => protobuf.create(protobufConfig.parse({ path }), context) },
	{ name: "sink blackhole", sink: () => blackhole.create(blackholeConfig.parse({}), context) },
	{ name: "sink blackhole, touch", sink: () => blackhole.create(blackholeConfig.parse({ touch: true }), context) },
	{ name: "recorded to a file", records: true },
];

interface Sample {
	/** Microseconds an exchange. */
	readonly us: number;
	readonly bytes: number;
}

await main(() =>
	withScope(async (scope) => {
		const machine = describeMachine(REPOSITORY);
		const folder = await scope.folder(options.dir);
		const { exchanges } = options;
		const text = Buffer.from("polytap ".repeat(12));
		const json = Buffer.from(
			JSON.stringify(Array.from({ length: 100 }, (_, id) => ({ id, name: `item ${id}`, tags: ["a", "b"] }))),
		);
		const binary = Buffer.from(Array.from({ length: 16_384 }, (_, i) => (i * 7919) & 255));
		const kinds = [
			traffic("96 bytes of text, heads come again", "same", text, exchanges),
			traffic("96 bytes of text, every request's head is new", "new", text, exchanges),
			traffic(`${json.length} bytes of JSON, heads come again`, "same", json, Math.ceil(exchanges / 8)),
			traffic("16 KiB of binary, heads come again", "same", binary, Math.ceil(exchanges / 16)),
		];
		const ways = WAYS.filter(({ name }) => name.includes(options.only));
		const rows = kinds.flatMap((kind) => ways.map((way) => ({ name: `${kind.name}: ${way.name}`, kind, way })));
		let count = 0;
		const samples = await interleave(rows, options.rounds, ({ kind, way }) =>
			measure(kind, way, join(folder, `${count++}`)),
		);
		const baseOf = (kind: Traffic) => medianOf(samples.get(`${kind.name}: ${ways[0]!.name}`) ?? []);
		publish(
			{
				name: "writers",
				title: "Writing exchanges",
				machine,
				command: `node dist/bench/writers.js --exchanges ${exchanges} --rounds ${options.rounds}`,
				method: [
					"HTTP/1.1 over one connection whose server's process is known, from capture events in memory through engine and parser; then each way to write. One process, one thread (files: the thread pool of Node.js beside it). No kernel, no redaction, no queue.",
					"In memory: each record over the one before. To a file: batches of 512 through the sink, in the page cache, until the last is written. More: against the engine alone, in this run.",
					"Median (min–max) of the rounds, all rows interleaved.",
				],
				tables: kinds.map((kind) => ({
					title: kind.name,
					head: ["row", "µs an exchange", "more µs", "exchanges/s", "bytes an exchange"],
					rows: ways.map((way) => {
						const all = samples.get(`${kind.name}: ${way.name}`) ?? [];
						const us = spreadOf(all.map((sample) => sample.us));
						return [
							way.name,
							showSpread(us, 2),
							(medianOf(all) - baseOf(kind)).toFixed(2),
							showSpread(spreadOf(all.map((sample) => 1e6 / sample.us)), 0),
							all[0] === undefined || all[0].bytes === 0 ? "–" : all[0].bytes.toFixed(0),
						];
					}),
				})),
				data: { options, samples: Object.fromEntries(samples) },
			},
			options.reports,
		);
	}),
);

function medianOf(samples: readonly Sample[]): number {
	return spreadOf(samples.map(({ us }) => us))?.median ?? Number.NaN;
}

async function measure(kind: Traffic, way: Way, path: string): Promise<Sample> {
	const out = Buffer.allocUnsafeSlow(1 << 20);
	const sink = way.sink?.(path) ?? null;
	const { signal } = new AbortController();
	let waiting: Exchange[] = [];
	let bytes = 0;
	const { write } = way;
	const emit = (exchange: Exchange): void => {
		if (sink !== null) {
			waiting.push(exchange);
			return;
		}
		if (write !== undefined) bytes += write(exchange, out);
		release(exchange);
	};
	const engine = new Engine({}, [http1], emit, (_, error) => {
		throw error;
	});
	const source = engine.addSource("bench", "bench");
	const recorder =
		way.records === true
			? new Recorder(
					{ path, allow_unredacted: true, max_bytes: 2 ** 40, buffer_bytes: 2 ** 28 },
					() => headerOf("0", new Date(0), [http1.protocol], [{ options: engine.options, sources: [] }]),
					[engine],
					context.diagnostics,
				)
			: null;
	await sink?.open(signal);
	await recorder?.open();
	await feed(engine, source, [opened(1, NGINX)]);
	const flying = new Set<Promise<void>>();
	const started = performance.now();
	await feed(engine, source, kind.events, async () => {
		if (recorder?.isBehind === true) await recorder.settled();
		if (sink === null || waiting.length < BATCH) return;
		if (flying.size >= sink.maxInFlight) await Promise.race(flying);
		fly(sink, waiting);
		waiting = [];
	});
	if (sink !== null) fly(sink, waiting);
	await Promise.all(flying);
	await recorder?.close();
	const us = ((performance.now() - started) * 1000) / kind.exchanges;
	await sink?.close();
	if (engine.counters().exchanges !== kind.exchanges) throw new Error("exchanges are missing");
	if (way.name.endsWith("to a file")) bytes = (await stat(path)).size;
	return { us, bytes: bytes / kind.exchanges };

	function fly(to: Sink, batch: readonly Exchange[]): void {
		const writing = to.write(batch, signal).then(() => {
			for (const exchange of batch) release(exchange);
			flying.delete(writing);
		});
		flying.add(writing);
	}
}

function complain(message: string): void {
	throw new Error(message);
}
