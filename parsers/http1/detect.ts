import type { DetectHint } from "../../core/index.js";

const METHODS = new Set([
	"GET",
	"HEAD",
	"POST",
	"PUT",
	"DELETE",
	"CONNECT",
	"OPTIONS",
	"TRACE",
	"PATCH",
	"PROPFIND",
	"PROPPATCH",
	"MKCOL",
	"COPY",
	"MOVE",
	"LOCK",
	"UNLOCK",
	"SEARCH",
	"REPORT",
	"PURGE",
	"QUERY",
]);
const LONGEST_METHOD = 9;
const STATUS = "HTTP/1.";

/** Is this HTTP/1.x? A request line's beginning on the client's side, or a status line's on the server's. */
export function detect(client: Uint8Array, server: Uint8Array, _hint: DetectHint): "yes" | "no" | "more" {
	const request = client.length === 0 ? "more" : detectRequest(client);
	if (request !== "more") return request;
	return server.length === 0 ? "more" : detectResponse(server);
}

function detectRequest(bytes: Uint8Array): "yes" | "no" | "more" {
	let at = 0;
	while (at < bytes.length && (bytes[at] === 13 || bytes[at] === 10)) at++;
	const from = at;
	while (at < bytes.length && at - from <= LONGEST_METHOD && bytes[at]! >= 0x41 && bytes[at]! <= 0x5a) at++;
	if (at === bytes.length) return at - from <= LONGEST_METHOD ? "more" : "no";
	if (bytes[at] !== 0x20) return "no";
	if (!METHODS.has(Buffer.from(bytes.subarray(from, at)).toString("latin1"))) return "no";
	if (at + 1 === bytes.length) return "more";
	const target = bytes[at + 1]!;
	// origin-form, asterisk-form, or something that begins a URI or an authority
	return target === 0x2f || target === 0x2a || target === 0x5b || isAlphanumeric(target) ? "yes" : "no";
}

function isAlphanumeric(byte: number): boolean {
	return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
}

function detectResponse(bytes: Uint8Array): "yes" | "no" | "more" {
	const length = Math.min(STATUS.length, bytes.length);
	for (let i = 0; i < length; i++) if (bytes[i] !== STATUS.charCodeAt(i)) return "no";
	return bytes.length >= STATUS.length ? "yes" : "more";
}
