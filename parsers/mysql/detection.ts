import type { DetectHint } from "../../core/index.js";
import * as capability from "./capabilities.js";
import { readLogin } from "./handshake.js";
import { readErr } from "./outcomes.js";
import { findCommand } from "./resynchronise.js";

type Answer = "yes" | "no" | "more";

const MAX_GREETING_BYTES = 1024;
/** A server version is shorter. */
const MAX_VERSION_BYTES = 128;
const MIN_GREETING_BYTES = 20;

/**
 * The server speaks first: a greeting, or an error instead of one. A client is heard first where only what lies above TLS
 * is seen, or where the connection was joined late: a login, or a command.
 */
export function detect(client: Uint8Array, server: Uint8Array, hint: DetectHint): Answer {
	const said = Buffer.from(server.buffer, server.byteOffset, server.length);
	const asked = Buffer.from(client.buffer, client.byteOffset, client.length);
	const greeting = said.length > 0 ? ofServer(said) : "more";
	if (greeting === "yes") return asked.length > 0 && mayBeLogin(asked) === "no" && !hint.late ? "no" : "yes";
	const login = asked.length > 0 ? ofClient(asked, hint.late) : "more";
	if (login === "yes") return "yes";
	// a greeting that is not all there yet, or a server whose bytes are those of an answer
	if (hint.late) return login;
	if (greeting === "no") return "no";
	return login;
}

function ofServer(bytes: Buffer): Answer {
	const { length } = bytes;
	const size = length >= 3 ? bytes.readUIntLE(0, 3) : 0;
	if (length >= 3 && (size < MIN_GREETING_BYTES || size > MAX_GREETING_BYTES) && !(size >= 4)) return "no";
	if (length >= 3 && size > MAX_GREETING_BYTES) return "no";
	if (length >= 4 && bytes[3]! > 2) return "no";
	if (length < 5) return "more";
	if (bytes[4] === 0xff) return ofRefusal(bytes, size);
	if ((bytes[4] !== 10 && bytes[4] !== 9) || bytes[3] !== 0 || size < MIN_GREETING_BYTES) return "no";
	let at = 5;
	const last = Math.min(length, 5 + MAX_VERSION_BYTES);
	while (at < last && bytes[at]! >= 0x20 && bytes[at]! < 0x7f) at++;
	if (at === length) return "more";
	if (bytes[at] !== 0 || at < 8 || !isDigit(bytes[5]!)) return "no";
	if (bytes[4] === 9) return length >= 4 + size ? "yes" : "more";
	// thread id, eight bytes of scramble, then a zero
	const zero = at + 1 + 4 + 8;
	if (zero >= 4 + size) return "no";
	if (length <= zero) return "more";
	return bytes[zero] === 0 ? "yes" : "no";
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

/** Too many connections, a host that is blocked. */
function ofRefusal(bytes: Buffer, size: number): Answer {
	if (bytes.length < 4 + size) return size <= 600 ? "more" : "no";
	if (bytes.length !== 4 + size) return "no";
	const error = readErr(bytes, 4, 4 + size);
	const isOne = error !== null && error.code >= 1000 && error.code < 5000 && /^[\x20-\x7e]{8,}/.test(error.message);
	return isOne ? "yes" : "no";
}

/** Is this what a client may say after a greeting? */
function mayBeLogin(bytes: Buffer): Answer {
	if (bytes.length < 4) return "more";
	return bytes[3] === 1 || bytes[3] === 2 ? "yes" : "no";
}

function ofClient(bytes: Buffer, isLate: boolean): Answer {
	const login = ofLogin(bytes);
	if (login === "yes" || !isLate) return login;
	const found = findCommand(bytes, "either");
	if (found !== null) return "yes";
	return login === "more" || mayBeCommand(bytes) ? "more" : "no";
}

function mayBeCommand(bytes: Buffer): boolean {
	if (bytes.length < 4) return true;
	const size = bytes.readUIntLE(0, 3);
	return bytes[3] === 0 && size > 0 && (bytes.length < 5 || size + 4 > bytes.length);
}

function ofLogin(bytes: Buffer): Answer {
	const { length } = bytes;
	if (length < 4) return "more";
	const size = bytes.readUIntLE(0, 3);
	if ((bytes[3] !== 1 && bytes[3] !== 2) || size < 32 || size > 4096) return "no";
	if (length < 36) return length > 5 && (bytes[5]! & (capability.PROTOCOL_41 >> 8)) === 0 ? "no" : "more";
	// 19 bytes that nobody uses, behind capabilities, packet size and character set
	for (let at = 13; at < 32; at++) if (bytes[at] !== 0) return "no";
	if (length < 4 + size) return "more";
	const login = readLogin(bytes, 4, 4 + size);
	return login !== null && isPrintable(login.user) ? "yes" : "no";
}

function isPrintable(text: string): boolean {
	for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 0x20) return false;
	return true;
}
