import test from "ava";
import type {
	BytesEvent,
	CaptureEvent,
	CaptureSource,
	Direction,
	EndEvent,
	GapCause,
	OpenEvent,
	SourceHost,
} from "../../../core/index.js";
import plugin from "../../../sources/ebpf/index.js";
import { missing } from "./needs.js";
import { patient } from "./patience.js";
import { pause } from "./program.js";
import { callsReturned } from "./usage.js";

/** Looks that see nothing new, so far apart: one alone may come before the reader had its turn. */
const QUIET_LOOKS = 3;
const QUIET_MS = patient(40);
const SETTLE_MS = patient(60_000);

const lacking = missing("bpf", "cc");
if (lacking !== null) console.error(`SKIPPED, the kernel side is not tested: ${lacking}`);

/** A test that needs the kernel; skipped where it is out of reach. */
export const live = lacking === null ? test.serial : test.serial.skip;

export interface Range {
	readonly offset: number;
	readonly length: number;
	/** Null: bytes. */
	readonly cause: GapCause | null;
}

/** The byte that tcp-peer sends at a position; seed 0 is the client. */
export function patternByte(at: number, seed: number): number {
	return ((at ^ (at >>> 8) ^ ((at >>> 16) * 7)) + seed * 101) & 0xff;
}

/** What one vantage told about one direction. */
export class Stream {
	readonly ranges: Range[] = [];
	readonly ends: EndEvent[] = [];
	/** Position of the first byte that is not what was sent there, or -1. */
	wrongAt = -1;

	/** All ranges, neighbours of one kind joined: `0+100 100+5:sendfile`. */
	get text(): string {
		const joined: { offset: number; length: number; cause: GapCause | null }[] = [];
		for (const { offset, length, cause } of this.#sorted()) {
			const last = joined.at(-1);
			if (last !== undefined && last.cause === cause && last.offset + last.length === offset) last.length += length;
			else joined.push({ offset, length, cause });
		}
		return joined
			.map(({ offset, length, cause }) => `${offset}+${length}${cause === null ? "" : `:${cause}`}`)
			.join(" ");
	}

	/** The bytes alone, overlaps joined: what is there whatever gaps were told before others filled them. */
	get filled(): string {
		const joined: { from: number; to: number }[] = [];
		for (const { offset, length, cause } of this.#sorted()) {
			if (cause !== null) continue;
			const last = joined.at(-1);
			if (last !== undefined && offset <= last.to) last.to = Math.max(last.to, offset + length);
			else joined.push({ from: offset, to: offset + length });
		}
		return joined.map(({ from, to }) => `${from}+${to - from}`).join(" ");
	}

	/** Bytes, gap bytes, bytes that two ranges claim, and bytes that none does before the end of the last. */
	get sums(): { bytes: number; gaps: number; twice: number; holes: number; end: number } {
		const sums = { bytes: 0, gaps: 0, twice: 0, holes: 0, end: 0 };
		for (const { offset, length, cause } of this.#sorted()) {
			if (cause === null) sums.bytes += length;
			else sums.gaps += length;
			if (offset > sums.end) sums.holes += offset - sums.end;
			else sums.twice += Math.min(sums.end - offset, length);
			sums.end = Math.max(sums.end, offset + length);
		}
		return sums;
	}

	/** `fin 100`: how it ended and where. */
	get end(): string {
		return this.ends.map(({ how, finalOffset }) => `${how} ${finalOffset}`).join(", ");
	}

	get causes(): readonly GapCause[] {
		return [...new Set(this.ranges.flatMap(({ cause }) => (cause === null ? [] : [cause])))];
	}

	#sorted(): readonly Range[] {
		return [...this.ranges].sort((a, b) => a.offset - b.offset);
	}
}

/** What one vantage told. */
export class Flow {
	readonly open: OpenEvent;
	readonly streams: readonly [Stream, Stream] = [new Stream(), new Stream()];
	isClosed = false;

	constructor(open: OpenEvent) {
		this.open = open;
	}

	/** Client to server. */
	get up(): Stream {
		return this.streams[0];
	}

	get down(): Stream {
		return this.streams[1];
	}
}

export interface CaptureOptions {
	/** Sees every batch before it is recorded, its memory still valid. */
	readonly tap?: (batch: readonly CaptureEvent[]) => void;
	/** False: payload is not compared with the pattern. */
	readonly isPattern?: boolean;
}

/** The eBPF source with a reader that writes down what it says. */
export class Capture {
	readonly flows: Flow[] = [];
	events = 0;
	readonly host: SourceHost & { setTargets(options: object): void };
	readonly #source: CaptureSource;
	readonly #options: CaptureOptions;
	readonly #abort = new AbortController();
	readonly #byConn = new Map<number, Flow>();
	#pumped: Promise<void> = Promise.resolve();
	#gate: Promise<void> | null = null;
	#openGate: () => void = () => {};

