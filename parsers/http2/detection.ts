import type { DetectHint, Direction } from "../../core/index.js";
import { chainAt, nextFrame, PREFACE, Type } from "./frames.js";

type Answer = "yes" | "no" | "more";

/** Frames in a row that are enough where a connection was joined in the middle. */
const ENOUGH = 3;

/**
 * Is it HTTP/2? The client's preface, or its ALPN name. Where bytes may begin in the middle: frames that follow each other
 * and end where the bytes do, at their front; a single frame is enough only in both directions.
 */
export function detect(client: Uint8Array, server: Uint8Array, hint: DetectHint): Answer {
	const shown = Math.min(client.length, PREFACE.length);
	let isPreface = true;
	for (let i = 0; i < shown; i++) if (client[i] !== PREFACE[i]) isPreface = false;
	if (isPreface && shown === PREFACE.length) return "yes";
	if (hint.late) return late(client, server, hint);
	if (!isPreface) return "no";
	if (shown > 0) return "more";
	// the server may speak first, and does so with its settings
	if (server.length < 9) return mayBeSettings(server) ? "more" : "no";
	const chain = chainAt(server, 0, 1);
	if (chain === null || server[3] !== Type.settings) return "no";
	return hint.alpn === "h2" ? "yes" : "more";
}

function mayBeSettings(server: Uint8Array): boolean {
	const expected = [0, 0, -1, Type.settings, 0, 0, 0, 0, 0];
	return server.every((byte, i) => expected[i]! < 0 || byte === expected[i]);
}

function late(client: Uint8Array, server: Uint8Array, hint: DetectHint): Answer {
	const found = [count(client, 0), count(server, 1)] as const;
	if (found.some((frames) => frames >= ENOUGH)) return "yes";
	if (found[0] > 0 && found[1] > 0) return "yes";
	if (hint.alpn === "h2" && found.some((frames) => frames > 0)) return "yes";
	return found.some((frames) => frames !== 0) ? "more" : "no";
}

/** Frames at the front, if the last one ends where the bytes do; 0: these are none; below 0: more would tell. */
function count(bytes: Uint8Array, dir: Direction): number {
	if (bytes.length === 0) return -1;
	const chain = chainAt(bytes, 0, dir);
	if (chain === null) return "skip" in nextFrame(bytes, 0, dir) ? 1 : 0;
	return chain.isExact || chain.count >= ENOUGH ? chain.count : -1;
}
