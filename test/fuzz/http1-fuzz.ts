/**
 * Broken HTTP/1.x conversations through the parser. `node dist/test/fuzz/http1-fuzz.js [COUNT] [SEED]` prints what happened,
 * the time and the memory.
 */
import { pathToFileURL } from "node:url";
import { Engine } from "../../core/engine/engine.js";
import { type CaptureEvent, type Direction, toJson } from "../../core/index.js";
import http1 from "../../parsers/http1/index.js";
import { Recorder } from "./http1-recorder.js";
import { TALKS, type Talk, WORDS } from "./http1-seeds.js";
import { MUTATION_KINDS, type Mutation, mutate, numbersFrom } from "./mutation.js";

export interface Http1FuzzResult {
	inputs: number;
	bytes: number;
	/** Messages that the parser began, over all ways of offering an input. */
	messages: number;
	/** Exchanges that the engine made of every fourth input. */
	exchanges: number;
	/** Inputs by how they ended when offered whole: `parsed`, or why the rest was not. */
	readonly ends: Record<string, number>;
	/** The most that the parser left unconsumed. */
	maxCarry: number;
	slowestMs: number;
}

type Numbers = () => number;

const INPUTS_PER_ENGINE = 1000;

/**
 * Offers each input whole and in random pieces, which must say the same; mixed with gaps and ends, which must keep the
 * contract; and, every fourth, to the engine. Throws with the input where something is wrong.
 */
export function run(count: number, seed: number): Http1FuzzResult {
	const result: Http1FuzzResult = {
		inputs: 0,
		bytes: 0,
		messages: 0,
		exchanges: 0,
		ends: {},
		maxCarry: 0,
		slowestMs: 0,
	};
	const next = numbersFrom(seed);
	let shared = new Map<string, unknown>();
	let harness = new EngineRun(result);
	for (let i = 0; i < count; i++) {
		if (i % INPUTS_PER_ENGINE === 0) {
			shared = new Map();
			harness = new EngineRun(result);
		}
		const input = makeInput(next);
		const startMs = performance.now();
		try {
			offer(input, shared, next, result);
			if (i % 4 === 0) harness.offer(input, next);
		} catch (error) {
			const shown = [input.client, input.server].map((bytes) => Buffer.from(bytes).toString("base64")).join(" ");
			throw new Error(`input ${i} of seed ${seed}: ${shown}`, { cause: error });
		}
		result.inputs++;
		result.bytes += input.client.length + input.server.length;
		result.slowestMs = Math.max(result.slowestMs, performance.now() - startMs);
	}
	return result;
}

function offer(input: Talk, shared: Map<string, unknown>, next: Numbers, result: Http1FuzzResult): void {
	const whole = inOrder(input, shared, () => Number.POSITIVE_INFINITY, result);
	const ends = whole.over?.replace(/^(handover: ).*/s, "$1…") ?? "parsed";
	result.ends[ends] = (result.ends[ends] ?? 0) + 1;
	const pieces = next() % 3 === 0 ? () => 1 : () => 1 + (next() % 40);
	const split = inOrder(input, shared, pieces, result);
	const expected = whole.digest();
	const found = split.digest();
	const isGivenUpEarly = whole.over !== null && whole.hasHeldClient;
	if (expected !== found && !isGivenUpEarly) throw new Error(`whole:\n${expected}\nin pieces:\n${found}`);
	mixed(input, shared, next, result);
}

/** The client's stream, then the server's, then their ends. */
function inOrder(
	{ client, server }: Talk,
	shared: Map<string, unknown>,
	pieceLength: () => number,
	result: Http1FuzzResult,
): Recorder {
	const recorder = new Recorder(http1, shared);
	for (const dir of [0, 1] as const) {
		const bytes = dir === 0 ? client : server;
		for (let at = 0; at < bytes.length && recorder.over === null; ) {
			const end = Math.min(bytes.length, at + pieceLength());
			recorder.bytes(dir, bytes.subarray(at, end), at & 3);
			at = end;
		}
	}
	for (const dir of [0, 1] as const) if (recorder.over === null) recorder.end(dir, "fin");
	note(recorder, result);
	return recorder;
}

/** Both streams at once, with missing pieces, and an end that may come early. */
function mixed(input: Talk, shared: Map<string, unknown>, next: Numbers, result: Http1FuzzResult): void {
	const recorder = new Recorder(http1, shared);
	for (const step of steps(input, next)) {
		if (recorder.over !== null) break;
		if (step.isMissing) recorder.gap(step.dir, step.to - step.from);
		else recorder.bytes(step.dir, bytesOf(input, step.dir).subarray(step.from, step.to), next() & 7);
	}
	for (const dir of [0, 1] as const) {
		const how = (["fin", "reset", "unknown"] as const)[next() % 3]!;
		if (recorder.over === null) recorder.end(dir, how);
	}
	note(recorder, result);
}

interface Step {
	readonly dir: Direction;
	readonly from: number;
	readonly to: number;
	readonly isMissing: boolean;
}

