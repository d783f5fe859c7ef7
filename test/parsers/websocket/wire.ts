/** WebSocket as tests write it. */
import { constants, deflateRawSync } from "node:zlib";
import type { ParserPlugin } from "../../../core/index.js";
import http1 from "../../../parsers/http1/index.js";
import websocket from "../../../parsers/websocket/index.js";
import type { Step } from "../http1/play.js";

export const parsers: readonly ParserPlugin[] = [http1, websocket];

export interface FrameOptions {
	readonly opcode?: number;
	readonly fin?: boolean;
	/** RSV1 is 4, RSV2 2, RSV3 1. */
	readonly rsv?: number;
	readonly mask?: readonly number[] | null;
	/** Bytes of the length: 0 (seven bits), 2 or 8; without it the fewest. */
	readonly lengthBytes?: 0 | 2 | 8;
}

export function frame(payload: string | Uint8Array, options: FrameOptions = {}): Buffer {
	const { opcode = 1, fin = true, rsv = 0, mask = null } = options;
	const bytes = Buffer.from(typeof payload === "string" ? Buffer.from(payload) : payload);
	const { length } = bytes;
	const lengthBytes = options.lengthBytes ?? (length > 0xffff ? 8 : length > 125 ? 2 : 0);
	const head = Buffer.alloc(2 + lengthBytes);
	head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
	head[1] = (mask === null ? 0 : 0x80) | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
	if (lengthBytes === 2) head.writeUInt16BE(length, 2);
	if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(length), 2);
	if (mask !== null) for (let i = 0; i < length; i++) bytes[i]! ^= mask[i & 3]!;
	return Buffer.concat([head, mask === null ? Buffer.alloc(0) : Buffer.from(mask), bytes]);
}

const MASKS = [
	[0x12, 0x34, 0x56, 0x78],
	[0xde, 0xad, 0xbe, 0xef],
	[0x01, 0x80, 0x7f, 0xfe],
];
let made = 0;

/** Sent by the client: masked. */
export function ask(payload: string | Uint8Array, options: FrameOptions = {}): Step {
	return [0, frame(payload, { mask: MASKS[made++ % MASKS.length]!, ...options }).toString("latin1")];
}

export function tell(payload: string | Uint8Array, options: FrameOptions = {}): Step {
	return [1, frame(payload, options).toString("latin1")];
}

/** Code and reason of a close frame. */
export function closing(code: number, reason = ""): Buffer {
	return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]);
}

export const CLOSE: FrameOptions = { opcode: 8 };
export const PING: FrameOptions = { opcode: 9 };
export const PONG: FrameOptions = { opcode: 10 };
export const BINARY: FrameOptions = { opcode: 2 };
export const DEFLATED: FrameOptions = { rsv: 4 };

/** Both heads of a handshake; `extensions` is what the server agreed to. */
export function handshake(extensions: string | null = null): readonly Step[] {
	const agreed = extensions === null ? "" : `Sec-WebSocket-Extensions: ${extensions}\r\n`;
	return [
		[
			0,
			"GET /chat?room=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
		],
		[
			1,
			`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n${agreed}\r\n`,
		],
	];
}

/** Compresses the messages of one direction. */
export class Compressor {
	readonly #takesOver: boolean;
	readonly #windowBits: number;
	#before = Buffer.alloc(0);

	constructor({ takesOver = true, windowBits = 15 } = {}) {
		this.#takesOver = takesOver;
		this.#windowBits = windowBits;
	}

	message(text: string | Uint8Array): Buffer {
		const bytes = Buffer.from(text);
		const dictionary = this.#before.subarray(-(1 << this.#windowBits));
		const options = { finishFlush: constants.Z_SYNC_FLUSH, windowBits: this.#windowBits };
		const coded = deflateRawSync(bytes, dictionary.length === 0 ? options : { ...options, dictionary });
		if (this.#takesOver) this.#before = Buffer.concat([this.#before, bytes]);
		return coded.subarray(0, -4);
	}
}
