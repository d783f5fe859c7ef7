import { be16 } from "./integers.js";

/** The IPv4 address at `at`. */
export function ipv4Text(bytes: Uint8Array, at: number): string {
	return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/** The IPv6 address at `at` in the form of RFC 5952; one that is mapped from IPv4 as that. */
export function ipv6Text(bytes: Uint8Array, at: number): string {
	const groups: number[] = [];
	for (let i = 0; i < 16; i += 2) groups.push(be16(bytes, at + i));
	if (groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)) return ipv4Text(bytes, at + 12);
	let start = 0;
	let longest = 1;
	for (let i = 0; i < 8; i++) {
		let zeros = 0;
		while (i + zeros < 8 && groups[i + zeros] === 0) zeros++;
		if (zeros > longest) {
			start = i;
			longest = zeros;
		}
		if (zeros > 0) i += zeros - 1;
	}
	const hex = groups.map((group) => group.toString(16));
	if (longest < 2) return hex.join(":");
	return `${hex.slice(0, start).join(":")}::${hex.slice(start + longest).join(":")}`;
}
