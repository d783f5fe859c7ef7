import type { GapCause } from "../events.js";
import type { Body, BodyGap } from "../exchange.js";
import type { ItemDecoder, StructuredValue } from "../plugin.js";
import { bodyOf } from "../wire/body.js";
import type { Payload } from "./payload.js";

/** An item's framing that lies in two pieces is put together from this much. */
const FRAMING_BYTES = 16;
/** More items than this are counted, not shown: a list of empty ones costs more memory than their bytes. */
const MAX_ITEMS = 1 << 22;

/**
 * The plain form of a payload. With a decoder it is the list of its items; one that is not there as a whole is left out,
 * and what follows where nobody can tell where the next one begins.
 */
export function decodedBody(payload: Payload | null, decoder: ItemDecoder | null, coding: string | null): Body {
	if (decoder === null) return bodyOf(payload, coding);
	const data: StructuredValue[] = [];
	if (payload === null) return { bytes: 0, captured: 0, completeness: "complete", gaps: [], encoding: "json", data };
	const reader = new Reader(payload);
	const left: BodyGap[] = [];
	const leaveOut = (from: number, to: number, cause: GapCause): void => {
		const last = left.at(-1);
		if (last?.to === from && last.cause === cause) left[left.length - 1] = { from: last.from, to, cause };
		else left.push({ from, to, cause });
	};
	let captured = 0;
	let at = 0;
	for (let index = 0; at < payload.bytes && data.length < MAX_ITEMS; index++) {
		const size = reader.sizeAt(at, decoder);
		if (size <= 0) break;
		const end = at + size;
		const bytes = end <= payload.bytes && reader.take(at, end) ? reader.bytes : null;
		const value = bytes === null ? null : decodedValue(decoder, bytes, reader.from, reader.to, index);
		if (value === null) leaveOut(at, Math.min(end, payload.bytes), causeAt(payload, at));
		else {
			data.push(value.value);
			captured += size;
		}
		at = end;
	}
	if (at < payload.bytes) leaveOut(at, payload.bytes, causeAt(payload, at));
	const gaps = payload.gaps?.at(-1)?.to === null ? openEnded(left, payload.gaps.at(-1)!, payload.bytes) : left;
	const isCut = gaps.every((gap) => gap.cause === "limit");
	const completeness = gaps.length === 0 ? "complete" : isCut ? "truncated" : "gap";
	return { bytes: payload.bytes, captured, completeness, gaps, encoding: "json", data };
}

/** Why the item at `at` is not whole: the cause of the first gap that begins there or later. */
function causeAt({ gaps }: Payload, at: number): GapCause {
	return gaps?.find(({ to }) => to === null || to > at)?.cause ?? "parse-resync";
}

/** The gap whose end nobody saw. */
function openEnded(gaps: readonly BodyGap[], last: BodyGap, bytes: number): BodyGap[] {
	const before = gaps.at(-1);
	if (before?.to === bytes) return [...gaps.slice(0, -1), { from: before.from, to: null, cause: before.cause }];
	return [...gaps, last];
}

function decodedValue(
	decoder: ItemDecoder,
	bytes: Uint8Array,
	from: number,
	to: number,
	index: number,
): { readonly value: StructuredValue } | null {
	try {
		return { value: decoder.value(bytes, from, to, index) };
	} catch {
		return null;
	}
}

/** Finds positions of a body, in ascending order, in the pieces that it lies in. */
class Reader {
	/** What `take` found lies in `bytes`, at `from` to `to`. */
	bytes: Uint8Array = NOTHING;
	from = 0;
	to = 0;
	readonly #pieces: ReturnType<Payload["pieces"]>;
	/** The piece that holds the last position asked for, or follows it. */
	#index = 0;

	constructor(payload: Payload) {
		this.#pieces = payload.pieces();
	}

	/** 0: it is not there, or does not tell. */
	sizeAt(at: number, decoder: ItemDecoder): number {
		const piece = this.#pieceAt(at);
		if (piece === undefined) return 0;
		const size = decoder.size(piece.bytes, at - piece.at, piece.bytes.length);
		if (size > 0) return size;
		for (let more = FRAMING_BYTES; more > 0; more--) {
			if (!this.take(at, at + more)) continue;
			const told = decoder.size(this.bytes, this.from, this.to);
			return told > 0 || more < FRAMING_BYTES ? told : this.#sizeAcross(at, decoder);
		}
		return 0;
	}

	/** Of an item that only its end tells (a list inside a list) and that lies in several pieces. */
	#sizeAcross(at: number, decoder: ItemDecoder): number {
		const reach = this.#reachFrom(at);
		for (let more = 2 * FRAMING_BYTES; ; more *= 2) {
			const end = Math.min(at + more, reach);
			if (!this.take(at, end)) return 0;
			const size = decoder.size(this.bytes, this.from, this.to);
			if (size > 0 || end === reach) return size;
		}
	}

	/** The end of the bytes that are there from `at` on without a gap. */
	#reachFrom(at: number): number {
		let reach = at;
		for (let i = this.#index; i < this.#pieces.length && this.#pieces[i]!.at <= reach; i++)
			reach = this.#pieces[i]!.at + this.#pieces[i]!.bytes.length;
		return reach;
	}

	/** False: some of it is missing. */
	take(from: number, to: number): boolean {
		let piece = this.#pieceAt(from);
		if (piece === undefined) return false;
		const end = piece.at + piece.bytes.length;
		if (to <= end) {
			this.bytes = piece.bytes;
			this.from = from - piece.at;
			this.to = to - piece.at;
			return true;
		}
		let next = this.#index;
		for (let reached = end; reached < to; reached = piece.at + piece.bytes.length) {
			piece = this.#pieces[++next];
			if (piece === undefined || piece.at !== reached) return false;
		}
		const whole = new Uint8Array(to - from);
		for (let i = this.#index; i <= next; i++) {
			const { at, bytes } = this.#pieces[i]!;
			const start = Math.max(0, from - at);
			whole.set(bytes.subarray(start, Math.min(bytes.length, to - at)), at + start - from);
		}
		this.bytes = whole;
		this.from = 0;
		this.to = whole.length;
		return true;
	}

	#pieceAt(at: number): { readonly at: number; readonly bytes: Uint8Array } | undefined {
		const pieces = this.#pieces;
		while (this.#index < pieces.length && pieces[this.#index]!.at + pieces[this.#index]!.bytes.length <= at)
			this.#index++;
		const piece = pieces[this.#index];
		return piece !== undefined && piece.at <= at ? piece : undefined;
	}
}

const NOTHING = new Uint8Array(0);
