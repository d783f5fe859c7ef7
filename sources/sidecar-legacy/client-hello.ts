/** What of a TLS ClientHello decides where it goes (RFC 8446 section 4.1.2, RFC 6066 section 3, RFC 7301). */

export interface ClientHello {
	readonly serverName: string | null;
	readonly alpn: readonly string[];
}

/** No ClientHello of a real client is longer. */
const MOST_BYTES = 65_536;
const RECORD_HEADER = 5;
const HANDSHAKE = 0x16;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const ALPN = 16;

export const looksLikeTls = (bytes: Buffer): boolean =>
	bytes[0] === HANDSHAKE && (bytes.length < 2 || bytes[1] === 3) && (bytes.length < 6 || bytes[5] === CLIENT_HELLO);

/** `bytes` begin with a TLS handshake record. `bad`: it is no ClientHello that can be read. */
export function parseClientHello(bytes: Buffer): ClientHello | "more" | "bad" {
	const message = handshakeMessage(bytes);
	if (typeof message === "string") return message;
	try {
		return fields(message);
	} catch (error) {
		if (error instanceof RangeError) return "bad";
		throw error;
	}
}

/** The first handshake message, which may lie in several records. */
function handshakeMessage(bytes: Buffer): Buffer | "more" | "bad" {
	const pieces: Buffer[] = [];
	let have = 0;
	for (let at = 0; ; ) {
		if (at > MOST_BYTES) return "bad";
		if (bytes.length < at + RECORD_HEADER) return "more";
		if (bytes[at] !== HANDSHAKE) return "bad";
		const end = at + RECORD_HEADER + bytes.readUInt16BE(at + 3);
		if (bytes.length < end) return "more";
		pieces.push(bytes.subarray(at + RECORD_HEADER, end));
		have += end - at - RECORD_HEADER;
		at = end;
		if (have < 4) continue;
		const all = Buffer.concat(pieces);
		if (all[0] !== CLIENT_HELLO) return "bad";
		const length = all.readUIntBE(1, 3);
		if (length > MOST_BYTES) return "bad";
		if (have >= length + 4) return all.subarray(4, length + 4);
	}
}

/** Throws RangeError where a length points beyond the end. */
function fields(hello: Buffer): ClientHello {
	let at = 2 + 32;
	at += 1 + hello.readUInt8(at);
	at += 2 + hello.readUInt16BE(at);
	at += 1 + hello.readUInt8(at);
	let serverName: string | null = null;
	let alpn: string[] = [];
	if (at === hello.length) return { serverName, alpn };
	const end = at + 2 + hello.readUInt16BE(at);
	for (at += 2; at < end; ) {
		const type = hello.readUInt16BE(at);
		const length = hello.readUInt16BE(at + 2);
		const value = hello.subarray(at + 4, at + 4 + length);
		if (value.length < length) return { serverName, alpn };
		if (type === SERVER_NAME && length > 5 && value.readUInt8(2) === 0)
			serverName = value.toString("latin1", 5, 5 + value.readUInt16BE(3)).toLowerCase();
		if (type === ALPN) alpn = alpnNames(value);
		at += 4 + length;
	}
	return { serverName, alpn };
}

function alpnNames(value: Buffer): string[] {
	const names: string[] = [];
	for (let at = 2; at < value.length; at += 1 + value.readUInt8(at))
		names.push(value.toString("latin1", at + 1, at + 1 + value.readUInt8(at)));
	return names;
}
