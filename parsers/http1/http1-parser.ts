import {
	type Direction,
	type MessageWriter,
	type ParserContext,
	type ParserOutput,
	type ProtocolParser,
	WAIT,
} from "../../core/index.js";
import { Http1Head, parseHead, parseTrailers } from "./head.js";
import { HeadCache } from "./head-cache.js";
import { resync } from "./resync.js";

const MAX_HEAD_BYTES = 65_536;
const MAX_CHUNK_LINE_BYTES = 16_384;
const CR = 13;
const LF = 10;

/** Where one direction is. `hold`: the other one decides what comes next (after CONNECT or Upgrade). */
type State = "head" | "body" | "chunk-line" | "chunk-data" | "chunk-end" | "trailers" | "until-close" | "hold";

class Side {
	state: State = "head";
	message: MessageWriter | null = null;
	outcome: "ok" | "error" = "ok";
	/** Payload bytes to come: of the body, or of the chunk. */
	left = 0;
	/** How far the unconsumed bytes were looked at for the end of a head or line. */
	scanned = 0;
	/** The head that came last: the next one is often the same. */
	last: Http1Head | null = null;
	/** Of a response: the head of the request that it answers. */
	requestHead: Http1Head | null = null;
	/** Set by a request after which the client waits for the server's word. */
	holds = false;
}

/** HTTP/1.0 and 1.1 on one connection (RFC 9112). Holds no payload and no head longer than it needs to. */
export class Http1Parser implements ProtocolParser {
	readonly #sides: readonly [Side, Side] = [new Side(), new Side()];
	readonly #heads: HeadCache;

	constructor(context: ParserContext) {
		let heads = context.shared.get("heads");
		if (!(heads instanceof HeadCache)) {
			heads = new HeadCache();
			context.shared.set("heads", heads);
		}
		this.#heads = heads as HeadCache;
	}

	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number {
		const side = this.#sides[dir];
		const { length } = bytes;
		let at = 0;
		while (at < length) {
			switch (side.state) {
				case "head": {
					const next = this.#head(side, dir, bytes, at, out);
					if (next <= at) return next === WAIT && at > 0 ? at : next;
					at = next;
					if (this.#isOver) return at;
					break;
				}
				case "body":
				case "chunk-data": {
					const end = Math.min(length, at + side.left);
					side.message?.body(bytes, at, end);
					side.left -= end - at;
					at = end;
					if (side.left > 0) return at;
					if (side.state === "body") this.#finish(side, at);
					else side.state = "chunk-end";
					break;
				}
				case "until-close":
					side.message?.body(bytes, at, length);
					return length;
				case "chunk-end":
					if (bytes[at] === CR && at + 1 === length) return at;
					if (bytes[at] === CR) at++;
					if (bytes[at] === LF) at++;
					else side.message?.flag("bad-chunk-end");
					side.state = "chunk-line";
					break;
				case "chunk-line": {
					const end = lineEnd(bytes, at, side.scanned);
					if (end < 0) {
						side.scanned = length - at;
						if (side.scanned > MAX_CHUNK_LINE_BYTES) out.opaque("chunk-line-too-long");
						return at;
					}
					side.scanned = 0;
					const size = chunkSize(bytes, at, end);
					if (size < 0) {
						out.opaque("bad-chunk-size");
						return at;
					}
					at = end + 1;
					side.left = size;
					side.state = size === 0 ? "trailers" : "chunk-data";
					break;
				}
				case "trailers": {
					const end = sectionEnd(bytes, at, side.scanned);
					if (end < 0) {
						side.scanned = Math.max(0, length - at - 2);
						if (length - at > MAX_HEAD_BYTES) out.opaque("trailers-too-large");
						return at;
					}
					side.scanned = 0;
					if (end - at > 2) side.message?.trailers(parseTrailers(bytes.subarray(at, end)));
					at = end;
					this.#finish(side, at);
					break;
				}
				case "hold":
					if (!out.mustProceed) return at === 0 ? WAIT : at;
					side.state = "head";
					break;
			}
		}
		return at;
	}

	gap(dir: Direction, length: number | null): boolean {
		const side = this.#sides[dir];
		if (side.state === "until-close") {
			side.message?.bodyGap(length);
			return true;
		}
		if ((side.state !== "body" && side.state !== "chunk-data") || length === null || length > side.left) return false;
		side.message?.bodyGap(length);
		side.left -= length;
		if (side.left === 0) {
			if (side.state === "body") this.#finish(side, length);
			else side.state = "chunk-end";
		}
		return true;
	}

	resync(dir: Direction, bytes: Uint8Array): { readonly skip: number } | { readonly need: number } {
		const { last } = this.#sides[dir];
		const fresh = new Side();
		fresh.last = last;
		Object.assign(this.#sides[dir], fresh);
		return resync(bytes, dir === 0);
	}

	end(dir: Direction, how: "fin" | "reset" | "unknown"): void {
		const side = this.#sides[dir];
		if (side.state !== "until-close" || how === "unknown") return;
		side.message?.finish(0, how === "fin" ? side.outcome : "aborted");
		side.message = null;
	}

	/** Set when the connection was handed over or given up in the middle of `data`. */
	#isOver = false;

	/** Position after the head at `at`; `at` where it is not complete; WAIT where its request is not there yet. */
	#head(side: Side, dir: Direction, bytes: Uint8Array, at: number, out: ParserOutput): number {
		const heads = this.#heads;
		let head = side.last;
		let start = at;
		let end: number;
		if (head !== null && side.scanned === 0 && heads.isAt(head, bytes, at)) end = at + head.raw.length;
		else {
			// empty lines before a start line are tolerated (RFC 9112, section 2.2)
			while (start < bytes.length && (bytes[start] === CR || bytes[start] === LF)) start++;
			if (start > at && side.message === null) side.scanned = 0;
			end = sectionEnd(bytes, start, side.scanned);
			if (end < 0) {
				side.scanned = Math.max(0, bytes.length - start - 2);
				if (bytes.length - start > MAX_HEAD_BYTES) out.opaque("head-too-large");
				return start;
			}
			head = heads.find(bytes, start, end, dir === 0);
			if (head === null) {
				const parsed = parseHead(bytes.subarray(start, end), dir === 0);
				if (typeof parsed === "string") {
					out.opaque(parsed);
					this.#isOver = true;
					return end;
				}
				head = parsed;
				heads.add(head);
			}
		}
		if (dir === 0) this.#request(side, head, start, end, out);
		else if (!this.#response(side, head, start, end, out)) return start === at ? WAIT : start;
		side.scanned = 0;
		side.last = head;
		return end;
	}

	#request(side: Side, head: Http1Head, start: number, end: number, out: ParserOutput): void {
		const message = out.begin(start);
		this.#describe(side, message, head);
		side.outcome = "ok";
		side.holds = head.method === "CONNECT" || head.upgrade !== null;
		if (head.chunked) side.state = "chunk-line";
		else if (head.unframed) side.state = "until-close";
		else this.#sized(side, Math.max(0, head.contentLength), end);
	}

	/** False where the request is needed and not there yet. */
	#response(side: Side, head: Http1Head, start: number, end: number, out: ParserOutput): boolean {
		if (side.message === null) {
			if (out.pending(start) === null && !out.mustProceed) return false;
			side.requestHead = asRequest(out.pending(start));
			side.message = out.begin(start);
		}
		const request = side.requestHead;
		const { message } = side;
		const { status } = head;
		if (status < 200 && status !== 101) {
			message.interim(head, start);
			return true;
		}
		this.#describe(side, message, head);
		side.outcome = status >= 400 ? "error" : "ok";
		const isTunnel = status === 101 || (request?.method === "CONNECT" && status < 300);
		if (isTunnel) {
			this.#finish(side, end);
			this.#isOver = true;
			out.handover(status === 101 ? (head.upgrade ?? request?.upgrade ?? "unknown") : "tunnel");
			return true;
		}
		const client = this.#sides[0];
		if (client.state === "hold") client.state = "head";
		client.holds = false;
		if (request?.method === "HEAD" || status === 204 || status === 304) this.#finish(side, end);
		else if (head.chunked) side.state = "chunk-line";
		else if (head.unframed || head.contentLength < 0) side.state = "until-close";
		else this.#sized(side, head.contentLength, end);
		return true;
	}

