import { Flag, FRAME_HEAD, lengthAt, streamAt, Type, wordAt } from "./frames.js";

/** Encoded bytes of one block, and frames that it may take: more is no request but an attack. */
export const MAX_BLOCK_BYTES = 1 << 18;
export const MAX_BLOCK_FRAMES = 256;

/** A whole block of fields. */
export interface BlockBytes {
	readonly bytes: Uint8Array;
	readonly from: number;
	readonly to: number;
	/** After its last frame. */
	readonly end: number;
	/** Stream that it promises; 0: none. */
	readonly promised: number;
}

/**
 * The block that begins with the HEADERS or PUSH_PROMISE frame at `at`, which is there as a whole: without padding, priority
 * and the heads of the CONTINUATION frames that follow it.
 */
export function readBlock(bytes: Uint8Array, at: number): BlockBytes | "incomplete" | "bad" | "too-large" {
	const isPush = bytes[at + 3] === Type.push;
	const flags = bytes[at + 4]!;
	const end = at + FRAME_HEAD + lengthAt(bytes, at);
	let from = at + FRAME_HEAD;
	let to = end;
	if ((flags & Flag.padded) !== 0) to -= bytes[from++]!;
	let promised = 0;
	if (isPush) {
		if (to - from < 4) return "bad";
		promised = wordAt(bytes, from) & 0x7fff_ffff;
		from += 4;
		if (promised === 0 || (promised & 1) === 1) return "bad";
	} else if ((flags & Flag.priority) !== 0) from += 5;
	if (from > to) return "bad";
	if ((flags & Flag.endHeaders) !== 0) return { bytes, from, to, end, promised };
	return continued(bytes, streamAt(bytes, at), end, from, to, promised);
}

function continued(
	bytes: Uint8Array,
	stream: number,
	start: number,
	from: number,
	to: number,
	promised: number,
): BlockBytes | "incomplete" | "bad" | "too-large" {
	const fragments: { readonly from: number; readonly to: number }[] = [{ from, to }];
	let size = to - from;
	let at = start;
	for (let isLast = false; !isLast; ) {
		if (fragments.length > MAX_BLOCK_FRAMES || size > MAX_BLOCK_BYTES) return "too-large";
		if (bytes.length - at < FRAME_HEAD) return "incomplete";
		if (bytes[at + 3] !== Type.continuation || streamAt(bytes, at) !== stream) return "bad";
		const length = lengthAt(bytes, at);
		if (size + length > MAX_BLOCK_BYTES) return "too-large";
		const next = at + FRAME_HEAD + length;
		if (next > bytes.length) return "incomplete";
		isLast = (bytes[at + 4]! & Flag.endHeaders) !== 0;
		fragments.push({ from: at + FRAME_HEAD, to: next });
		size += length;
		at = next;
	}
	const whole = new Uint8Array(size);
	let filled = 0;
	for (const fragment of fragments) {
		whole.set(bytes.subarray(fragment.from, fragment.to), filled);
		filled += fragment.to - fragment.from;
	}
	return { bytes: whole, from: 0, to: size, end: at, promised };
}
