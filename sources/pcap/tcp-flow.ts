import { Flow, type Side } from "./flow.js";

/** A direction moves at the most so far at once; what claims more is believed when a second segment agrees. */
export const MAX_STEP = 64 << 20;

/**
 * What one side of a TCP connection has sent. Positions are 64-bit offsets in a `number`; sequence numbers are compared
 * as differences of signed 32-bit integers, so they may wrap as often as they like.
 */
export class TcpHalf {
	hasBase = false;
	/** Sequence number of offset 0. */
	base = 0;
	/** The furthest position that anything told us of, and its sequence number. */
	top = 0;
	topSequence = 0;
	/** Position after the last byte that was seen. */
	seen = 0;
	/** Up to where holes at the end have been told. */
	toldTo = 0;
	/** Position after the last byte, once the FIN was seen; -1 before. */
	final = -1;
	isFinalAcked = false;
	/** Where the last unbelievable segment ended. */
	#suspect = 0;
	#hasSuspect = false;

	start(base: number): void {
		this.hasBase = true;
		this.base = base;
		this.topSequence = base;
	}

	/** Position of a sequence number near `top`; NaN: it is nowhere near, and nothing has confirmed it yet. */
	positionOf(sequence: number, length: number): number {
		const step = (sequence - this.topSequence) | 0;
		if (step <= MAX_STEP && step >= -MAX_STEP) {
			this.#hasSuspect = false;
			return this.top + step;
		}
		if (this.#hasSuspect && Math.abs((sequence - this.#suspect) | 0) <= MAX_STEP) {
			this.#hasSuspect = false;
			return this.top + (step >>> 0);
		}
		this.#hasSuspect = true;
		this.#suspect = (sequence + length) | 0;
		return Number.NaN;
	}

	/** Something at `position` exists. */
	advance(position: number): void {
		if (position <= this.top) return;
		this.topSequence = (this.topSequence + (position - this.top)) | 0;
		this.top = position;
	}
}

/** `fresh`: nothing was told yet. `open`: the engine knows it. `closed`: over; kept to recognise its late packets. */
export type TcpPhase = "fresh" | "open" | "closed";

export class TcpFlow extends Flow {
	readonly halves: readonly [TcpHalf, TcpHalf] = [new TcpHalf(), new TcpHalf()];
	phase: TcpPhase = "fresh";
	conn = 0;
	client: Side = 0;
	isRoleKnown = false;
	isFromStart = false;
	wasReset = false;
	/** What the first segment, with its SYN, carried already. */
	early: Uint8Array | null = null;
}