	#describe(side: Side, message: MessageWriter, head: Http1Head): void {
		side.message = message;
		message.head(head);
		if (head.coding !== null) message.contentEncoding(head.coding);
		for (const flag of head.flags) message.flag(flag);
	}

	#sized(side: Side, length: number, end: number): void {
		if (length === 0) this.#finish(side, end);
		else {
			side.state = "body";
			side.left = length;
		}
	}

	#finish(side: Side, index: number): void {
		side.message?.finish(index, side.outcome);
		side.message = null;
		side.requestHead = null;
		side.state = side.holds ? "hold" : "head";
	}
}

function asRequest(head: unknown): Http1Head | null {
	return head instanceof Http1Head ? head : null;
}

/** Index of the line feed that ends the line at `at`, or -1. `scanned` bytes were looked at before. */
function lineEnd(bytes: Uint8Array, at: number, scanned: number): number {
	return bytes.indexOf(LF, at + scanned);
}

/** Index after the empty line that ends a head or trailer section beginning at `at`, or -1. */
function sectionEnd(bytes: Uint8Array, at: number, scanned: number): number {
	const { length } = bytes;
	// a section that is empty is its own empty line
	if (scanned === 0) {
		if (bytes[at] === LF) return at + 1;
		if (bytes[at] === CR && bytes[at + 1] === LF) return at + 2;
	}
	for (let i = at + scanned; i < length; i++) {
		if (bytes[i] !== LF) continue;
		if (bytes[i + 1] === LF) return i + 2;
		if (bytes[i + 1] === CR && bytes[i + 2] === LF) return i + 3;
	}
	return -1;
}

/** Hexadecimal size before extensions (RFC 9112, section 7.1); -1: it is none. */
function chunkSize(bytes: Uint8Array, at: number, end: number): number {
	let size = 0;
	let digits = 0;
	for (let i = at; i < end; i++) {
		const byte = bytes[i]!;
		let digit: number;
		if (byte >= 0x30 && byte <= 0x39) digit = byte - 0x30;
		else if (byte >= 0x41 && byte <= 0x46) digit = byte - 0x37;
		else if (byte >= 0x61 && byte <= 0x66) digit = byte - 0x57;
		else if (digits > 0 && (byte === 0x3b || byte === CR || byte === 0x20 || byte === 0x09)) break;
		else return -1;
		size = size * 16 + digit;
		if (++digits > 12) return -1;
	}
	return digits > 0 ? size : -1;
}
