import {
	type Attributes,
	type Direction,
	type ParserContext,
	type ParserOutput,
	type ProtocolParser,
	WAIT,
} from "../../core/index.js";
import { readChunks, startChunk } from "./chunks.js";
import { BARE_LF } from "./facts.js";
import { parseFields } from "./fields.js";
import { Framing, Http1Head } from "./head.js";
import { HEAD_END_OVERLAP, headEnd } from "./head-end.js";
import { HeadMemory, type SeenHead } from "./head-memory.js";
import { At, Lane } from "./lane.js";
import { nextStart } from "./start.js";
import { parserOf, upgradeHints } from "./upgrade.js";

export const MAX_HEAD_BYTES = 65_536;

/** What a step says where it came no further. */
const INCOMPLETE = -1;
const HOLD = -2;
const STOP = -3;

const CR = 13;
const LF = 10;

/** One HTTP/1.x connection (RFC 9112). */
export class Http1Parser implements ProtocolParser {
	readonly #lanes: readonly [Lane, Lane] = [new Lane(), new Lane()];
	readonly #memory: HeadMemory;
	/** A request asked for another protocol (CONNECT, Upgrade) and its answer has not come: what follows it is unclear. */
	#asked = false;
	/** A response had to go on without its request and no request byte has come since: waiting again would not help. */
	#alone = false;
	/** This parser said `opaque` or `handover`. */
	#stopped = false;

	constructor(context: ParserContext) {
		let memory = context.shared.get("heads");
		if (!(memory instanceof HeadMemory)) {
			memory = new HeadMemory(context.takesContent);
			context.shared.set("heads", memory);
		}
		this.#memory = memory as HeadMemory;
	}

	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number | typeof WAIT {
		const lane = this.#lanes[dir];
		const { length } = bytes;
		if (dir === 0) this.#alone = false;
		let at = 0;
		while (at < length && !this.#stopped) {
			const next = lane.at === At.head ? this.#head(lane, dir, bytes, at, out) : this.#body(lane, bytes, at, out);
			if (next < 0) return next === HOLD && at === 0 ? WAIT : at;
			at = next;
		}
		return at;
	}

	gap(dir: Direction, length: number | null, _out: ParserOutput): boolean {
		const lane = this.#lanes[dir];
		const { writer } = lane;
		if (writer === null) return false;
		if (lane.at === At.close) {
			writer.bodyGap(length);
			return true;
		}
		if ((lane.at !== At.length && lane.at !== At.chunkData) || length === null || length > lane.left) return false;
		writer.bodyGap(length);
		lane.left -= length;
		if (lane.left === 0) {
			if (lane.at === At.length) this.#finish(lane, length);
			else lane.at = At.chunkEnd;
		}
		return true;
	}

	payloadAhead(dir: Direction): number {
		const { writer, at, left } = this.#lanes[dir];
		if (writer === null) return 0;
		if (at === At.close) return Number.POSITIVE_INFINITY;
		return at === At.length || at === At.chunkData ? left : 0;
	}

	resync(dir: Direction, bytes: Uint8Array): { readonly skip: number } | { readonly need: number } {
		this.#lanes[dir].reset();
		// an answer that was lost will not come
		this.#asked = false;
		return nextStart(bytes, dir === 1);
	}

	end(dir: Direction, how: "fin" | "reset" | "unknown", _out: ParserOutput): void {
		const lane = this.#lanes[dir];
		if (lane.at !== At.close || how === "unknown") return;
		if (how === "reset") lane.writer?.finish(0, "aborted");
		else this.#finish(lane, 0);
		lane.reset();
	}

	// ------------------------------------------------------------------------------------------------------- heads

	#head(lane: Lane, dir: Direction, bytes: Uint8Array, at: number, out: ParserOutput): number {
		const { last } = lane;
		let seen: SeenHead;
		let end: number;
		if (lane.scanned === 0 && last !== null && this.#memory.repeats(last, bytes, at)) {
			seen = last;
			end = at + last.length;
		} else {
			if (lane.scanned === 0) {
				// empty lines before a message are no message
				const first = bytes[at];
				// behind a request that asked for another protocol they may be that one's
				if ((first === LF || first === CR) && dir === 0 && this.#asked && !out.mustProceed) return this.#hold(lane);
				if (first === LF) return at + 1;
				if (first === CR) {
					if (at + 1 === bytes.length) return INCOMPLETE;
					if (bytes[at + 1] === LF) return at + 2;
				}
			}
			end = headEnd(bytes, at + lane.scanned);
			const headBytes = (end < 0 ? bytes.length : end) - at;
			if (headBytes > MAX_HEAD_BYTES) return this.#giveUp(out, "head-too-large");
			if (end < 0) {
				lane.scanned = Math.max(0, headBytes - HEAD_END_OVERLAP);
				return this.#incomplete(bytes, at, dir, out);
			}
			const found = this.#memory.recall(bytes, at, end, dir === 1);
			if ("why" in found) {
				if (dir === 0 && this.#asked && !out.mustProceed) return this.#hold(lane);
				return this.#giveUp(out, dir === 0 && this.#asked ? "tunnel" : found.why);
			}
			seen = found;
		}
		const { head } = seen;
		if (dir === 0) {
			if (this.#asked && (!out.mustProceed || at !== 0)) return this.#hold(lane);
			this.#asked = head.upgrade !== null || head.method === "CONNECT";
		} else if (lane.writer === null) {
			const request = out.pending(at);
			if (request === null && !this.#alone) {
				if (!out.mustProceed || at !== 0) return this.#hold(lane);
				this.#alone = true;
			}
			lane.request = request instanceof Http1Head ? request : null;
		}
		lane.scanned = 0;
		lane.last = seen;
		return dir === 0 ? this.#request(lane, head, at, end, out) : this.#response(lane, head, at, end, out);
	}

	/** The head will be looked at anew, from its first byte. */
	#hold(lane: Lane): number {
		lane.scanned = 0;
		return HOLD;
	}

	/** Bytes that cannot become a head are not waited for. */
	#incomplete(bytes: Uint8Array, at: number, dir: Direction, out: ParserOutput): number {
		const first = bytes[at]!;
		const isPossible = dir === 1 ? first === UPPER_H : first > 32 && first < 127;
		if (isPossible) return INCOMPLETE;
		if (dir === 0 && this.#asked) {
			if (!out.mustProceed) return this.#hold(this.#lanes[0]);
			return this.#giveUp(out, "tunnel");
		}
		return this.#giveUp(out, dir === 1 ? "bad-status-line" : "bad-request-line");
	}

