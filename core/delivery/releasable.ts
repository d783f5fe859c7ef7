/** Exchanges whose payload lies in memory that somebody else owns and wants back. */
import type { Exchange } from "../exchange.js";

export interface Releasable {
	/** How many sinks still want it. Set by delivery before the first one gets it. */
	holders: number;
	/** Bytes that it keeps from being used again. */
	readonly heldBytes: number;
	/** Called once, when no sink wants it any more. Reading the exchange after that is a bug. */
	release(): void;
}

type Candidate = Exchange & Partial<Releasable>;

/** About what the record itself costs beside its payload. */
const RECORD_BYTES = 1024;

/** About how much memory an exchange keeps, bytes. */
export function weightOf(exchange: Exchange): number {
	const held = (exchange as Candidate).heldBytes;
	if (held !== undefined) return RECORD_BYTES + held;
	return RECORD_BYTES + (exchange.request?.body.captured ?? 0) + (exchange.response?.body.captured ?? 0);
}

/** Says how many sinks will call `settle`. */
export function hold(exchange: Exchange, holders: number): void {
	const candidate = exchange as Candidate;
	if (candidate.release !== undefined) candidate.holders = holders;
}

/** One sink is through with it: written, dropped or given up. */
export function settle(exchange: Exchange): void {
	const candidate = exchange as Candidate;
	if (candidate.release === undefined) return;
	const left = (candidate.holders ?? 1) - 1;
	candidate.holders = left;
	if (left === 0) candidate.release();
}
