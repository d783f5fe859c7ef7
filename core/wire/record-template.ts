/**
 * The JSON of the last exchange with the same two heads, with holes for what differs: most exchanges of a busy node are
 * their predecessor with other times. Filling the holes costs a third of putting a record together from pieces.
 */
import type { CapturedExchange } from "../engine/captured-exchange.js";
import type { Message } from "../engine/message.js";
import type { MessageHead } from "../plugin.js";
import { putConnection } from "./connection-json.js";
import {
	decimalDigits,
	put,
	putHash,
	putHex32,
	putInteger,
	putMicros,
	secondNow,
	stampSecond,
	TIME_BYTES,
} from "./put.js";
import { Shape } from "./shape.js";

/** What is kept of a head for the JSON of exchanges that have it. */
export interface HeadJson {
	readonly operation: Uint8Array;
	readonly result: Uint8Array;
	readonly fields: Uint8Array;
	/** Of a response's head: a record that had it. */
	template: RecordTemplate | null;
	/** The request and the size of the last record that had it: only a shape that comes again is worth a template. */
	lastRequest: MessageHead | null;
	lastBytes: number;
}

/** Larger bodies cost their bytes, not the pieces of their record. */
export const MAX_TEMPLATE_BYTES = 8192;

/** Positions in a record as the piecewise writer found them. One record is written at a time. */
export const marks = {
	id: 0,
	started: 0,
	duration: 0,
	connection: 0,
	request: 0,
	requestTimes: 0,
	responseTimes: 0,
	body: 0,
	observed: 0,
	observedDuration: 0,
};

/** From the first to the second time of a message. */
export const BETWEEN_TIMES = TIME_BYTES + `Z","endedAt":"`.length;

/** One shape, and all that a record must share to be written from it. */
export class RecordTemplate {
	readonly #shape: Shape;
	// the record: #opening, duration, #summary, the connection's own JSON, #messages, duration, #ending
	readonly #opening: Uint8Array;
	readonly #summary: Uint8Array;
	readonly #messages: Uint8Array;
	readonly #ending: Uint8Array;
	// places in #opening and #messages
	readonly #id: number;
	readonly #started: number;
	readonly #requestTimes: number;
	readonly #responseTimes: number;
	readonly #body: number;
	readonly #observed: number;
	#second = Number.NaN;

	/** From the record that was just written to `out`, from `from` to `to`, its places noted in `marks`. */
	constructor(x: CapturedExchange, request: Message, response: Message, out: Uint8Array, from: number, to: number) {
		this.#shape = new Shape(x, request, response);
		const digits = decimalDigits(x.durationUs);
		const copy = (start: number, end: number): Uint8Array => Uint8Array.prototype.slice.call(out, start, end);
		this.#opening = copy(from, marks.duration);
		this.#summary = copy(marks.duration + digits, marks.connection);
		this.#messages = copy(marks.request, marks.observedDuration);
		this.#ending = copy(marks.observedDuration + digits, to);
		this.#id = marks.id - from;
		this.#started = marks.started - from;
		this.#requestTimes = marks.requestTimes - marks.request;
		this.#responseTimes = marks.responseTimes - marks.request;
		this.#body = marks.body - marks.request;
		this.#observed = marks.observed - marks.request;
	}

	/** The record, or -1 where it has another shape. The second was set. */
	write(
		x: CapturedExchange,
		request: Message,
		response: Message,
		startUs: number,
		durationUs: number,
		out: Buffer,
		from: number,
	): number {
		if (!this.#shape.fits(x, request, response)) return -1;
		if (this.#second !== secondNow()) this.#stamp();
		let at = put(out, from, this.#opening);
		putHash(out, from + this.#id, x.facts.endpointsHash);
		putHex32(out, from + this.#id + 16, x.sequence);
		putHex32(out, from + this.#id + 24, x.ordinal);
		putMicros(out, from + this.#started, startUs);
		at = putInteger(out, at, durationUs);
		at = put(out, at, this.#summary);
		const messages = putConnection(out, at, x.facts);
		at = put(out, messages, this.#messages);
		const requestTimes = messages + this.#requestTimes;
		putMicros(out, requestTimes, request.startUs);
		putMicros(out, requestTimes + BETWEEN_TIMES, request.endUs);
		const responseTimes = messages + this.#responseTimes;
		putMicros(out, responseTimes, response.startUs);
		putMicros(out, responseTimes + BETWEEN_TIMES, response.endUs);
		response.payload!.copyTo(out, messages + this.#body);
		putMicros(out, messages + this.#observed, startUs);
		at = putInteger(out, at, durationUs);
		return put(out, at, this.#ending);
	}

	#stamp(): void {
		this.#second = secondNow();
		stampSecond(this.#opening, this.#started);
		for (const times of [this.#requestTimes, this.#responseTimes]) {
			stampSecond(this.#messages, times);
			stampSecond(this.#messages, times + BETWEEN_TIMES);
		}
		stampSecond(this.#messages, this.#observed);
	}
}
