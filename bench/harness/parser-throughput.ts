/**
 * The frame of the benchmarks in bench/parsers: a protocol's bytes through the whole engine on one core. Processor time,
 * garbage collection included, because the clock on the wall tells what else the machine does.
 */
import { Engine } from "../../core/engine/engine.js";
import type { ConfiguredParser } from "../../core/engine/registry.js";
import {
	type BytesEvent,
	type Direction,
	type Exchange,
	type ParserPlugin,
	payloadFacts,
	writeJson,
} from "../../core/index.js";
import { REPOSITORY } from "../../test/e2e/support/polytap.js";
import { describeMachine } from "./machine.js";
import { readOptions } from "./options.js";
import { publish, REPORTS } from "./report.js";
import { interleave } from "./rounds.js";
import { showSpread, spreadOf } from "./stats.js";

const CONNECTIONS = 16;
const CHUNK_BYTES = 65_536;
const MAX_BODY_BYTES = 64 << 20;
const MAX_JSON_BYTES = 1 << 29;

/** What is said again and again, the connections taking turns. */
export interface Talk {
	readonly name: string;
	readonly request: Buffer;
	readonly response: Buffer;
	readonly times: number;
	/** Exchanges that once is, or messages; 1 without it. */
	readonly exchanges?: number;
	/** Where the connection begins otherwise than the others. */
	readonly opening?: Opening;
	/** Bytes that once counts as; without it those on the wire. */
	readonly bytes?: number;
	/** Makes both ready to be said the `nth` time on a connection (numbers of streams). */
	prepare?(nth: number): void;
}

type Opening = readonly (readonly [Direction, Buffer])[];

export interface ParserBench {
	readonly parser: ParserPlugin;
	/** Those that it needs beside it, with their options. */
	readonly others?: readonly ConfiguredParser[];
	/** Name of the file below bench/parsers, and of the report. */
	readonly name: string;
	/** As the report calls it; without it the name of the protocol. */
	readonly title?: string;
	readonly port: number;
	/** What every connection begins with, and the exchanges that come of it. */
	readonly opening: Opening;
	readonly openingExchanges: number;
	/** What is counted; exchanges without it. */
	readonly unit?: "exchange" | "message";
	readonly talks: readonly Talk[];
}

/** What is done with each exchange. */
interface Way {
	readonly name: string;
	take(exchange: Exchange): void;
}

interface Sample {
	readonly exchangesPerSecond: number;
	readonly megabytesPerSecond: number;
}

type Releasable = Exchange & { release(): void };

/** Measures, prints and writes the report: `[--rounds 5] [--only NAME] [--reports FOLDER]`. */
export async function benchParser(bench: ParserBench): Promise<void> {
	const options = readOptions({ rounds: 5, only: "", reports: REPORTS });
	const machine = describeMachine(REPOSITORY);
	const ways = [touched(), encoded()];
	const talks = bench.talks.filter(({ name }) => name.includes(options.only));
	const rows = talks.flatMap((talk) => ways.map((way) => ({ name: `${talk.name}: ${way.name}`, talk, way })));
	// the first round of every kind is for the compiler
	for (const { talk, way } of rows) measure(bench, { ...talk, times: Math.ceil(talk.times / 5) }, way);
	const samples = await interleave(rows, options.rounds, async ({ talk, way }) => measure(bench, talk, way));
	const cells = (talk: Talk, way: Way): string[] => {
		const all = samples.get(`${talk.name}: ${way.name}`) ?? [];
		return [
			showSpread(spreadOf(all.map(({ exchangesPerSecond }) => exchangesPerSecond))),
			showSpread(spreadOf(all.map(({ megabytesPerSecond }) => megabytesPerSecond))),
		];
	};
	publish(
		{
			name: `parsers-${bench.name}`,
			title: `Parser ${bench.title ?? bench.parser.protocol}`,
			machine,
			command: `node dist/bench/parsers/${bench.name}.js --rounds ${options.rounds}`,
			method: [
				`Capture events in memory through engine and parser, ${CONNECTIONS} connections in turns, pieces of ${CHUNK_BYTES / 1024} KiB, \`max_body_bytes\` ${MAX_BODY_BYTES >> 20} MiB. No kernel, no redaction, no queue.`,
				"Touched: every captured byte is read once. jsonl: every exchange is written as JSON, in memory, over the one before.",
				"Per second of processor time of the whole process, garbage collection included; MB are 10^6 bytes on the wire, or of the payload where the traffic is said to be compressed.",
				"Median (min–max) of the rounds, all rows interleaved.",
			],
			tables: [
				{
					title: "Throughput on one core",
					head: [
						"traffic",
						...ways.flatMap(({ name }) => [`${name}: ${bench.unit ?? "exchange"}s/s`, `${name}: MB/s`]),
					],
					rows: talks.map((talk) => [talk.name, ...ways.flatMap((way) => cells(talk, way))]),
				},
			],
			data: { options, samples: Object.fromEntries(samples) },
		},
		options.reports,
	);
}