	private constructor(host: Capture["host"], source: CaptureSource, options: CaptureOptions) {
		this.host = host;
		this.#source = source;
		this.#options = options;
	}

	/** Resolves when the kernel side captures. `config` as in a config file. */
	static async start(config: object, options: CaptureOptions = {}): Promise<Capture> {
		const parsed = plugin.config.parse(config);
		const diagnostics = { warn: (code: string, message: string) => console.error(code, message), info: () => {} };
		const host = plugin.host?.(parsed, { name: "test", diagnostics }) as Capture["host"];
		const signal = AbortSignal.timeout(patient(60_000));
		let source: CaptureSource;
		try {
			const state = await host.open(signal);
			source = plugin.create(parsed, { name: "test", diagnostics, host: state });
			await source.open(signal);
		} catch (error) {
			await host.close();
			throw error;
		}
		const capture = new Capture(host, source, options);
		capture.#pumped = capture.#pump();
		return capture;
	}

	/** The reader stops taking, whatever the kernel writes. */
	hold(): void {
		this.#gate = new Promise((resolve) => {
			this.#openGate = resolve;
		});
	}

	release(): void {
		this.#gate = null;
		this.#openGate();
	}

	/** Resolves when calls have returned and nothing has come for a while. */
	async settle(): Promise<void> {
		await callsReturned();
		const until = Date.now() + SETTLE_MS;
		let seen = -1;
		for (let quiet = 0; quiet < QUIET_LOOKS && Date.now() < until; ) {
			quiet = seen === this.events ? quiet + 1 : 0;
			seen = this.events;
			await pause(QUIET_MS);
		}
	}

	/** Resolves when it holds; rejects after a minute. */
	async until(holds: () => boolean, what: string): Promise<void> {
		for (const deadline = Date.now() + SETTLE_MS; !holds(); await pause(QUIET_MS))
			if (Date.now() > deadline) throw new Error(`not in ${SETTLE_MS} ms: ${what}`);
	}

	/** Resolves when packets are watched. */
	watchesPackets(): Promise<void> {
		return this.until(() => this.counters().wire_attached === 1, "packets are watched");
	}

	/** Ends the capture; safe to call twice. Resolves to the counters of both halves. */
	async stop(): Promise<Readonly<Record<string, number>>> {
		this.release();
		this.#abort.abort();
		await this.#pumped;
		const counters = { ...this.#source.counters?.(), ...this.host.counters?.() };
		await this.#source.close();
		await this.host.close();
		return counters;
	}

	counters(): Readonly<Record<string, number>> {
		return { ...this.#source.counters?.(), ...this.host.counters?.() };
	}

	/** The one flow of this end, of the connection whose client has this port. */
	flow(role: "client" | "server", clientPort: number): Flow {
		const found = this.flows.filter(({ open }) => open.role === role && open.client.port === clientPort);
		if (found.length !== 1)
			throw new Error(`${found.length} ${role} flows from port ${clientPort} of ${this.flows.length}`);
		return found[0]!;
	}

	async #pump(): Promise<void> {
		for await (const batch of this.#source.batches(this.#abort.signal)) {
			this.#options.tap?.(batch);
			for (const event of batch) this.#record(event);
			this.events += batch.length;
			if (this.#gate !== null) await this.#gate;
		}
	}

	#record(event: CaptureEvent): void {
		if (event.kind === "open") {
			if (this.#byConn.has(event.conn)) throw new Error(`conn ${event.conn} opened twice`);
			const flow = new Flow(event);
			this.#byConn.set(event.conn, flow);
			this.flows.push(flow);
			return;
		}
		if (event.kind === "loss" || event.kind === "exchange") throw new Error(`unexpected ${event.kind}`);
		const flow = this.#byConn.get(event.conn);
		if (flow === undefined) throw new Error(`${event.kind} of an unknown conn ${event.conn}`);
		if (event.kind === "bytes") this.#bytes(flow, event);
		else if (event.kind === "gap")
			flow.streams[event.dir].ranges.push({ offset: event.offset, length: event.length ?? 0, cause: event.cause });
		else if (event.kind === "end") flow.streams[event.dir].ends.push(event);
		else if (event.kind === "close") {
			flow.isClosed = true;
			this.#byConn.delete(event.conn);
		}
	}

	#bytes(flow: Flow, { dir, offset, data }: BytesEvent): void {
		const stream = flow.streams[dir];
		stream.ranges.push({ offset, length: data.length, cause: null });
		if (this.#options.isPattern === false || stream.wrongAt >= 0) return;
		const seed: Direction = dir;
		for (let i = 0; i < data.length; i++)
			if (data[i] !== patternByte(offset + i, seed)) {
				stream.wrongAt = offset + i;
				return;
			}
	}
}
