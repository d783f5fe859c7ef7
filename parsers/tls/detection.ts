import type { DetectHint } from "../../core/index.js";

type Answer = "yes" | "no" | "more";

const HANDSHAKE = 22;
const APPLICATION_DATA = 23;
/** 2^14 bytes of plain text, and what encryption may add (RFC 5246, section 6.2.3). */
export const MAX_RECORD_BYTES = 16_384 + 2048;

/**
 * Is it TLS? From the start: a handshake record with a ClientHello, or, where only the server's bytes are there yet, maybe
 * one with a ServerHello. Joined late: records of application data, one after the other.
 */
export function detect(client: Uint8Array, server: Uint8Array, hint: DetectHint): Answer {
	const asked = client.length === 0 ? "more" : hello(client, 1);
	if (asked === "yes") return "yes";
	if (hint.late) {
		const found = [records(client), records(server)];
		if (found.includes("yes")) return "yes";
		return found.includes("more") ? "more" : "no";
	}
	if (asked === "no") return "no";
	return server.length === 0 || hello(server, 2) !== "no" ? "more" : "no";
}

function hello(bytes: Uint8Array, message: number): Answer {
	const expected: readonly ((byte: number) => boolean)[] = [
		(byte) => byte === HANDSHAKE,
		(byte) => byte === 3,
		(byte) => byte <= 4,
		(byte) => byte <= MAX_RECORD_BYTES >> 8,
		() => true,
		(byte) => byte === message,
		(byte) => byte === 0,
		() => true,
		() => true,
		(byte) => byte === 3,
		(byte) => byte <= 4,
	];
	for (let i = 0; i < expected.length; i++) {
		if (i >= bytes.length) return "more";
		if (!expected[i]!(bytes[i]!)) return "no";
	}
	return "yes";
}

/** Whole records in a row: two, or one that is all there is. */
function records(bytes: Uint8Array): Answer {
	let count = 0;
	for (let at = 0; ; count++) {
		if (count >= 2) return "yes";
		if (at === bytes.length) return count > 0 ? "yes" : "no";
		if (bytes[at] !== APPLICATION_DATA) return "no";
		if (bytes.length - at < 5) return bytes.length - at < 2 || bytes[at + 1] === 3 ? "more" : "no";
		const length = (bytes[at + 3]! << 8) | bytes[at + 4]!;
		if (bytes[at + 1] !== 3 || bytes[at + 2]! > 3 || length < 17 || length > MAX_RECORD_BYTES) return "no";
		at += 5 + length;
		if (at > bytes.length) return "more";
	}
}
