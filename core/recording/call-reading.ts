/** The calls of one block, as they were made. Throws where the bytes are none. */
import type { CaptureEvent, Direction, GapCause } from "../events.js";
import {
	CALL_ENDED,
	CALL_INGEST,
	CALL_LOST,
	CALL_TICK,
	EVENT_BYTES,
	EVENT_CLOSE,
	EVENT_DATAGRAM,
	EVENT_END,
	EVENT_GAP,
	EVENT_JSON,
	HOWS,
} from "./call-writing.js";

export type RecordedCall =
	| {
			readonly kind: "ingest";
			readonly engine: number;
			readonly source: number;
			readonly nowUs: number;
			/** Their `data` are views of the block. */
			readonly batch: readonly CaptureEvent[];
	  }
	| { readonly kind: "tick"; readonly engine: number; readonly nowUs: number }
	| { readonly kind: "ended"; readonly engine: number; readonly source: number; readonly nowUs: number }
	| { readonly kind: "lost"; readonly calls: number; readonly events: number; readonly bytes: number };

export class CallReading {
	readonly #bytes: Buffer;
	readonly #causes: readonly GapCause[];
	#at: number;

	constructor(bytes: Buffer, from: number, causes: readonly GapCause[]) {
		this.#bytes = bytes;
		this.#at = from;
		this.#causes = causes;
	}

	/** Null: that was the last one. */
	next(): RecordedCall | null {
		if (this.#at >= this.#bytes.length) return null;
		const kind = this.#byte();
		switch (kind) {
			case CALL_INGEST: {
				const engine = this.#short();
				const source = this.#short();
				const nowUs = this.#number();
				const count = this.#count();
				const batch: CaptureEvent[] = [];
				for (let i = 0; i < count; i++) batch.push(this.#event());
				return { kind: "ingest", engine, source, nowUs, batch };
			}
			case CALL_TICK:
				return { kind: "tick", engine: this.#short(), nowUs: this.#number() };
			case CALL_ENDED:
				return { kind: "ended", engine: this.#short(), source: this.#short(), nowUs: this.#number() };
			case CALL_LOST:
				return { kind: "lost", calls: this.#number(), events: this.#number(), bytes: this.#number() };
			default:
				throw new Error(`a call of kind ${kind}`);
		}
	}

	#event(): CaptureEvent {
		const kind = this.#byte();
		switch (kind) {
			case EVENT_BYTES: {
				const dir = this.#direction();
				const conn = this.#number();
				const offset = this.#number();
				return { kind: "bytes", conn, dir, offset, tsUs: this.#number(), data: this.#data() };
			}
			case EVENT_DATAGRAM: {
				const dir = this.#direction();
				return { kind: "datagram", conn: this.#number(), dir, tsUs: this.#number(), data: this.#data() };
			}
			case EVENT_GAP: {
				const dir = this.#direction();
				const conn = this.#number();
				const offset = this.#number();
				const tsUs = this.#number();
				const length = this.#numberOrNull();
				const cause = of(this.#causes, this.#byte());
				const isFinal = this.#byte() === 1;
				return { kind: "gap", conn, dir, tsUs, offset, length, cause, ...(isFinal ? { isFinal } : {}) };
			}
			case EVENT_END: {
				const dir = this.#direction();
				const conn = this.#number();
				const tsUs = this.#number();
				return { kind: "end", conn, dir, tsUs, finalOffset: this.#numberOrNull(), how: of(HOWS, this.#byte()) };
			}
			case EVENT_CLOSE:
				return { kind: "close", conn: this.#number(), tsUs: this.#number() };
			case EVENT_JSON:
				return JSON.parse(this.#data().toString("utf8"));
			default:
				throw new Error(`an event of kind ${kind}`);
		}
	}

	#byte(): number {
		return this.#bytes.readUInt8(this.#at++);
	}

	#direction(): Direction {
		return this.#byte() === 0 ? 0 : 1;
	}

	#short(): number {
		this.#at += 2;
		return this.#bytes.readUInt16LE(this.#at - 2);
	}

	#count(): number {
		this.#at += 4;
		return this.#bytes.readUInt32LE(this.#at - 4);
	}

	#number(): number {
		this.#at += 8;
		return this.#bytes.readDoubleLE(this.#at - 8);
	}

	#numberOrNull(): number | null {
		const value = this.#number();
		return Number.isNaN(value) ? null : value;
	}

	#data(): Buffer {
		const length = this.#count();
		if (length > this.#bytes.length - this.#at) throw new Error("data beyond the end of the block");
		this.#at += length;
		return this.#bytes.subarray(this.#at - length, this.#at);
	}
}

function of<T>(words: readonly T[], index: number): T {
	const found = words[index];
	if (found === undefined) throw new Error(`word ${index} of a list of ${words.length}`);
	return found;
}
