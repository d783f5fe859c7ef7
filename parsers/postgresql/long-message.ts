import type { PayloadWriter } from "../../core/index.js";
import { parseFormats } from "./bind.js";
import type { Call } from "./call.js";
import { MessageStream } from "./stream.js";
import { int32 } from "./wire.js";

/** So much of a longer query's text is an attribute; all of it is a part of the request. */
export const TEXT_BYTES = 64 << 10;

/** The rest of a message of the client that is not waited for as a whole: a text, parameters, data of a COPY. */
export class LongMessage {
	readonly #stream = new MessageStream();
	/** Its request ends with it. */
	#ending: Call | null = null;
	// of a Bind: parameters to come, bytes of the current one, and who hears of the formats of the result
	#parameters = 0;
	#parameterLeft = 0;
	#bound: ((resultFormats: readonly number[]) => void) | null = null;

	get isUnderWay(): boolean {
		return this.#stream.left > 0;
	}

	stop(): void {
		this.#stream.stop();
		this.#ending = null;
		this.#bound = null;
	}

	skip(bytes: number): void {
		this.#stream.start("skip", bytes);
	}

	/** Payload for `writer`; the request of `ending` ends with it. */
	raw(bytes: number, writer: PayloadWriter | null, ending: Call | null = null): void {
		this.#stream.start("raw", bytes, writer);
		this.#ending = ending;
	}

	/** `bytes` of which the first, up to a NUL, are the text of a query: a part of the request, in as many pieces as it comes. */
	text(call: Call, at: number, bytes: number): void {
		call.request.flag("query-text-cut");
		this.#stream.start("text", bytes, call.request.message(at, { "postgresql.part": "query" }));
		this.#ending = call.kind === "query" ? call : null;
	}

	/** `count` parameters of a Bind and what follows them, `bytes` in all. */
	parameters(
		count: number,
		bytes: number,
		writer: PayloadWriter,
		bound: (resultFormats: readonly number[]) => void,
	): void {
		this.#stream.start("parameters", bytes, writer);
		this.#parameters = count;
		this.#parameterLeft = 0;
		this.#bound = bound;
	}

	/** Returns the position after what was taken. `isCopier`: may data of a COPY follow this call's query? */
	take(bytes: Uint8Array, at: number, isCopier: (call: Call) => boolean): number {
		const stream = this.#stream;
		if (stream.kind === "text") return this.#text(bytes, at, isCopier);
		if (stream.kind === "parameters") return this.#parametersOn(bytes, at);
		const to = stream.take(bytes, at);
		this.over(to, isCopier);
		return to;
	}

	/** True where `length` missing bytes lie inside the payload, which was told so. */
	gap(length: number | null, isCopier: (call: Call) => boolean): boolean {
		const stream = this.#stream;
		if (length === null || length > stream.left) return false;
		if (stream.kind === "text") {
			// where the text ends nobody would know
			if (this.#ending === null || length === stream.left) return false;
			stream.writer?.bodyGap(length);
			stream.left -= length;
			return true;
		}
		if (stream.kind === "parameters") {
			if (length > this.#parameterLeft) return false;
			stream.writer?.bodyGap(length);
			stream.left -= length;
			this.#parameterLeft -= length;
			return true;
		}
		if (!stream.gap(length)) return false;
		this.over(length, isCopier);
		return true;
	}

	/** Where nothing is left, the request that ends with it is over before byte `index`. */
	over(index: number, isCopier: (call: Call) => boolean): void {
		const call = this.#ending;
		if (this.#stream.left > 0 || call === null) return;
		this.#ending = null;
		// whether it is a COPY only the server will tell
		call.isAsked = true;
		if (isCopier(call) && !call.isAnswered) return;
		call.isRequestOpen = false;
		call.request.finish(index, "ok");
	}

	#text(bytes: Uint8Array, at: number, isCopier: (call: Call) => boolean): number {
		const stream = this.#stream;
		const to = Math.min(bytes.length, at + stream.left);
		const found = bytes.indexOf(0, at);
		const textEnd = found < 0 || found > to ? to : found;
		stream.writer?.body(bytes, at, textEnd);
		stream.left -= textEnd - at;
		if (textEnd < to || stream.left === 0) {
			// types of parameters may follow: those of so long a text stay unknown
			stream.start("skip", stream.left);
			this.over(textEnd, isCopier);
		}
		return textEnd;
	}

	#parametersOn(bytes: Uint8Array, at: number): number {
		const stream = this.#stream;
		const { writer } = stream;
		if (this.#parameterLeft > 0) {
			const to = Math.min(bytes.length, at + this.#parameterLeft);
			writer?.body(bytes, at, to);
			this.#parameterLeft -= to - at;
			stream.left -= to - at;
			return to;
		}
		if (this.#parameters > 0) {
			if (bytes.length - at < 4) return at;
			const length = int32(bytes, at);
			writer?.body(bytes, at, at + 4);
			this.#parameters--;
			this.#parameterLeft = Math.min(Math.max(0, length), Math.max(0, stream.left - 4));
			stream.left -= Math.min(4, stream.left);
			return at + 4;
		}
		if (bytes.length - at < stream.left) return at;
		const end = at + stream.left;
		const formats = parseFormats(bytes, at, end);
		if (formats !== null) this.#bound?.(formats);
		this.#bound = null;
		stream.stop();
		return end;
	}
}

/** Where the first `TEXT_BYTES` from `at` on end, without half a character. */
export function prefixEnd(bytes: Uint8Array, at: number): number {
	let end = at + TEXT_BYTES;
	while (end > at && (bytes[end]! & 0xc0) === 0x80) end--;
	return end;
}
