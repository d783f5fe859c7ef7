/** Frames of WebSocket (RFC 6455, section 5.2). */

export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export const FIN = 0x80;
/** Of the first frame of a message: it is compressed (RFC 7692, section 6). */
export const RSV1 = 0x40;
export const RESERVED = 0x70;
export const MASKED = 0x80;
/** What a control frame may carry. */
export const MAX_CONTROL = 125;
export const LONGEST_HEAD = 14;

export function isControl(opcode: number): boolean {
	return opcode >= Opcode.close;
}

export function isKnown(opcode: number): boolean {
	return opcode <= Opcode.binary || (opcode >= Opcode.close && opcode <= Opcode.pong);
}

/** For attributes; one that RFC 6455 reserves as hexadecimal number. */
export function opcodeName(opcode: number): string {
	return NAMES[opcode] ?? `0x${opcode.toString(16)}`;
}

const NAMES: Readonly<Record<number, string>> = {
	0: "continuation",
	1: "text",
	2: "binary",
	8: "close",
	9: "ping",
	10: "pong",
};

/** Bytes before the payload; the second byte must be there. */
export function headBytes(second: number): number {
	const length = second & 0x7f;
	return 2 + (length === 127 ? 8 : length === 126 ? 2 : 0) + ((second & MASKED) === 0 ? 0 : 4);
}

/** The payload's length; the head must be there as a whole. -1: more than any stream can have. */
export function payloadLength(bytes: Uint8Array, at: number): number {
	const short = bytes[at + 1]! & 0x7f;
	if (short < 126) return short;
	if (short === 126) return (bytes[at + 2]! << 8) | bytes[at + 3]!;
	const high = word(bytes, at + 2);
	return high > MAX_HIGH ? -1 : high * 0x1_0000_0000 + word(bytes, at + 6);
}

/** It "MUST be encoded in the minimal number of bytes". */
export function isMinimal(second: number, length: number): boolean {
	const short = second & 0x7f;
	return short < 126 || (short === 126 ? length > 125 : length > 0xffff);
}

function word(bytes: Uint8Array, at: number): number {
	return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Positions are exact to 53 bits. */
const MAX_HIGH = 0x1f_ffff;
