import { MessageHead, type MessageWriter } from "../../core/index.js";
import type { Heads } from "./heads.js";
import type { Range } from "./secrets.js";
import { LIST, PAIRS } from "./values.js";
import { Walker } from "./walker.js";
import {
	afterNumber,
	bufferOf,
	CR,
	INCOMPLETE,
	INVALID,
	LF,
	lineEnd,
	NULL,
	readNumber,
	STREAMED,
	Type,
} from "./wire.js";

const Mode = { idle: 0, string: 1, chunks: 2, values: 3 } as const;
type Mode = (typeof Mode)[keyof typeof Mode];

const TYPE_NAMES: Readonly<Record<number, string>> = {
	[Type.simpleString]: "simple_string",
	[Type.simpleError]: "simple_error",
	[Type.integer]: "integer",
	[Type.bulkString]: "bulk_string",
	[Type.array]: "array",
	[Type.null]: "null",
	[Type.boolean]: "boolean",
	[Type.double]: "double",
	[Type.bigNumber]: "big_number",
	[Type.bulkError]: "bulk_error",
	[Type.verbatim]: "verbatim_string",
	[Type.map]: "map",
	[Type.set]: "set",
	[Type.push]: "push",
};

const MAX_SUMMARY_CHARACTERS = 64;

/** What a reply takes before its payload: its first line, and the format of a verbatim string. */
export function rootEnd(bytes: Uint8Array, at: number, to: number): number {
	if (at >= to) return INCOMPLETE;
	const type = bytes[at]!;
	if (TYPE_NAMES[type] === undefined) return INVALID;
	if (isLine(type)) {
		const end = lineEnd(bytes, at + 1, to);
		return end < 0 ? end : end + 2;
	}
	const length = readNumber(bytes, at + 1, to);
	if (length === INCOMPLETE || length === INVALID) return length;
	const mayBeNull = type === Type.bulkString || type === Type.array;
	const mayBeStreamed = type !== Type.bulkError && type !== Type.verbatim;
	if ((length === NULL && !mayBeNull) || (length === STREAMED && !mayBeStreamed)) return INVALID;
	const end = afterNumber(bytes, at + 1);
	// an error is known by its first word
	if (type === Type.bulkError && end + Math.min(length, MAX_SUMMARY_CHARACTERS) > to) return INCOMPLETE;
	if (type !== Type.verbatim) return end;
	if (length < 4) return INVALID;
	return end + 4 <= to ? end + 4 : INCOMPLETE;
}

const isLine = (type: number): boolean =>
	type === Type.simpleString ||
	type === Type.simpleError ||
	type === Type.integer ||
	type === Type.null ||
	type === Type.boolean ||
	type === Type.double ||
	type === Type.bigNumber;

/** The value that a server is sending: a string is the body itself, everything else a list of values. */
export class ReplyLane {
	/** Null: the next byte begins a value. */
	writer: MessageWriter | null = null;
	outcome: "ok" | "error" = "ok";
	#mode: Mode = Mode.idle;
	/** Payload bytes of the string or chunk at hand that are still to come; -1 between two chunks. */
	#left = 0;
	#isStreamed = false;
	#hides = false;
	readonly #walker = new Walker();

	reset(): void {
		this.writer = null;
		this.#mode = Mode.idle;
		this.#hides = false;
	}

	/**
	 * Begins the value at `at`, whose first line ends at `end` (see `rootEnd`). Returns where it came to; `isOver` tells
	 * whether that is its end. `hides`: nothing of its payload may be recorded.
	 */
	open(bytes: Uint8Array, at: number, end: number, writer: MessageWriter, hides: boolean): number {
		const type = bytes[at]!;
		this.outcome = type === Type.simpleError || type === Type.bulkError ? "error" : "ok";
		this.#hides = hides;
		this.#isStreamed = false;
		if (type === Type.simpleString || type === Type.simpleError) {
			this.#say(writer, bytes, at + 1, end - 2);
			return end;
		}
		const length = isLine(type) ? NULL : readNumber(bytes, at + 1, end);
		if (length === NULL) {
			writer.items(LIST);
			writer.body(bytes, at, end);
			return end;
		}
		this.writer = writer;
		if (type === Type.bulkString || type === Type.bulkError || type === Type.verbatim) {
			this.#mode = length === STREAMED ? Mode.chunks : Mode.string;
			this.#left = length === STREAMED ? -1 : type === Type.verbatim ? length - 4 : length;
			return end;
		}
		writer.items(type === Type.map ? PAIRS : LIST);
		if (length === 0) {
			this.reset();
			return end;
		}
		this.#mode = Mode.values;
		this.#isStreamed = length === STREAMED;
		this.#walker.start(type === Type.map ? 2 * length : length, this.#isStreamed);
		return end;
	}

	get isOver(): boolean {
		return this.writer === null;
	}

