/**
 * Broken captures through the reader and the engine. `node dist/test/fuzz/pcap-fuzz.js [COUNT] [SEED]` prints what
 * happened, the time and the peak memory.
 */
import { pathToFileURL } from "node:url";
import { Engine } from "../../core/engine/engine.js";
import { type CaptureEvent, PolytapError } from "../../core/index.js";
import { CaptureFile } from "../../sources/pcap/capture-file.js";
import { EventBatch } from "../../sources/pcap/event-batch.js";
import type { ByteOrigin } from "../../sources/pcap/file-window.js";
import { PacketDecoder } from "../../sources/pcap/packet-decoder.js";
import { PcapCounters } from "../../sources/pcap/pcap-counters.js";
import { IN_PLACE_KINDS, MUTATION_KINDS, type Mutation, mutate, numbersFrom } from "./mutation.js";
import { SEEDS } from "./pcap-seeds.js";

export interface FuzzResult {
	inputs: number;
	bytes: number;
	packets: number;
	events: number;
	/** Inputs by how they ended: `whole`, or the code of what was wrong. */
	readonly ends: Record<string, number>;
	slowestMs: number;
}

/** More packets than any input of this size can hold. */
const MAX_BATCHES = 100_000;
const INPUTS_PER_ENGINE = 1000;

/** Throws when an input gives anything but events that keep the contract, and a coded problem. */
export async function run(count: number, seed: number): Promise<FuzzResult> {
	const result: FuzzResult = { inputs: 0, bytes: 0, packets: 0, events: 0, ends: {}, slowestMs: 0 };
	const next = numbersFrom(seed);
	let engine = makeEngine();
	for (let i = 0; i < count; i++) {
		const base = SEEDS[next() % SEEDS.length]!;
		const other = SEEDS[next() % SEEDS.length]!;
		const mutations: Mutation[] = [];
		// every other input keeps its records where they are, so that what is in them is reached
		const kinds = next() % 2 === 0 ? IN_PLACE_KINDS : MUTATION_KINDS;
		for (let n = next() % 4; n >= 0; n--)
			mutations.push({ kind: next() % kinds, place: next() / 2 ** 32, value: next() });
		const input = mutate(base, other, mutations);
		const startMs = performance.now();
		try {
			if (i % INPUTS_PER_ENGINE === 0) engine = makeEngine();
			await readInput(input, engine, result);
		} catch (error) {
			throw new Error(`input ${i} of seed ${seed}: ${Buffer.from(input).toString("base64")}`, { cause: error });
		}
		result.slowestMs = Math.max(result.slowestMs, performance.now() - startMs);
	}
	return result;
}

export function makeEngine(): Engine {
	return new Engine({ connectionRecords: true }, [], (exchange) => {
		JSON.stringify(exchange);
		if ("release" in exchange && typeof exchange.release === "function") exchange.release();
	});
}

export async function readInput(input: Uint8Array, engine: Engine, result: FuzzResult): Promise<void> {
	result.inputs++;
	result.bytes += input.length;
	const batch = new EventBatch();
	const counters = new PcapCounters();
	const decoder = new PacketDecoder(batch, counters, { maxConnections: 8, udpIdleUs: 1_000_000 });
	const source = engine.addSource("fuzz", "pcap");
	const open = new Set<number>();
	let file: CaptureFile;
	try {
		file = await CaptureFile.from(new MemoryOrigin(input), 64 + (input.length % 1000));
	} catch (error) {
		count(result, codeOf(error));
		return;
	}
	let nowUs = 0;
	for (let batches = 0; ; batches++) {
		if (batches > MAX_BATCHES) throw new Error("there is no end of batches");
		const pause = file.decode(batch, decoder);
		for (const event of batch.events) {
			check(event, open);
			if ("tsUs" in event && event.tsUs > nowUs) nowUs = event.tsUs;
		}
		engine.ingest(source, batch.events, nowUs);
		result.events += batch.events.length;
		batch.reset();
		if (pause === "over" || (pause === "bytes" && !(await file.more()))) break;
	}
	engine.sourceEnded(source, nowUs);
	if (counters.packets > input.length) throw new Error(`${counters.packets} packets in ${input.length} bytes`);
	result.packets += counters.packets;
	await file.close();
	count(result, file.damage === null ? "whole" : file.damage.code);
}

function check(event: CaptureEvent, open: Set<number>): void {
	if (!("conn" in event)) throw new Error(`a ${event.kind} event`);
	if (!Number.isSafeInteger("tsUs" in event ? event.tsUs : Number.NaN)) throw new Error(`${event.kind}: not a time`);
	if (event.kind === "open") {
		if (open.has(event.conn)) throw new Error(`connection ${event.conn} is open already`);
		for (const base of event.bases ?? []) if (base >>> 0 !== base) throw new Error(`base ${base}`);
		open.add(event.conn);
		return;
	}
	if (!open.has(event.conn)) throw new Error(`${event.kind} of connection ${event.conn}, which is not open`);
	switch (event.kind) {
		case "close":
			open.delete(event.conn);
			return;
		case "bytes":
			if (!isPosition(event.offset) || event.data.length === 0) throw new Error(`bytes at ${event.offset}`);
			return;
		case "gap":
			if (!isPosition(event.offset) || !((event.length ?? 0) > 0)) throw new Error(`a gap of ${event.length}`);
			return;
		case "end":
			if (!isPosition(event.finalOffset ?? -1)) throw new Error(`an end at ${event.finalOffset}`);
			return;
	}
}

function isPosition(value: number): boolean {
	return Number.isSafeInteger(value) && value >= 0;
}

function count(result: FuzzResult, end: string): void {
	result.ends[end] = (result.ends[end] ?? 0) + 1;
}

function codeOf(error: unknown): string {
	if (error instanceof PolytapError) return error.code;
	throw error;
}

class MemoryOrigin implements ByteOrigin {
	private readonly bytes: Uint8Array;
	private at = 0;

	constructor(bytes: Uint8Array) {
		this.bytes = bytes;
	}

	async read(target: Uint8Array, at: number): Promise<number> {
		const take = Math.min(target.length - at, this.bytes.length - this.at);
		target.set(this.bytes.subarray(this.at, this.at + take), at);
		this.at += take;
		return take;
	}

	async close(): Promise<void> {}
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
	const inputs = Number(process.argv[2] ?? 100_000);
	const seed = Number(process.argv[3] ?? 1);
	const startMs = performance.now();
	const result = await run(inputs, seed);
	const seconds = (performance.now() - startMs) / 1000;
	const peakMb = process.resourceUsage().maxRSS / 1024;
	console.log(
		`${result.inputs} inputs, ${result.packets} packets, ${result.events} events, seed ${seed}: ${JSON.stringify(result.ends)}`,
	);
	console.log(
		`${seconds.toFixed(1)} s, slowest input ${result.slowestMs.toFixed(1)} ms, peak RSS ${peakMb.toFixed(0)} MiB`,
	);
}
