import { isUtf8 } from "node:buffer";
import type { Direction } from "../../core/index.js";
import { mayBeCloseCode } from "./close.js";
import {
	FIN,
	headBytes,
	isControl,
	isKnown,
	isMinimal,
	MASKED,
	MAX_CONTROL,
	Opcode,
	payloadLength,
	RESERVED,
	RSV1,
} from "./frame.js";

/** Bits of evidence that bytes are frames: at the place where bytes go on after a hole, and anywhere behind it. */
const FRONT_BITS = 24;
const ANYWHERE_BITS = 40;
/** How far frames are followed, and so how many bytes are kept for it. */
const MAX_REACH = 1 << 18;
/** So many frames in a row that say too little are none: each place costs no more than that. */
const MAX_FRAMES = 64;
const MAX_PAYLOAD = 0xffff_ffff;
/** What of a text is looked at. */
const SAMPLE_BYTES = 64;

/** What the bytes from a place on are: 1 frames, 0 none; below 0: so many bytes from there on would tell more. */
type Verdict = number;
const YES = 1;
const NO = 0;

/**
 * Do frames of a direction begin at `at`? Counts bits: how unlikely it is that bytes which are none look like that. Nothing
 * in a frame is constant, so it takes several in a row: their heads must follow each other, fragments must follow what
 * they belong to, texts must be UTF-8 under their own mask.
 */
export function framesAt(bytes: Uint8Array, at: number, dir: Direction, mayCompress: boolean, wanted: number): Verdict {
	let score = 0;
	/** Whether a message is open: -1 nobody knows. */
	let open = -1;
	let before = -1;
	for (let pos = at, frames = 0; ; frames++) {
		if (pos - at > MAX_REACH || frames === MAX_FRAMES) return NO;
		const there = bytes.length - pos;
		if (there < 1) return at - pos - 2;
		const first = bytes[pos]!;
		const opcode = first & 0x0f;
		const isFinal = (first & FIN) !== 0;
		if (!isKnown(opcode) || (isControl(opcode) && !isFinal)) return NO;
		const isStart = opcode === Opcode.text || opcode === Opcode.binary;
		const reserved = first & RESERVED;
		if (reserved !== 0 && (reserved !== RSV1 || !isStart || !mayCompress)) return NO;
		if (isStart && open === 1) return NO;
		if (opcode === Opcode.continuation && open === 0) return NO;
		if (there < 2) return at - pos - 2;
		const second = bytes[pos + 1]!;
		if (((second & MASKED) !== 0) !== (dir === 0)) return NO;
		const head = headBytes(second);
		if (there < head) return at - pos - head;
		const length = payloadLength(bytes, pos);
		if (length < 0 || length > MAX_PAYLOAD || !isMinimal(second, length)) return NO;
		if (isControl(opcode) && length > MAX_CONTROL) return NO;
		const alike = Math.min(length, SAMPLE_BYTES);
		const mayRepeat = before >= 0 && bytes[before] === first && bytes[before + 1] === second;
		if (mayRepeat && dir === 1 && there < head + alike) return at - pos - head - alike;
		const isRepeated =
			mayRepeat && repeats(bytes, before, pos, dir === 0 ? head - 4 : 0, dir === 0 ? head : head + alike);
		before = pos;
		if (!isRepeated) score += headScore(opcode, length);
		const sample =
			opcode === Opcode.close ? Math.min(length, 2) : opcode === Opcode.text ? Math.min(length, SAMPLE_BYTES) : 0;
		if (score < wanted && reserved === 0 && sample > 0) {
			if (there < head + sample) return at - pos - head - sample;
			const payload = unmasked(bytes, pos + head, sample, dir === 0);
			const more = opcode === Opcode.close ? closeScore(payload, length) : textScore(payload, length, dir);
			if (more < 0) return NO;
			if (!isRepeated) score += more;
		}
		if (score >= wanted) return YES;
		if (!isControl(opcode)) open = isFinal ? 0 : 1;
		pos += head + length;
	}
}

/**
 * Does a frame say nothing that the one before did not? Then both may be a piece of something periodic. Masks are drawn for each
 * frame; without a mask it is the payload that differs.
 */
function repeats(bytes: Uint8Array, before: number, pos: number, from: number, to: number): boolean {
	for (let i = from; i < to; i++) if (bytes[before + i] !== bytes[pos + i]) return false;
	return true;
}

/** Of 256 values of a first byte some 13 are possible, of a second byte half. Frames without payload look like zeros. */
function headScore(opcode: number, length: number): number {
	if (length === 0) return opcode === Opcode.continuation ? 0 : 2;
	return length > 0xffff ? 5 + 32 : 5;
}

function closeScore(payload: Uint8Array, length: number): number {
	return length >= 2 && mayBeCloseCode((payload[0]! << 8) | payload[1]!) ? 8 : -1;
}

/** Under a wrong mask text is noise; without any mask, bytes in a text that are none look like text as well. */
function textScore(payload: Uint8Array, length: number, dir: Direction): number {
	const whole = length > payload.length ? cutCharacter(payload) : payload;
	if (!isUtf8(whole)) return -1;
	return dir === 0 ? Math.min(16, whole.length >> (isAscii(whole) ? 0 : 1)) : 0;
}

function isAscii(bytes: Uint8Array): boolean {
	return bytes.every((byte) => byte < 0x80);
}

function cutCharacter(bytes: Uint8Array): Uint8Array {
	let end = bytes.length;
	while (end > 0 && bytes.length - end < 4 && (bytes[end - 1]! & 0xc0) === 0x80) end--;
	return end > 0 && bytes[end - 1]! >= 0xc0 ? bytes.subarray(0, end - 1) : bytes;
}

function unmasked(bytes: Uint8Array, from: number, count: number, isMasked: boolean): Uint8Array {
	const payload = bytes.slice(from, from + count);
	if (isMasked) for (let i = 0; i < count; i++) payload[i]! ^= bytes[from - 4 + (i & 3)]!;
	return payload;
}

/** Looks for the first place in a direction at which frames begin for certain. */
export class FrameSearch {
	readonly #dir: Direction;
	readonly #mayCompress: boolean;
	/** Fewer bytes than that need not be looked at again. */
	#wake = 0;
	/** Everything that was offered since the hole is still there. */
	#isFront = true;

	constructor(dir: Direction, mayCompress: boolean) {
		this.#dir = dir;
		this.#mayCompress = mayCompress;
	}

	/** As `ProtocolParser.resync`; the same places are found however the bytes are cut. */
	find(bytes: Uint8Array): { readonly skip: number } | { readonly need: number } {
		if (bytes.length < this.#wake) return { need: bytes.length };
		for (let at = 0; at < bytes.length; at++) {
			const wanted = at === 0 && this.#isFront ? FRONT_BITS : ANYWHERE_BITS;
			const verdict = framesAt(bytes, at, this.#dir, this.#mayCompress, wanted);
			if (verdict === YES) {
				this.#wake = 0;
				this.#isFront = true;
				return { skip: at };
			}
			if (verdict === NO || bytes.length - at >= MAX_REACH) continue;
			if (at > 0) this.#isFront = false;
			this.#wake = Math.min(-verdict, MAX_REACH);
			return { need: bytes.length - at };
		}
		this.#wake = 0;
		this.#isFront = false;
		return { need: 0 };
	}
}
