/** Unsigned integers in memory. The caller has made sure that they are there. */
export function be16(bytes: Uint8Array, at: number): number {
	return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** Signed: sequence numbers and addresses only need their bits. */
export function be32(bytes: Uint8Array, at: number): number {
	return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

export function le32(bytes: Uint8Array, at: number): number {
	return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

export function le16(bytes: Uint8Array, at: number): number {
	return bytes[at]! | (bytes[at + 1]! << 8);
}

/** In the byte order of a file. */
export function u32(bytes: Uint8Array, at: number, isBig: boolean): number {
	return (isBig ? be32(bytes, at) : le32(bytes, at)) >>> 0;
}

export function u16(bytes: Uint8Array, at: number, isBig: boolean): number {
	return isBig ? be16(bytes, at) : le16(bytes, at);
}
