/** The text of an address in a ring record: IPv4 dotted, IPv6 as RFC 5952 writes it, IPv4 in IPv6 as IPv4. */
const AF_INET = 2;

export function addressText(family: number, bytes: Uint8Array, at: number): string {
	if (family === AF_INET) return dotted(bytes, at);
	let mapped = bytes[at + 10] === 0xff && bytes[at + 11] === 0xff;
	for (let i = 0; i < 10 && mapped; i++) mapped = bytes[at + i] === 0;
	return mapped ? dotted(bytes, at + 12) : colons(bytes, at);
}

function dotted(bytes: Uint8Array, at: number): string {
	return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

function colons(bytes: Uint8Array, at: number): string {
	const groups = Array.from({ length: 8 }, (_, i) => ((bytes[at + 2 * i]! << 8) | bytes[at + 2 * i + 1]!).toString(16));
	let best = -1;
	let bestLength = 1;
	for (let i = 0; i < 8; i++) {
		let length = 0;
		while (i + length < 8 && groups[i + length] === "0") length++;
		if (length > bestLength) {
			best = i;
			bestLength = length;
		}
	}
	if (best < 0) return groups.join(":");
	return `${groups.slice(0, best).join(":")}::${groups.slice(best + bestLength).join(":")}`;
}