function touched(): Way {
	let sum = 0;
	return {
		name: "touched",
		take(exchange) {
			let own = 0;
			for (const side of ["request", "response"] as const)
				for (const piece of payloadFacts(exchange, side)?.pieces() ?? [])
					for (let i = 0; i < piece.length; i++) own = (own + piece[i]!) | 0;
			sum = (sum + own) | 0;
			// so that nobody finds out that the sum is not wanted
			if (sum === 0.5) process.stderr.write(`${sum}`);
		},
	};
}

function encoded(): Way {
	let out = Buffer.allocUnsafeSlow(1 << 20);
	return {
		name: "jsonl",
		take(exchange) {
			while (writeJson(exchange, out, 0) < 0) {
				if (out.length >= MAX_JSON_BYTES) throw new Error("a record that is too long");
				out = Buffer.allocUnsafeSlow(out.length * 2);
			}
		},
	};
}

function measure(bench: ParserBench, talk: Talk, way: Way): Sample {
	const { parser, others = [], port, openingExchanges, unit = "exchange" } = bench;
	const opening = talk.opening ?? bench.opening;
	let done = 0;
	const limits = { maxBodyBytes: MAX_BODY_BYTES, maxHeldBytes: 4 * MAX_BODY_BYTES };
	const fail = (_: ParserPlugin, error: unknown): void => {
		throw error;
	};
	const emit = (exchange: Exchange): void => {
		if (exchange.kind === unit) done++;
		if (exchange.flags.length > 0) throw new Error(exchange.flags.join());
		way.take(exchange);
		(exchange as Releasable).release();
	};
	const engine = new Engine(limits, [parser, ...others], emit, fail);
	const source = engine.addSource("bench", "bench");
	const offsets = Array.from({ length: CONNECTIONS }, (): [number, number] => [0, 0]);
	let nowUs = 1;
	const say = (conn: number, dir: Direction, all: Buffer): void => {
		for (let from = 0; from < all.length; from += CHUNK_BYTES) {
			const data = all.subarray(from, from + CHUNK_BYTES);
			const event: BytesEvent = { kind: "bytes", conn, dir, offset: offsets[conn]![dir], tsUs: ++nowUs, data };
			offsets[conn]![dir] += data.length;
			engine.ingest(source, [event], nowUs);
		}
	};
	for (let conn = 0; conn < CONNECTIONS; conn++) {
		const client = { address: "127.0.0.1", port: 1024 + conn };
		const server = { address: "127.0.0.1", port };
		const known = { transport: "tcp", role: "server", roleKnown: true, bases: [conn, conn], fromStart: true } as const;
		const rest = { netns: 1, process: null, layer: "transport", lower: null } as const;
		engine.ingest(source, [{ kind: "open", conn, tsUs: 0, client, server, ...known, ...rest }], 1);
		for (const [dir, bytes] of opening) say(conn, dir, bytes);
	}
	const before = process.cpuUsage();
	for (let i = 0; i < talk.times; i++) {
		if (i % CONNECTIONS === 0) talk.prepare?.(i / CONNECTIONS);
		say(i % CONNECTIONS, 0, talk.request);
		say(i % CONNECTIONS, 1, talk.response);
	}
	const used = process.cpuUsage(before);
	engine.sourceEnded(source, nowUs);
	const exchanges = talk.times * (talk.exchanges ?? 1);
	const expected = exchanges + CONNECTIONS * openingExchanges;
	if (done !== expected) throw new Error(`${done} of ${expected} exchanges`);
	const seconds = (used.user + used.system) / 1e6;
	const megabytes = ((talk.bytes ?? talk.request.length + talk.response.length) * talk.times) / 1e6;
	return { exchangesPerSecond: exchanges / seconds, megabytesPerSecond: megabytes / seconds };
}
