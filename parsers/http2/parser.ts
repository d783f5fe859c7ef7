import { type Direction, type ParserContext, type ParserOutput, type ProtocolParser, WAIT } from "../../core/index.js";
import { BlockMemory } from "./block-memory.js";
import { ConnectionState } from "./connection-state.js";
import { Flag, FRAME_HEAD, lengthAt, nextFrame, PREFACE, streamAt, Type } from "./frames.js";
import { readBlock } from "./header-frames.js";
import { Side } from "./side.js";
import { Half } from "./stream.js";

/** What a frame's reader says where it came no further. */
const INCOMPLETE = -1;
const HOLD = -2;
const BAD = -3;
/** Frames that are read as a whole are at most this long; longer ones are no such frames, or a bomb. */
const MAX_WHOLE = 1 << 18;

/** One HTTP/2 connection (RFC 9113). */
export class Http2Parser implements ProtocolParser {
	readonly #sides: readonly [Side, Side];
	readonly #state: ConnectionState;
	/** A response went on without its request, and no byte of the client has come since: waiting again would not help. */
	#alone = false;
	#stopped = false;
	#ended = 0;

	constructor(context: ParserContext) {
		let memory = context.shared.get("blocks");
		if (!(memory instanceof BlockMemory)) {
			memory = new BlockMemory(context.takesContent);
			context.shared.set("blocks", memory);
		}
		this.#sides = [new Side(memory as BlockMemory), new Side(memory as BlockMemory)];
		this.#state = new ConnectionState(context);
		// the server has no preface of its own
		this.#sides[1].hasBegun = true;
	}

	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number | typeof WAIT {
		const side = this.#sides[dir];
		const { length } = bytes;
		if (dir === 0) this.#alone = false;
		let at = 0;
		if (!side.hasBegun) {
			at = this.#preface(side, bytes, out);
			if (at <= 0) return 0;
		}
		while (at < length && !this.#stopped) {
			if (side.isLost) {
				const found = nextFrame(bytes, at, dir);
				if (!("skip" in found)) return length - found.need;
				at += found.skip;
				side.isLost = false;
			}
			if (side.left > 0 || side.padding > 0 || side.isPadded) {
				at = this.#payload(side, dir, bytes, at, out);
				continue;
			}
			const next = this.#frame(side, dir, bytes, at, out);
			if (next >= 0) at = next;
			else if (next === BAD) {
				this.#badFrame(side, dir, out);
				// it looks like a frame, and will again
				at++;
			} else return next === HOLD && at === 0 ? WAIT : at;
		}
		return at;
	}

	gap(dir: Direction, length: number | null, out: ParserOutput): boolean {
		const side = this.#sides[dir];
		if (length === null || side.isPadded || side.isLost || length > side.left || side.stream === null) return false;
		this.#state.streams.gap(side.stream, dir, length);
		side.left -= length;
		if (side.left === 0 && side.padding === 0) this.#payloadEnd(side, dir, length, out);
		return true;
	}

	resync(dir: Direction, bytes: Uint8Array): { readonly skip: number } | { readonly need: number } {
		this.#sides[dir].reset();
		this.#state.lost(dir);
		return nextFrame(bytes, 0, dir);
	}

	end(_dir: Direction, _how: "fin" | "reset" | "unknown", out: ParserOutput): void {
		if (++this.#ended === 2) this.#state.tell(out);
	}

	// ------------------------------------------------------------------------------------------------------ frames

	/** The position after it, 0 where more is needed. */
	#preface(side: Side, bytes: Uint8Array, out: ParserOutput): number {
		const shown = Math.min(bytes.length, PREFACE.length);
		for (let i = 0; i < shown; i++)
			if (bytes[i] !== PREFACE[i]) {
				this.#giveUp(out, "bad-preface");
				return 0;
			}
		if (shown < PREFACE.length) return 0;
		side.hasBegun = true;
		this.#state.begin(out);
		return PREFACE.length;
	}

