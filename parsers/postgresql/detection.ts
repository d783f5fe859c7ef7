import type { DetectHint } from "../../core/index.js";
import { findBackChain, findFrontChain } from "./resync.js";
import { CANCEL_REQUEST, GSS_REQUEST, int32, MAX_STARTUP_BYTES, nulAt, SSL_REQUEST, utf8 } from "./wire.js";

type Answer = "yes" | "no" | "more";

/**
 * Is it PostgreSQL's protocol 3? The client speaks first and says so: an SSLRequest, GSSENCRequest or CancelRequest by its
 * number, a StartupMessage by its version and its first parameter (a Kafka request may begin with the same eight bytes).
 * Where bytes may begin in the middle: whole messages in a row that only this protocol has.
 */
export function detect(client: Uint8Array, server: Uint8Array, hint: DetectHint): Answer {
	if (hint.transport === "udp") return "no";
	const opening = client.length === 0 ? "more" : openingOf(client);
	if (opening === "yes") return "yes";
	if (!hint.late) {
		if (opening === "no") return "no";
		return server.length === 0 || FIRST_OF_SERVER.includes(server[0]!) ? "more" : "no";
	}
	const asked = client.length === 0 ? null : findFrontChain(client);
	if (asked !== null && "at" in asked && asked.isTelling) return "yes";
	const answered = server.length === 0 ? null : findBackChain(server);
	if (answered !== null && "at" in answered && answered.isTelling) return "yes";
	const mayBe = (found: typeof asked): boolean => found !== null && "need" in found && found.need > 0;
	return mayBe(asked) || mayBe(answered) ? "more" : "no";
}

/** N and S answer an SSLRequest, G and N a GSSENCRequest, R a StartupMessage, E and v any of them. */
const FIRST_OF_SERVER: readonly number[] = [0x4e, 0x53, 0x47, 0x52, 0x45, 0x76];

const PARAMETER = /^[a-z_][\w.]*$/;

function openingOf(bytes: Uint8Array): Answer {
	// every opening is shorter than 64 KiB
	if (bytes[0] !== 0 || (bytes.length > 1 && bytes[1] !== 0)) return "no";
	if (bytes.length < 4) return "more";
	const length = int32(bytes, 0);
	if (length < 8 || length > MAX_STARTUP_BYTES) return "no";
	if (bytes.length < 8) return mayBeCode(bytes, length) ? "more" : "no";
	const code = int32(bytes, 4);
	if (code === SSL_REQUEST || code === GSS_REQUEST) return length === 8 ? "yes" : "no";
	if (code === CANCEL_REQUEST) return length >= 16 && length <= 12 + 256 ? "yes" : "no";
	if (code >>> 16 !== 3 || length < 9) return "no";
	const keyEnd = nulAt(bytes, 8, Math.min(bytes.length, 72));
	if (keyEnd < 0) {
		const isKey = bytes.length === 8 || PARAMETER.test(utf8(bytes, 8, Math.min(bytes.length, 72)));
		return bytes.length < 72 && isKey ? "more" : "no";
	}
	if (!PARAMETER.test(utf8(bytes, 8, keyEnd))) return "no";
	const valueEnd = nulAt(bytes, keyEnd + 1, bytes.length);
	if (valueEnd < 0) return bytes.length < length ? "more" : "no";
	return "yes";
}

/** The first bytes of a version 3, or of one of the special numbers. */
function mayBeCode(bytes: Uint8Array, length: number): boolean {
	const codes = length === 8 ? [SSL_REQUEST, GSS_REQUEST] : [CANCEL_REQUEST, 3 << 16];
	return codes.some((code) => {
		for (let i = 4; i < Math.min(bytes.length, 6); i++)
			if (bytes[i] !== ((code >>> (8 * (7 - i))) & 0xff)) return false;
		return true;
	});
}