	#request(lane: Lane, head: Http1Head, at: number, end: number, out: ParserOutput): number {
		const writer = out.begin(at);
		writer.head(head);
		lane.writer = writer;
		lane.head = head;
		for (const flag of head.flags) writer.flag(flag);
		this.#startBody(lane, head, head.framing, end);
		return end;
	}

	#response(lane: Lane, head: Http1Head, at: number, end: number, out: ParserOutput): number {
		const writer = (lane.writer ??= out.begin(at));
		for (const flag of head.flags) writer.flag(flag);
		const { status } = head;
		if (status < 200 && status !== 101) {
			writer.interim(head, at);
			return end;
		}
		const { request } = lane;
		writer.head(head);
		lane.head = head;
		if (status === 101)
			return this.#leave(
				lane,
				end,
				out,
				parserOf(head.upgrade ?? request?.upgrade ?? "unknown"),
				upgradeHints(request, head),
			);
		if (request !== null) {
			if (request.method === "CONNECT" && status < 300) return this.#leave(lane, end, out, null, {});
			// only the answer to the request that asked decides
			if (request.upgrade !== null || request.method === "CONNECT") this.#asked = false;
		}
		this.#startBody(lane, head, request !== null && request.method === "HEAD" ? Framing.none : head.framing, end);
		return end;
	}

	#leave(lane: Lane, end: number, out: ParserOutput, protocol: string | null, hints: Attributes): number {
		const id = lane.writer?.id;
		this.#finish(lane, end);
		this.#stopped = true;
		out.handover(protocol, hints, id);
		return end;
	}

	#startBody(lane: Lane, head: Http1Head, framing: Framing, end: number): void {
		if (head.mediaType !== null) lane.writer?.contentType(head.mediaType);
		if (framing === Framing.none) {
			this.#finish(lane, end);
			return;
		}
		if (head.coding !== null) lane.writer?.contentEncoding(head.coding);
		if (framing === Framing.length) {
			lane.at = At.length;
			lane.left = head.length;
		} else if (framing === Framing.chunked) startChunk(lane);
		else lane.at = At.close;
	}

	#finish(lane: Lane, index: number): void {
		const { writer, head } = lane;
		lane.at = At.head;
		lane.writer = null;
		lane.head = null;
		lane.request = null;
		writer?.finish(index, head !== null && head.status >= 400 ? "error" : "ok");
	}

	#giveUp(out: ParserOutput, reason: string): number {
		this.#stopped = true;
		out.opaque(reason);
		return STOP;
	}

	// ------------------------------------------------------------------------------------------------------ bodies

	#body(lane: Lane, bytes: Uint8Array, at: number, out: ParserOutput): number {
		const { writer } = lane;
		if (lane.at === At.length) {
			const to = Math.min(bytes.length, at + lane.left);
			writer?.body(bytes, at, to);
			lane.left -= to - at;
			if (lane.left === 0) this.#finish(lane, to);
			return to;
		}
		if (lane.at === At.close) {
			writer?.body(bytes, at, bytes.length);
			return bytes.length;
		}
		if (lane.at === At.trailers) return this.#trailers(lane, bytes, at, out);
		const next = readChunks(lane, bytes, at);
		return next < 0 ? this.#giveUp(out, lane.at === At.chunkEnd ? "bad-chunk-end" : "bad-chunk-size") : next;
	}

	#trailers(lane: Lane, bytes: Uint8Array, at: number, out: ParserOutput): number {
		const { writer } = lane;
		const first = bytes[at];
		if (lane.scanned === 0) {
			const end = first === LF ? at + 1 : first === CR && bytes[at + 1] === LF ? at + 2 : -1;
			if (end > 0) {
				if (first === LF) writer?.flag(BARE_LF);
				this.#finish(lane, end);
				return end;
			}
		}
		const end = headEnd(bytes, at + lane.scanned);
		const waiting = (end < 0 ? bytes.length : end) - at;
		if (waiting > MAX_HEAD_BYTES) return this.#giveUp(out, "head-too-large");
		if (end < 0) {
			lane.scanned = Math.max(0, waiting - HEAD_END_OVERLAP);
			return INCOMPLETE;
		}
		const fields = parseFields(this.#memory.text(bytes, at, end), 0);
		if (fields === null) return this.#giveUp(out, "too-many-headers");
		lane.scanned = 0;
		if (fields.bareLf) writer?.flag(BARE_LF);
		writer?.trailers(fields.block.list);
		this.#finish(lane, end);
		return end;
	}
}

const UPPER_H = 72;
