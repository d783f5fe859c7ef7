import { uint16 } from "./integers.js";

const IPV4 = 2;
const IPV6 = 3;

/** `inet` and `cidr` in binary format: family, bits of the prefix, whether it is a network, length, address. */
export function inetText(bytes: Uint8Array, from: number, to: number): string | null {
	if (to - from < 4) return null;
	const family = bytes[from]!;
	const bits = bytes[from + 1]!;
	const isNetwork = bytes[from + 2] === 1;
	const length = bytes[from + 3]!;
	if (to - from !== 4 + length) return null;
	if (family === IPV4 && length === 4 && bits <= 32) {
		const address = Array.from(bytes.subarray(from + 4, to)).join(".");
		return isNetwork || bits < 32 ? `${address}/${bits}` : address;
	}
	if (family !== IPV6 || length !== 16 || bits > 128) return null;
	const address = ipv6(bytes, from + 4);
	return isNetwork || bits < 128 ? `${address}/${bits}` : address;
}

/** RFC 5952: lower case, the longest run of two or more zero groups is `::`. */
function ipv6(bytes: Uint8Array, at: number): string {
	const groups = Array.from({ length: 8 }, (_, i) => uint16(bytes, at + 2 * i));
	let best = -1;
	let bestLength = 1;
	for (let i = 0; i < 8; i++) {
		let length = 0;
		while (i + length < 8 && groups[i + length] === 0) length++;
		if (length > bestLength) {
			best = i;
			bestLength = length;
		}
	}
	const hex = (from: number, to: number): string =>
		groups
			.slice(from, to)
			.map((group) => group.toString(16))
			.join(":");
	return best < 0 ? hex(0, 8) : `${hex(0, best)}::${hex(best + bestLength, 8)}`;
}