	/** A whole value whose secrets are known. */
	whole(bytes: Uint8Array, at: number, end: number, rootEnd: number, writer: MessageWriter, secrets: readonly Range[]) {
		const type = bytes[at]!;
		const isString = type === Type.bulkString || type === Type.verbatim || type === Type.simpleString;
		this.outcome = "ok";
		let from = isString ? (type === Type.simpleString ? at + 1 : rootEnd) : rootEnd;
		const to = isString ? end - 2 : end;
		if (!isString) writer.items(type === Type.map ? PAIRS : LIST);
		for (const secret of secrets) {
			writer.body(bytes, from, secret.from);
			writer.secret(secret.to - secret.from);
			from = secret.to;
		}
		writer.body(bytes, from, to);
	}

	/** Goes on with the value at hand; where it came to, `INCOMPLETE` or `INVALID`. */
	step(bytes: Uint8Array, at: number): number {
		if (this.#mode === Mode.values) return this.#values(bytes, at);
		if (this.#left > 0) {
			const end = Math.min(bytes.length, at + this.#left);
			this.#say(this.writer!, bytes, at, end);
			this.#left -= end - at;
			return end;
		}
		if (this.#left < 0) return this.#chunk(bytes, at);
		if (bytes.length - at < 2) return INCOMPLETE;
		if (bytes[at] !== CR || bytes[at + 1] !== LF) return INVALID;
		if (this.#mode === Mode.chunks) this.#left = -1;
		else this.reset();
		return at + 2;
	}

	gap(length: number | null): boolean {
		const { writer } = this;
		if (length === null || writer === null) return false;
		if (this.#mode === Mode.values) {
			if (this.#walker.bulk < length) return false;
			this.#walker.bulk -= length;
		} else {
			if (this.#left < length) return false;
			this.#left -= length;
		}
		if (this.#hides) writer.secret(length);
		else writer.bodyGap(length);
		return true;
	}

	#values(bytes: Uint8Array, at: number): number {
		const walker = this.#walker;
		const end = walker.walk(bytes, at, bytes.length);
		if (walker.isBroken) return INVALID;
		if (end === at) return INCOMPLETE;
		// the end mark of a streamed list is none of its values
		this.#say(this.writer!, bytes, at, walker.isDone && this.#isStreamed ? end - 3 : end);
		if (walker.isDone) this.reset();
		return end;
	}

	#chunk(bytes: Uint8Array, at: number): number {
		if (bytes[at] !== Type.chunk) return INVALID;
		const length = readNumber(bytes, at + 1, bytes.length);
		if (length < 0) return length === INCOMPLETE ? INCOMPLETE : INVALID;
		if (length === 0) this.reset();
		else this.#left = length;
		return afterNumber(bytes, at + 1);
	}

	#say(writer: MessageWriter, bytes: Uint8Array, from: number, to: number): void {
		if (this.#hides) writer.secret(to - from);
		else writer.body(bytes, from, to);
	}
}

/** The head of the reply at `at`, whose first line ends at `end`. */
export function replyHead(heads: Heads, bytes: Uint8Array, at: number, end: number): MessageHead {
	const type = bytes[at]!;
	const name = TYPE_NAMES[type]!;
	const text = (from: number, to: number): string => bufferOf(bytes).toString("latin1", from, to);
	switch (type) {
		case Type.simpleString: {
			if (end - at > MAX_SUMMARY_CHARACTERS) return heads.reply(name, "(text)");
			return heads.reply(name, text(at + 1, end - 2));
		}
		case Type.simpleError:
			return heads.error(name, errorPrefix(text(at + 1, Math.min(end - 2, at + MAX_SUMMARY_CHARACTERS))));
		case Type.bulkError:
			return heads.error(name, errorPrefix(text(end, Math.min(bytes.length, end + MAX_SUMMARY_CHARACTERS))));
		case Type.integer: {
			const number = text(at + 1, end - 2);
			if (number.length <= 3) return heads.reply(name, number);
			const known = heads.reply(name, "");
			return new MessageHead(number, known.attributes, known.block);
		}
		case Type.null:
			return heads.reply("null", "null");
		case Type.boolean:
		case Type.double:
		case Type.bigNumber:
			return heads.reply(name, "value");
	}
	const length = readNumber(bytes, at + 1, end);
	if (length === NULL) return heads.reply("null", "null");
	if (length === STREAMED) return heads.reply(name, "streamed");
	const isString = type === Type.bulkString || type === Type.verbatim;
	const known = heads.reply(name, "");
	return new MessageHead(isString ? `${length} bytes` : `${length} values`, known.attributes, known.block);
}

/** The word in capitals that an error begins with. */
function errorPrefix(text: string): string {
	return /^[A-Z][A-Z0-9_-]*/.exec(text)?.[0] ?? "ERR";
}
