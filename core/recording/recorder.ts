import type { Engine } from "../engine/engine.js";
import type { EngineTap } from "../engine/tap.js";
import { PolytapError } from "../errors.js";
import type { CaptureEvent } from "../events.js";
import type { Diagnostics } from "../plugin.js";
import { HEAD_BYTES, jsonBlock, KIND_CALLS, KIND_END, KIND_HEADER, MAGIC, sealBlock } from "./block.js";
import {
	ENDED_BYTES,
	LOST_BYTES,
	roomFor,
	type Texts,
	TICK_BYTES,
	writeEnded,
	writeIngest,
	writeLost,
	writeTick,
} from "./call-writing.js";
import type { LossReason, RecordingEnd, RecordingHeader } from "./header.js";
import { RecordingFile } from "./recording-file.js";
import type { RecordOptions } from "./schema.js";

const BLOCK_BYTES = 1 << 18;
const FREE_BLOCKS = 8;
/** A killed process loses at most what came in this time. */
const SEAL_MS = 200;
/** Kept free for the last block. */
const END_BYTES = 4096;

/**
 * Writes down every call that engines get. Never makes one wait: what finds no room in the bounded buffer, or in the file, is
 * missing from the recording, which says how much and that it is incomplete.
 */
export class Recorder {
	readonly #options: RecordOptions;
	readonly #header: () => RecordingHeader;
	readonly #engines: readonly Engine[];
	readonly #diagnostics: Diagnostics;
	readonly #file: RecordingFile;
	readonly #free: Buffer[] = [];
	readonly #texts: Texts = [];
	#block: Buffer | null = null;
	#at = 0;
	#blocks = 0;
	/** Bytes that are in the file, or on their way there. */
	#size = 0;
	#timer: NodeJS.Timeout | null = null;
	#isOpen = false;
	#reason: LossReason | null = null;
	readonly #counts = { calls: 0, events: 0, callsLost: 0, eventsLost: 0, bytesLost: 0 };
	/** Of these, what the recording does not say yet. */
	readonly #untold = { calls: 0, events: 0, bytes: 0 };

	/** `header` is asked at `open`. */
	constructor(
		options: RecordOptions,
		header: () => RecordingHeader,
		engines: readonly Engine[],
		diagnostics: Diagnostics,
	) {
		this.#options = options;
		this.#header = header;
		this.#engines = engines;
		this.#diagnostics = diagnostics;
		this.#file = new RecordingFile(options.path);
		this.#file.onWritten = (block) => {
			if (block.length === BLOCK_BYTES && this.#free.length < FREE_BLOCKS) this.#free.push(block);
		};
		this.#file.onFailure = (error) => this.#incomplete("write-failed", reasonOf(error));
	}

