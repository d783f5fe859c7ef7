import type { DetectHint } from "../../core/index.js";
import { HEADER_BYTES, isLikelyHeader, readMessage } from "./message.js";

type Answer = "yes" | "no" | "more";

const LENGTH_BYTES = 2;
const MOST_LABELS_BYTES = 63;

/**
 * Is it DNS? One whole message, to its last byte, of a client or, where only its bytes are there, of a server. In a stream it
 * stands behind its length.
 */
export function detect(client: Uint8Array, server: Uint8Array, { transport }: DetectHint): Answer {
	const isAnswer = client.length === 0;
	const bytes = isAnswer ? server : client;
	if (transport === "udp") return isWhole(bytes, 0, bytes.length, isAnswer) ? "yes" : "no";
	if (bytes.length === 0) return "more";
	const asked = framed(bytes, isAnswer);
	if (asked !== "yes" || isAnswer || server.length === 0) return asked;
	// a server that says something else first is no DNS server
	return framed(server, true) === "no" ? "no" : "yes";
}

function framed(bytes: Uint8Array, isAnswer: boolean): Answer {
	const from = LENGTH_BYTES;
	const length = (bytes[0]! << 8) | (bytes[1] ?? 0);
	if (bytes.length >= 2 && length < HEADER_BYTES) return "no";
	if (bytes.length < from + HEADER_BYTES)
		return bytes.length < from + 4 || isLikelySoFar(bytes, from, isAnswer) ? "more" : "no";
	if (!isLikelyHeader(bytes, from, isAnswer)) return "no";
	if (!hasLikelyName(bytes, from)) return "no";
	if (bytes.length < from + length) return "more";
	return isWhole(bytes, from, from + length, isAnswer) ? "yes" : "no";
}

function isWhole(bytes: Uint8Array, from: number, to: number, isAnswer: boolean): boolean {
	return to - from >= HEADER_BYTES && isLikelyHeader(bytes, from, isAnswer) && readMessage(bytes, from, to) !== null;
}

/** What there is of the header, with the rest as it usually is. */
function isLikelySoFar(bytes: Uint8Array, from: number, isAnswer: boolean): boolean {
	const header = Uint8Array.of(0, 0, isAnswer ? 0x80 : 0, 0, 0, 1, 0, 0, 0, 0, 0, 0);
	header.set(bytes.subarray(from, from + HEADER_BYTES));
	return isLikelyHeader(header, 0, isAnswer);
}

/** The first label of the question; a pointer has nowhere to point to yet. */
function hasLikelyName(bytes: Uint8Array, from: number): boolean {
	const questions = (bytes[from + 4]! << 8) | bytes[from + 5]!;
	const size = bytes[from + HEADER_BYTES];
	return questions === 0 || size === undefined || size <= MOST_LABELS_BYTES;
}
