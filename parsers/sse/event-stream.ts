import type { ContentOutput } from "../../core/index.js";
import { Event, type Field } from "./event.js";

/** Where in a line the reader is. `seek`: after a hole, until a line is empty. */
const At = { start: 0, name: 1, colon: 2, value: 3, skip: 4, seek: 5 } as const;
type At = (typeof At)[keyof typeof At];

const LF = 10;
const CR = 13;
const COLON = 58;
const SPACE = 32;
const BOM = [0xef, 0xbb, 0xbf];
const LONGEST_NAME = 5;

/** Lines of a `text/event-stream` (HTML Living Standard, section 9.2.6), in pieces of any size. */
export class EventStream {
	#at: At = At.start;
	/** The last byte was CR: an LF after it belongs to the same end of a line. */
	#isAfterCr = false;
	/** Bytes of the byte order mark that were seen at the front; -1: the front is over. */
	#mark = 0;
	/** `seek`: nothing was seen of the line yet, and a line ended before it. */
	#isLineEmpty = false;
	#name = "";
	#field: Field | null = null;
	#event: Event | null = null;
	#eventBytes = 0;

	/** Bytes of the text. `index`: where all of them came from, where they are not those of the call; otherwise null. */
	read(bytes: Uint8Array, from: number, to: number, index: number | null, out: ContentOutput): void {
		/** From here on bytes are not counted yet. */
		let counted = from;
		for (let at = from; at < to; ) {
			const byte = bytes[at]!;
			if (this.#isAfterCr) {
				this.#isAfterCr = false;
				if (byte === LF) {
					at++;
					continue;
				}
			}
			switch (this.#at) {
				case At.start:
					if (this.#mark >= 0 && this.#isMark(byte)) at++;
					else if (byte === CR || byte === LF) {
						this.#isAfterCr = byte === CR;
						at++;
						this.#eventBytes += at - counted;
						counted = at;
						this.#finish(index ?? at);
					} else if (byte === COLON) this.#at = At.skip;
					else {
						if (this.#event === null && isFirstOfField(byte)) {
							this.#event = new Event(out.record(index ?? at));
							this.#eventBytes = 0;
							counted = at;
						}
						this.#name = "";
						this.#at = At.name;
					}
					break;
				case At.name:
					if (byte === COLON || byte === CR || byte === LF) {
						this.#field = this.#event === null ? null : fieldOf(this.#name);
						if (this.#field !== null) this.#event?.line(this.#field, index ?? at);
						this.#at = byte === COLON ? At.colon : At.value;
						if (byte === COLON) at++;
					} else {
						// a name that is too long is none of those that mean something
						if (this.#name.length <= LONGEST_NAME) this.#name += String.fromCharCode(byte);
						at++;
					}
					break;
				case At.colon:
					if (byte === SPACE) at++;
					this.#at = this.#field === null ? At.skip : At.value;
					break;
				case At.value: {
					const end = lineEnd(bytes, at, to);
					if (end > at && this.#field !== null) this.#event?.value(this.#field, bytes, at, end, index ?? at);
					at = end;
					if (at === to) break;
					if (this.#field !== null) this.#event?.lineEnds(this.#field);
					at = this.#endLine(bytes, at);
					break;
				}
				case At.skip:
					at = lineEnd(bytes, at, to);
					if (at < to) at = this.#endLine(bytes, at);
					break;
				default:
					if (byte === CR || byte === LF) {
						this.#isAfterCr = byte === CR;
						if (this.#isLineEmpty) this.#at = At.start;
						this.#isLineEmpty = true;
					} else this.#isLineEmpty = false;
					at++;
					counted = at;
			}
		}
		this.#eventBytes += to - counted;
	}

	/** Bytes are missing. */
	gap(out: ContentOutput): void {
		out.flag("events-lost");
		this.#event?.gap();
		this.#event?.abandon("events-lost", this.#eventBytes);
		this.#event = null;
		this.#at = At.seek;
		this.#mark = -1;
		this.#isAfterCr = false;
		this.#isLineEmpty = false;
	}

	/** The stream is over: an event without an empty line behind it is none. */
	end(): void {
		this.#event?.abandon("incomplete", this.#eventBytes);
		this.#event = null;
	}

	#isMark(byte: number): boolean {
		const isRight = byte === BOM[this.#mark];
		this.#mark = isRight && this.#mark < BOM.length - 1 ? this.#mark + 1 : -1;
		return isRight;
	}

	#endLine(bytes: Uint8Array, at: number): number {
		this.#isAfterCr = bytes[at] === CR;
		this.#at = At.start;
		return at + 1;
	}

	#finish(index: number): void {
		this.#event?.finish(index, this.#eventBytes);
		this.#event = null;
	}
}

function lineEnd(bytes: Uint8Array, from: number, to: number): number {
	let at = from;
	while (at < to && bytes[at] !== LF && bytes[at] !== CR) at++;
	return at;
}

function fieldOf(name: string): Field | null {
	return name === "data" || name === "event" || name === "id" || name === "retry" ? name : null;
}

/** `data`, `event`, `id`, `retry`. */
function isFirstOfField(byte: number): boolean {
	return byte === 0x64 || byte === 0x65 || byte === 0x69 || byte === 0x72;
}
