/** The last record of a shape (core/wire/shape.ts) as exchange.proto, with holes. Its lengths are known before it is written. */
import type { CapturedExchange } from "../engine/captured-exchange.js";
import type { Message } from "../engine/message.js";
import type { MessageHead } from "../plugin.js";
import { TAG } from "./exchange-proto.js";
import { put, putHash, putHex32 } from "./put.js";
import { putInt64, putVarint, varintBytes } from "./put-proto.js";
import { Shape } from "./shape.js";

/** What is kept of a head for the records of exchanges that have it. */
export interface HeadProto {
	/** Attributes and headers. */
	readonly fields: Uint8Array;
	/** Of a response's head: a record that had it. */
	template: ProtoTemplate | null;
	/** The request and the size of the last record that had it: only a shape that comes again is worth a template. */
	lastRequest: MessageHead | null;
	lastBytes: number;
}

/** The pieces of one record. Between them lie the duration, and the connection's own bytes. */
export interface RecordPieces {
	/** From the id to the time of the start, which are its first and last 32 and 8 bytes of data. */
	readonly opening: Uint8Array;
	/** Outcome and summary. */
	readonly summary: Uint8Array;
	readonly request: Uint8Array;
	/** Its last bytes are the body's. */
	readonly response: Uint8Array;
	/** With a duration of 0. */
	readonly observation: Uint8Array;
}

/** Nested messages whose length takes one byte. */
const SHORT = 127;
/** A duration takes no more. */
const MOST_VARINT_BYTES = 8;
const TIME_BYTES = 8;
/** From the first to the second time of a message. */
const BETWEEN_TIMES = TIME_BYTES + 1;

export class ProtoTemplate {
	/** Where the entry begins that was written last, behind its length. */
	entryAt = 0;
	readonly #shape: Shape;
	readonly #opening: Uint8Array;
	readonly #summary: Uint8Array;
	/** Both messages and the observation, up to its duration. */
	readonly #messages: Uint8Array;
	/** Of the exchange, without connection and durations. */
	readonly #fixedBytes: number;
	// places in #messages
	readonly #requestTimes: number;
	readonly #responseTimes: number;
	readonly #body: number;
	readonly #observationLength: number;
	/** That length with a duration of no bytes. */
	readonly #observationBytes: number;

	/** Null where a record has another form than this knows. */
	static of(x: CapturedExchange, request: Message, response: Message, pieces: RecordPieces): ProtoTemplate | null {
		const length = pieces.observation[1] ?? SHORT;
		return length + MOST_VARINT_BYTES > SHORT ? null : new ProtoTemplate(x, request, response, pieces);
	}

	private constructor(
		x: CapturedExchange,
		request: Message,
		response: Message,
		{ opening, summary, request: asked, response: answered, observation }: RecordPieces,
	) {
		this.#shape = new Shape(x, request, response);
		this.#opening = new Uint8Array([...opening, TAG.EXCHANGE_DURATION_US]);
		this.#summary = summary;
		this.#messages = new Uint8Array(Buffer.concat([asked, answered, observation.subarray(0, -1)]));
		this.#fixedBytes = this.#opening.length + summary.length + this.#messages.length;
		this.#requestTimes = timesOf(asked);
		this.#responseTimes = asked.length + timesOf(answered);
		const observationAt = asked.length + answered.length;
		this.#body = observationAt - response.payload!.captured;
		this.#observationLength = observationAt + 1;
		this.#observationBytes = observation[1]! - 1;
	}

	/**
	 * The entry behind its length, without the checksum of so many bytes that belongs behind it, from `at` on; -1: it has another
	 * shape.
	 */
	write(
		x: CapturedExchange,
		request: Message,
		response: Message,
		connection: Uint8Array,
		checksumBytes: number,
		out: Buffer,
		from: number,
	): number {
		if (!this.#shape.fits(x, request, response)) return -1;
		const { startUs, endUs } = x;
		const durationUs = endUs > startUs ? endUs - startUs : 0;
		// what is no time is refused by those who put the record together
		if (!Number.isSafeInteger(startUs) || !Number.isSafeInteger(endUs)) return -1;
		const width = varintBytes(durationUs);
		const length = this.#fixedBytes + connection.length + 2 * width;
		let at = putVarint(out, from, 1 + varintBytes(length) + length + checksumBytes);
		this.entryAt = at;
		out[at] = TAG.ENTRY_EXCHANGE;
		const opening = putVarint(out, at + 1, length);
		at = put(out, opening, this.#opening);
		putHash(out, opening + 2, x.facts.endpointsHash);
		putHex32(out, opening + 18, x.sequence);
		putHex32(out, opening + 26, x.ordinal);
		putInt64(out, at - 1 - TIME_BYTES, startUs);
		at = put(out, putVarint(out, at, durationUs), this.#summary);
		const messages = put(out, at, connection);
		at = put(out, messages, this.#messages);
		const requestTimes = messages + this.#requestTimes;
		putInt64(out, requestTimes, request.startUs);
		putInt64(out, requestTimes + BETWEEN_TIMES, request.endUs);
		const responseTimes = messages + this.#responseTimes;
		putInt64(out, responseTimes, response.startUs);
		putInt64(out, responseTimes + BETWEEN_TIMES, response.endUs);
		response.payload!.copyTo(out, messages + this.#body);
		out[messages + this.#observationLength] = this.#observationBytes + width;
		putInt64(out, at - 1 - TIME_BYTES, startUs);
		return putVarint(out, at, durationUs);
	}
}

/** Of a message's piece: behind its tag, its length and the tag of the first time. */
function timesOf(message: Uint8Array): number {
	let at = 1;
	while (message[at]! > 127) at++;
	return at + 2;
}
