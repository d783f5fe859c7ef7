export function int16(bytes: Uint8Array, at: number): number {
	return ((bytes[at]! << 24) >> 16) | bytes[at + 1]!;
}

export function uint16(bytes: Uint8Array, at: number): number {
	return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function int32(bytes: Uint8Array, at: number): number {
	return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

export function uint32(bytes: Uint8Array, at: number): number {
	return int32(bytes, at) >>> 0;
}

/** A number where that is exact, the digits where it is not. */
export function int64(bytes: Uint8Array, at: number): number | string {
	const high = int32(bytes, at);
	if (isSmall(high)) return high * 0x1_0000_0000 + uint32(bytes, at + 4);
	return bigInt64(bytes, at).toString();
}

export function bigInt64(bytes: Uint8Array, at: number): bigint {
	return (BigInt(int32(bytes, at)) << 32n) | BigInt(uint32(bytes, at + 4));
}

/** The upper half of a 64-bit number that a `number` holds exactly. */
function isSmall(high: number): boolean {
	return high < 0x1f_ffff && high > -0x20_0000;
}
