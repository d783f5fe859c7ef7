import type { Direction, ParserOutput, ProtocolParser } from "../../core/index.js";
import { MAX_RECORD_BYTES } from "./detection.js";
import { type Hello, parseHello } from "./hello.js";

const HANDSHAKE = 22;

/** Notes what the two hellos show; everything after them is counted and not looked at. */
export class TlsParser implements ProtocolParser {
	readonly #isDone: [boolean, boolean] = [false, false];

	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number {
		if (this.#isDone[dir]) return bytes.length;
		if (bytes.length < 5) return 0;
		const length = (bytes[3]! << 8) | bytes[4]!;
		const isRecord = bytes[0]! >= 20 && bytes[0]! <= 24 && bytes[1] === 3 && length <= MAX_RECORD_BYTES;
		if (!isRecord || bytes[0] !== HANDSHAKE) {
			out.opaque(isRecord ? "encrypted" : "bad-record");
			return 0;
		}
		if (bytes.length < 5 + length) return 0;
		const hello = parseHello(bytes, 5, 5 + length);
		if (hello !== null) note(hello, out);
		this.#isDone[dir] = true;
		if (this.#isDone[0] && this.#isDone[1]) out.opaque("encrypted");
		return 5 + length;
	}

	gap(): boolean {
		return false;
	}

	resync(dir: Direction): { readonly skip: number } {
		this.#isDone[dir] = true;
		return { skip: 0 };
	}

	end(): void {}
}

function note({ isClient, version, cipher, serverName, protocols }: Hello, out: ParserOutput): void {
	if (isClient) {
		if (serverName !== null) out.note("tls.client.server_name", serverName);
		if (protocols.length > 0) out.note("tls.client.protocols", protocols);
		return;
	}
	if (version !== null) out.note("tls.protocol.version", version);
	if (cipher !== null) out.note("tls.cipher", cipher);
	if (protocols[0] !== undefined) out.note("tls.next_protocol", protocols[0]);
}
