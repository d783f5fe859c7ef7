import { CIPHER_SUITES } from "./cipher-suites.js";

/** What a ClientHello or ServerHello shows (RFC 8446, section 4.1; RFC 5246, section 7.4.1). */
export interface Hello {
	readonly isClient: boolean;
	readonly version: string | null;
	/** Of a ServerHello: the suite that was chosen, by the name that IANA gave it, or `0x` and its number. */
	readonly cipher: string | null;
	readonly serverName: string | null;
	readonly protocols: readonly string[];
}

const VERSIONS = new Map([
	[0x0300, "3.0"],
	[0x0301, "1.0"],
	[0x0302, "1.1"],
	[0x0303, "1.2"],
	[0x0304, "1.3"],
]);
const SERVER_NAME = 0;
const ALPN = 16;
const SUPPORTED_VERSIONS = 43;
const MAX_PROTOCOLS = 16;

/** The handshake message at `from`, or null where it is no whole hello. */
export function parseHello(bytes: Uint8Array, from: number, to: number): Hello | null {
	const type = bytes[from];
	if (to - from < 42 || (type !== 1 && type !== 2)) return null;
	const isClient = type === 1;
	const end = from + 4 + (bytes[from + 1]! << 16) + u16(bytes, from + 2);
	if (end > to) return null;
	let version = u16(bytes, from + 4);
	let at = from + 38;
	at += 1 + bytes[at]!;
	let cipher: string | null = null;
	if (isClient) {
		at += 2 + u16(bytes, at);
		at += 1 + (bytes[at] ?? 0);
	} else {
		const suite = u16(bytes, at);
		cipher = CIPHER_SUITES.get(suite) ?? `0x${suite.toString(16).padStart(4, "0")}`;
		at += 3;
	}
	let serverName: string | null = null;
	const protocols: string[] = [];
	if (at + 2 <= end) {
		for (at += 2; at + 4 <= end; ) {
			const kind = u16(bytes, at);
			const start = at + 4;
			at = start + u16(bytes, at + 2);
			if (at > end) return null;
			if (kind === SERVER_NAME && at - start > 5) serverName = text(bytes, start + 5, at);
			else if (kind === ALPN) readProtocols(bytes, start + 2, at, protocols);
			else if (kind === SUPPORTED_VERSIONS && !isClient && at - start === 2) version = u16(bytes, start);
		}
	}
	return { isClient, version: VERSIONS.get(version) ?? null, cipher, serverName, protocols };
}

function readProtocols(bytes: Uint8Array, from: number, to: number, into: string[]): void {
	for (let at = from; at < to && into.length < MAX_PROTOCOLS; ) {
		const end = at + 1 + bytes[at]!;
		if (end > to) return;
		into.push(text(bytes, at + 1, end));
		at = end;
	}
}

function u16(bytes: Uint8Array, at: number): number {
	return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function text(bytes: Uint8Array, from: number, to: number): string {
	return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1");
}
