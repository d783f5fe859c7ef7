/** Exchanges whose payload lies in memory that somebody else owns and wants back. */
import type { Exchange, ExchangeMessage } from "../exchange.js";

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
	return RECORD_BYTES + payloadOf(exchange.request) + payloadOf(exchange.response);
}

function payloadOf(message: ExchangeMessage | null): number {
	if (message === null) return 0;
	let bytes = textOf(message.body.data, message.body.captured);
	for (const part of message.messages ?? []) bytes += textOf(part.data, part.captured ?? part.bytes);
	return bytes;
}

/** Decoded text may be much longer than what was captured. */
function textOf(data: unknown, captured: number): number {
	return typeof data === "string" ? Math.max(data.length, captured) : captured;
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

/** No sink gets it, or none gets it any more. */
export function discard(exchange: Exchange): void {
	hold(exchange, 1);
	settle(exchange);
}