function* steps(input: Talk, next: Numbers): IterableIterator<Step> {
	const at: [number, number] = [0, 0];
	const holes = next() % 12;
	while (at[0] < input.client.length || at[1] < input.server.length) {
		const dir: Direction = next() % 2 === 0 ? 0 : 1;
		const { length } = bytesOf(input, dir);
		if (at[dir] === length) continue;
		const from = at[dir];
		const to = Math.min(length, from + 1 + (next() % 120));
		at[dir] = to;
		yield { dir, from, to, isMissing: next() % 100 < holes };
	}
}

function bytesOf({ client, server }: Talk, dir: Direction): Uint8Array {
	return dir === 0 ? client : server;
}

function note(recorder: Recorder, result: Http1FuzzResult): void {
	result.messages += recorder.messages.length;
	result.maxCarry = Math.max(result.maxCarry, recorder.maxCarry);
	// what is made when a sink first asks
	for (const { head } of recorder.messages)
		if (head !== null) JSON.stringify([head.summary, head.attributes, head.headers]);
}

function makeInput(next: Numbers): Talk {
	const talk = TALKS[next() % TALKS.length]!;
	const other = TALKS[next() % TALKS.length]!;
	if (next() % 20 === 0) return { client: noise(next), server: noise(next) };
	return { client: broken(talk.client, other.client, next), server: broken(talk.server, other.server, next) };
}

function broken(bytes: Uint8Array, other: Uint8Array, next: Numbers): Uint8Array {
	const mutations: Mutation[] = [];
	for (let n = next() % 4; n > 0; n--)
		mutations.push({ kind: next() % MUTATION_KINDS, place: next() / 2 ** 32, value: next() });
	let now = mutate(bytes, other, mutations);
	for (let n = next() % 3; n > 0; n--) {
		const at = next() % (now.length + 1);
		const skip = next() % 4 === 0 ? next() % 20 : 0;
		now = Buffer.concat([now.subarray(0, at), WORDS[next() % WORDS.length]!, now.subarray(at + skip)]);
	}
	return now;
}

/** Bytes without sense, or words without order. */
function noise(next: Numbers): Uint8Array {
	if (next() % 2 === 0) return Uint8Array.from({ length: next() % 600 }, () => next());
	return Buffer.concat(Array.from({ length: next() % 30 }, () => WORDS[next() % WORDS.length]!));
}

/** The same inputs as connections of one engine. */
class EngineRun {
	readonly #engine: Engine;
	readonly #source: number;
	#nowUs = 1_700_000_000_000_000;
	#conn = 0;

	constructor(result: Http1FuzzResult) {
		this.#engine = new Engine(
			{ connectionRecords: true },
			[http1],
			(exchange) => {
				result.exchanges++;
				toJson(exchange);
				if ("release" in exchange && typeof exchange.release === "function") exchange.release();
			},
			(_plugin, error) => {
				throw error;
			},
		);
		this.#source = this.#engine.addSource("fuzz", "fuzz");
	}

	offer(input: Talk, next: Numbers): void {
		const conn = ++this.#conn;
		const late = next() % 4 === 0;
		const address = (port: number) => ({ address: "192.0.2.1", port });
		const base = { conn, role: "wire", layer: "transport", lower: null, netns: null, process: null } as const;
		this.#feed({
			...base,
			kind: "open",
			tsUs: this.#nowUs,
			transport: "tcp",
			client: address(1024 + (conn % 60_000)),
			server: address(80),
			roleKnown: !late,
			bases: [conn, conn],
			fromStart: !late,
		});
		for (const { dir, from, to, isMissing } of steps(input, next)) {
			const place = { conn, dir, offset: from, tsUs: this.#nowUs };
			if (isMissing) this.#feed({ ...place, kind: "gap", length: to - from, cause: "ring-full" });
			else this.#feed({ ...place, kind: "bytes", data: bytesOf(input, dir).subarray(from, to) });
		}
		for (const dir of [0, 1] as const) {
			const how = next() % 3 === 0 ? "reset" : "fin";
			this.#feed({ kind: "end", conn, dir, tsUs: this.#nowUs, finalOffset: bytesOf(input, dir).length, how });
		}
		this.#feed({ kind: "close", conn, tsUs: this.#nowUs });
		this.#nowUs += 200_000;
		this.#engine.tick(this.#nowUs);
	}

	#feed(event: CaptureEvent): void {
		this.#nowUs += 10;
		this.#engine.ingest(this.#source, [event], this.#nowUs);
	}
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
	const inputs = Number(process.argv[2] ?? 100_000);
	const seed = Number(process.argv[3] ?? 1);
	const startMs = performance.now();
	const result = run(inputs, seed);
	const seconds = (performance.now() - startMs) / 1000;
	console.log(
		`${result.inputs} inputs, ${result.bytes} bytes, ${result.messages} messages, ${result.exchanges} exchanges, seed ${seed}: ${JSON.stringify(result.ends)}`,
	);
	console.log(
		`${seconds.toFixed(1)} s, slowest input ${result.slowestMs.toFixed(1)} ms, unconsumed at most ${result.maxCarry} bytes, peak RSS ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`,
	);
}
