import type { DetectHint } from "../../core/index.js";
import { framesAt } from "./frame-search.js";

/** Bits of evidence: nothing but frames is there to tell. Without masks much looks like a frame. */
const CLIENT_BITS = 40;
const SERVER_BITS = 64;

/**
 * WebSocket is handed over to, never guessed: but for a connection that was joined after its handshake, where several
 * frames in a row begin at the very front.
 */
export function detect(client: Uint8Array, server: Uint8Array, hint: DetectHint): "yes" | "no" | "more" {
	if (!hint.late) return "no";
	const asked = client.length === 0 ? -1 : framesAt(client, 0, 0, true, CLIENT_BITS);
	if (asked === 1) return "yes";
	const told = server.length === 0 ? -1 : framesAt(server, 0, 1, true, SERVER_BITS);
	if (told === 1) return "yes";
	if (client.length === 0) return told === 0 ? "no" : "more";
	if (server.length === 0) return asked === 0 ? "no" : "more";
	return asked === 0 && told === 0 ? "no" : "more";
}