	#frame(side: Side, dir: Direction, bytes: Uint8Array, at: number, out: ParserOutput): number {
		if (bytes.length - at < FRAME_HEAD) return INCOMPLETE;
		const type = bytes[at + 3]!;
		if (side.skipsBlock) return this.#skipBlock(side, bytes, at);
		if (type === Type.data) return this.#dataFrame(side, dir, bytes, at, out);
		const length = lengthAt(bytes, at);
		if (type > Type.continuation) {
			side.left = length;
			side.stream = null;
			return at + FRAME_HEAD;
		}
		if (length > MAX_WHOLE) {
			if (type !== Type.headers && type !== Type.push) return BAD;
			this.#tooLarge(side, dir, bytes, at, out);
			return at + FRAME_HEAD;
		}
		if (bytes.length - at < FRAME_HEAD + length) return INCOMPLETE;
		if (type === Type.headers || type === Type.push) return this.#headerFrames(side, dir, bytes, at, out);
		if (type === Type.continuation) {
			// what it continues is missing: so are the insertions of that
			if (!side.isDoubtful) return BAD;
			side.blocks.lose();
			side.skipsBlock = true;
			return this.#skipBlock(side, bytes, at);
		}
		const isKnown = this.#state.control(dir, type, bytes, at, length, out, this.#alone);
		if (isKnown === "hold") return HOLD;
		return isKnown === "bad" ? BAD : at + FRAME_HEAD + length;
	}

	#headerFrames(side: Side, dir: Direction, bytes: Uint8Array, at: number, out: ParserOutput): number {
		const id = streamAt(bytes, at);
		const isPush = bytes[at + 3] === Type.push;
		if (id === 0 || (isPush && dir === 0) || (!isPush && dir === 0 && (id & 1) === 0)) return BAD;
		const found = readBlock(bytes, at);
		if (found === "incomplete") return INCOMPLETE;
		if (found === "bad") return BAD;
		if (found === "too-large") {
			this.#tooLarge(side, dir, bytes, at, out);
			return at + FRAME_HEAD;
		}
		const { streams } = this.#state;
		if (dir === 1 && !isPush && !this.#knows(id, at, out)) {
			if (!out.mustProceed) return HOLD;
			this.#alone = true;
		}
		const block = side.blocks.read(found.bytes, found.from, found.to);
		if (block === null) this.#state.count("http2.blocks_undecodable");
		if (isPush) streams.promise(id, found.promised, block, out);
		else streams.fields(dir, id, block, (bytes[at + 4]! & Flag.endStream) !== 0, at, found.end, out);
		return found.end;
	}

	/** Was the request of a response seen, or is it not worth waiting for? */
	#knows(id: number, at: number, out: ParserOutput): boolean {
		const { streams } = this.#state;
		if ((id & 1) === 0 || this.#alone || id <= streams.newestRequest || streams.find(id) !== null) return true;
		return out.pending(at, id) !== null;
	}

	/** A block that nobody will keep: its end is looked for, and what it inserted is not known. */
	#tooLarge(side: Side, dir: Direction, bytes: Uint8Array, at: number, out: ParserOutput): void {
		this.#state.count("http2.blocks_too_large");
		side.blocks.lose();
		side.skipsBlock = (bytes[at + 4]! & Flag.endHeaders) === 0;
		side.left = lengthAt(bytes, at);
		side.stream = null;
		if (bytes[at + 3] === Type.headers) {
			const isLast = (bytes[at + 4]! & Flag.endStream) !== 0;
			this.#state.streams.fields(dir, streamAt(bytes, at), null, isLast, at, at + FRAME_HEAD, out);
		}
	}

	#skipBlock(side: Side, bytes: Uint8Array, at: number): number {
		if (bytes[at + 3] !== Type.continuation) return BAD;
		if ((bytes[at + 4]! & Flag.endHeaders) !== 0) side.skipsBlock = false;
		side.left = lengthAt(bytes, at);
		side.stream = null;
		return at + FRAME_HEAD;
	}

	// -------------------------------------------------------------------------------------------------------- data

	#dataFrame(side: Side, dir: Direction, bytes: Uint8Array, at: number, out: ParserOutput): number {
		const id = streamAt(bytes, at);
		if (id === 0) return BAD;
		const length = lengthAt(bytes, at);
		const flags = bytes[at + 4]!;
		const { streams } = this.#state;
		const stream = streams.find(id);
		side.left = length;
		side.isLast = (flags & Flag.endStream) !== 0;
		side.isPadded = (flags & Flag.padded) !== 0;
		if (side.isPadded && length === 0) return BAD;
		const half = stream?.half(dir) ?? Half.idle;
		side.stream =
			half === Half.open || (stream !== null && stream.child !== null && half !== Half.closed) ? stream : null;
		if (side.stream !== null) streams.frame(side.stream, dir, length, side.isLast, out.timeAt(at));
		else {
			streams.strayFrame(dir, length, out.timeAt(at));
			if (side.isLast && half !== Half.closed && !streams.isReset(id)) streams.endUnknown(dir, id, out);
		}
		if (length === 0) this.#payloadEnd(side, dir, at + FRAME_HEAD, out);
		return at + FRAME_HEAD;
	}

	#payload(side: Side, dir: Direction, bytes: Uint8Array, from: number, out: ParserOutput): number {
		let at = from;
		if (side.isPadded) {
			side.padding = bytes[at++]!;
			side.isPadded = false;
			side.stream?.writer(dir)?.wireBytes(1 + side.padding);
			if (side.padding >= side.left) {
				side.padding = 0;
				this.#badFrame(side, dir, out);
				return at;
			}
			side.left -= 1 + side.padding;
		}
		if (side.left > 0) {
			const to = Math.min(bytes.length, at + side.left);
			if (side.stream !== null && to > at) this.#state.streams.data(side.stream, dir, bytes, at, to);
			side.left -= to - at;
			at = to;
		}
		if (side.left === 0 && side.padding > 0) {
			const to = Math.min(bytes.length, at + side.padding);
			side.padding -= to - at;
			at = to;
		}
		if (side.left === 0 && side.padding === 0) this.#payloadEnd(side, dir, at, out);
		return at;
	}

	#payloadEnd(side: Side, dir: Direction, index: number, _out: ParserOutput): void {
		const { stream } = side;
		side.stream = null;
		if (stream !== null && side.isLast) this.#state.streams.finish(stream, dir, index);
		side.isLast = false;
	}

	// ------------------------------------------------------------------------------------------------------- ends

	/** Not HTTP/2: the end of it, or only of what we took for a frame. */
	#badFrame(side: Side, dir: Direction, out: ParserOutput): void {
		if (!side.isDoubtful) {
			this.#giveUp(out, "bad-frame");
			return;
		}
		this.#state.count("http2.frames_lost");
		side.reset();
		side.isLost = true;
		this.#state.cut(dir);
	}

	#giveUp(out: ParserOutput, reason: string): void {
		this.#stopped = true;
		this.#state.tell(out);
		out.opaque(reason);
	}
}
