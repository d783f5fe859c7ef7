import type { DetectHint } from "../../core/index.js";
import { METHODS, nextStart } from "./start.js";

type Answer = "yes" | "no" | "more";

const STATUS_START = "HTTP/1.";
const MAX_METHOD_BYTES = 20;

/**
 * Is it HTTP/1.x? A request that begins with a well-known method and the first byte of a target, another one whose
 * request line is there as a whole, or a response. Where bytes may begin in the middle, a start line anywhere in them.
 */
export function detect(client: Uint8Array, server: Uint8Array, hint: DetectHint): Answer {
	const asked = client.length === 0 ? "more" : request(client);
	if (asked === "yes") return "yes";
	const answered = server.length === 0 ? "more" : response(server);
	if (answered === "yes") return asked === "no" && !hint.late ? "no" : "yes";
	if (hint.late) {
		const found = [nextStart(client, false), nextStart(server, true)];
		if (found.some((where) => "skip" in where)) return "yes";
		return found.some((where) => "need" in where && where.need > 0) ? "more" : "no";
	}
	return asked === "no" || answered === "no" ? "no" : "more";
}

function response(bytes: Uint8Array): Answer {
	return begins(bytes, 0, STATUS_START);
}

function request(bytes: Uint8Array): Answer {
	let at = 0;
	// empty lines before the first request
	while (at < bytes.length && at < 8 && (bytes[at] === 13 || bytes[at] === 10)) at++;
	if (at === bytes.length) return at < 8 ? "more" : "no";
	const start = at;
	while (at < bytes.length && isMethodByte(bytes[at]!)) at++;
	if (at - start > MAX_METHOD_BYTES) return "no";
	if (at === bytes.length) return "more";
	if (bytes[at] !== 32 || at - start < 3) return "no";
	if (at + 1 === bytes.length) return "more";
	const isKnown = METHODS.some((method) => method.length === at - start && begins(bytes, start, method) === "yes");
	const first = bytes[at + 1]!;
	if (isKnown && (first === SLASH || first === ASTERISK)) return "yes";
	return line(bytes, start);
}

const SLASH = 47;
const ASTERISK = 42;
const MAX_LINE_BYTES = 4000;
const REQUEST_LINE = /^[A-Z][A-Z-]{2,19} (?:\/|\*|[A-Za-z][\w+.-]*:\/\/|[\w.[\]:-]+:\d)[^ \r\n]* HTTP\/1\.\d\r?\n/;
const REQUEST_LINE_START = /^[A-Z][A-Z-]{2,19} [!-~\x80-\xff]+(?: [HTP/1.0-9]{0,8}\r?)?$/;

/** A request with a method or a target that says little: only its whole line will do. */
function line(bytes: Uint8Array, start: number): Answer {
	const to = Math.min(bytes.length, start + MAX_LINE_BYTES);
	const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, to - start).toString("latin1");
	if (REQUEST_LINE.test(text)) return "yes";
	return to < start + MAX_LINE_BYTES && REQUEST_LINE_START.test(text) ? "more" : "no";
}

function isMethodByte(byte: number): boolean {
	return (byte >= 65 && byte <= 90) || byte === 45;
}

function begins(bytes: Uint8Array, at: number, word: string): Answer {
	for (let i = 0; i < word.length; i++) {
		if (at + i >= bytes.length) return "more";
		if (bytes[at + i] !== word.charCodeAt(i)) return "no";
	}
	return "yes";
}