	/** From here on all is recorded. Rejects with `RECORDING_FAILED`. */
	async open(): Promise<void> {
		const { path } = this.#options;
		try {
			await this.#file.open();
		} catch (error) {
			const hint = "check that the folder exists and that this user may write there";
			throw new PolytapError("RECORDING_FAILED", `cannot write ${path}: ${reasonOf(error)}`, hint, error);
		}
		this.#give(MAGIC, MAGIC.length);
		this.#giveJson(KIND_HEADER, this.#header());
		this.#isOpen = true;
		for (const [index, engine] of this.#engines.entries()) engine.tap = this.#tap(index);
		this.#timer = setInterval(() => this.#seal(), SEAL_MS).unref();
	}

	/** True where what waits is half of what may wait: a source that can wait should. */
	get isBehind(): boolean {
		return this.#isOpen && this.#waiting > this.#options.buffer_bytes / 2;
	}

	/** Resolves when nothing waits. */
	settled(): Promise<void> {
		return this.#file.settled();
	}

	/** Writes what waits, and that this was all. Idempotent, legal before `open`. Never rejects. */
	async close(): Promise<void> {
		if (!this.#isOpen) return;
		this.#isOpen = false;
		if (this.#timer !== null) clearInterval(this.#timer);
		for (const engine of this.#engines) engine.tap = null;
		this.#tellLoss();
		this.#seal();
		this.#giveJson(KIND_END, this.#end());
		try {
			await this.#file.close();
		} catch (error) {
			this.#incomplete("write-failed", reasonOf(error));
		}
	}

	counters(): Readonly<Record<string, number>> {
		const { calls, events, callsLost, eventsLost, bytesLost } = this.#counts;
		return {
			recording_calls: calls,
			recording_events: events,
			recording_bytes_written: this.#file.bytesWritten,
			recording_calls_lost: callsLost,
			recording_events_lost: eventsLost,
			recording_bytes_lost: bytesLost,
			recording_incomplete: this.#reason === null ? 0 : 1,
		};
	}

	#tap(engine: number): EngineTap {
		return {
			ingest: (source, batch, nowUs) => {
				const texts = this.#texts;
				const room = roomFor(batch, texts);
				const out = this.#room(room);
				if (out === null) {
					this.#lose(batch);
					return;
				}
				this.#at = writeIngest(out, this.#at, engine, source, batch, nowUs, texts);
				this.#counts.calls++;
				this.#counts.events += batch.length;
			},
			tick: (nowUs) => {
				const out = this.#room(TICK_BYTES);
				if (out === null) this.#lose(NO_EVENTS);
				else {
					this.#at = writeTick(out, this.#at, engine, nowUs);
					this.#counts.calls++;
				}
			},
			sourceEnded: (source, nowUs) => {
				const out = this.#room(ENDED_BYTES);
				if (out === null) this.#lose(NO_EVENTS);
				else {
					this.#at = writeEnded(out, this.#at, engine, source, nowUs);
					this.#counts.calls++;
				}
			},
		};
	}

	get #waiting(): number {
		return this.#file.queuedBytes + this.#at;
	}

	/** The block to write so many bytes into, at `#at`; what was lost before is told there. Null: there is no room. */
	#room(bytes: number): Buffer | null {
		const needed = bytes + (this.#untold.calls > 0 ? LOST_BYTES : 0);
		// beyond the limit, and after a failure, nothing more comes: a recording with holes of hours helps nobody
		if (this.#reason === "limit" || this.#reason === "write-failed") return null;
		if (this.#size + this.#at + HEAD_BYTES + 1 + needed > this.#options.max_bytes - END_BYTES) {
			this.#incomplete("limit", `\`max_bytes\` (${this.#options.max_bytes}) is reached`);
			return null;
		}
		if (this.#waiting + needed > this.#options.buffer_bytes) {
			this.#incomplete(
				"overflow",
				`writing is slower than the traffic: more than ${this.#options.buffer_bytes} bytes wait`,
			);
			return null;
		}
		if (this.#block !== null && needed > this.#block.length - this.#at) this.#seal();
		if (this.#block === null) {
			const size = HEAD_BYTES + 1 + needed;
			this.#block =
				size > BLOCK_BYTES ? Buffer.allocUnsafeSlow(size) : (this.#free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES));
			this.#block[HEAD_BYTES] = KIND_CALLS;
			this.#at = HEAD_BYTES + 1;
		}
		const { calls, events, bytes: lost } = this.#untold;
		if (calls > 0) {
			this.#at = writeLost(this.#block, this.#at, calls, events, lost);
			this.#untold.calls = this.#untold.events = this.#untold.bytes = 0;
		}
		return this.#block;
	}

	/** What is at the end cannot be told by the next call. */
	#tellLoss(): void {
		if (this.#untold.calls > 0) this.#room(0);
	}

	#lose(batch: readonly CaptureEvent[]): void {
		let bytes = 0;
		for (const event of batch) if (event.kind === "bytes" || event.kind === "datagram") bytes += event.data.length;
		this.#counts.callsLost++;
		this.#counts.eventsLost += batch.length;
		this.#counts.bytesLost += bytes;
		this.#untold.calls++;
		this.#untold.events += batch.length;
		this.#untold.bytes += bytes;
	}

	#seal(): void {
		const block = this.#block;
		if (block === null) return;
		sealBlock(block, this.#at, this.#blocks++);
		this.#give(block, this.#at);
		this.#block = null;
		this.#at = 0;
	}

	#giveJson(kind: number, value: unknown): void {
		const block = jsonBlock(kind, value, this.#blocks++);
		this.#give(block, block.length);
	}

	#give(block: Buffer, length: number): void {
		this.#size += length;
		this.#file.write(block, length);
	}

	#end(): RecordingEnd {
		const { callsLost, eventsLost, bytesLost } = this.#counts;
		return {
			isComplete: this.#reason === null,
			reason: this.#reason,
			callsLost,
			eventsLost,
			bytesLost,
			exchanges: this.#engines.map((engine) => engine.counters().exchanges ?? 0),
		};
	}

	#incomplete(reason: LossReason, message: string): void {
		if (this.#reason === reason) return;
		this.#reason = reason;
		this.#diagnostics.warn("RECORDING_INCOMPLETE", message, HINTS[reason]);
	}
}

const NO_EVENTS: readonly CaptureEvent[] = [];

const HINTS: Readonly<Record<LossReason, string>> = {
	overflow: "a faster disk, fewer targets, or a larger `buffer_bytes`; capture and sinks are not touched",
	limit: "capture goes on without being recorded; a larger `max_bytes` records for longer",
	"write-failed": "the recording ends here; capture and sinks are not touched",
};

function reasonOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
