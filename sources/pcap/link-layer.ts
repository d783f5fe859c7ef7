import { be16, le32 } from "./integers.js";

/** No IP packet in it. */
export const NOT_IP = -1;
/** Too short for what it claims to be. */
export const MALFORMED = -2;

const ETHERNET = 1;
const NULL = 0;
const LOOP = 108;
const LINUX_COOKED = 113;
const LINUX_COOKED_2 = 276;
/** Bare IP: LINKTYPE_RAW, what some systems call it in files, and the two for one version only. */
const RAW = new Set([101, 12, 14, 228, 229]);

const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
const VLAN_TYPES = new Set([0x8100, 0x88a8, 0x9100, 0x9200]);

export function isKnownLinkType(linkType: number): boolean {
	return (
		linkType === ETHERNET ||
		linkType === NULL ||
		linkType === LOOP ||
		linkType === LINUX_COOKED ||
		linkType === LINUX_COOKED_2 ||
		RAW.has(linkType)
	);
}

/** Where the IP header begins, in a frame of a known link type from `at` to `end`; or `NOT_IP`, or `MALFORMED`. */
export function findIp(linkType: number, bytes: Uint8Array, at: number, end: number): number {
	if (linkType === ETHERNET) return behindType(bytes, at + 12, end);
	if (linkType === LINUX_COOKED) return behindType(bytes, at + 14, end);
	if (linkType === LINUX_COOKED_2) {
		if (end - at < 20) return MALFORMED;
		const type = be16(bytes, at);
		if (type === TYPE_IPV4 || type === TYPE_IPV6) return at + 20;
		return VLAN_TYPES.has(type) ? behindType(bytes, at + 22, end) : NOT_IP;
	}
	if (linkType === NULL || linkType === LOOP) return behindFamily(bytes, at, end);
	return at;
}

/** `at`: an EtherType, with any number of VLAN tags before the last one. */
function behindType(bytes: Uint8Array, at: number, end: number): number {
	let typeAt = at;
	for (;;) {
		if (end - typeAt < 2) return MALFORMED;
		const type = be16(bytes, typeAt);
		if (type === TYPE_IPV4 || type === TYPE_IPV6) return typeAt + 2;
		if (!VLAN_TYPES.has(type)) return NOT_IP;
		typeAt += 4;
	}
}

/** Four bytes of address family, in the byte order of whichever machine wrote them. */
function behindFamily(bytes: Uint8Array, at: number, end: number): number {
	if (end - at < 4) return MALFORMED;
	const little = le32(bytes, at) >>> 0;
	const family = little < 0x10000 ? little : little >>> 24;
	// 2: IPv4 everywhere. IPv6: Linux, NetBSD and OpenBSD, FreeBSD, macOS
	return family === 2 || family === 10 || family === 24 || family === 28 || family === 30 ? at + 4 : NOT_IP;
}
