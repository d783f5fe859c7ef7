/** Packets by the byte, from the transport outwards. */

export interface Fragment {
	/** In bytes, a multiple of 8. */
	readonly offset: number;
	readonly more: boolean;
}

export interface Ipv4Options {
	readonly id?: number;
	readonly fragment?: Fragment;
	/** What the header says, where that is not the truth: 0 for a packet that the card was to cut. */
	readonly totalLength?: number;
}

export const TCP = 6;
export const UDP = 17;
export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

export interface Segment {
	readonly from: number;
	readonly to: number;
	readonly seq: number;
	readonly ack?: number;
	readonly flags: number;
	readonly data?: Uint8Array;
	/** A multiple of four bytes. */
	readonly options?: Uint8Array;
}

export function tcp({ from, to, seq, ack, flags, data = new Uint8Array(0), options = new Uint8Array(0) }: Segment) {
	const header = Buffer.alloc(20);
	header.writeUInt16BE(from, 0);
	header.writeUInt16BE(to, 2);
	header.writeUInt32BE(seq >>> 0, 4);
	header.writeUInt32BE((ack ?? 0) >>> 0, 8);
	header[12] = ((20 + options.length) / 4) << 4;
	header[13] = flags;
	header.writeUInt16BE(65_535, 14);
	return Buffer.concat([header, options, data]);
}

export function udp(from: number, to: number, data: Uint8Array): Buffer {
	const header = Buffer.alloc(8);
	header.writeUInt16BE(from, 0);
	header.writeUInt16BE(to, 2);
	header.writeUInt16BE(8 + data.length, 4);
	return Buffer.concat([header, data]);
}

export function ipv4(
	source: string,
	destination: string,
	protocol: number,
	payload: Uint8Array,
	{ id = 1, fragment = { offset: 0, more: false }, totalLength = 20 + payload.length }: Ipv4Options = {},
): Buffer {
	const header = Buffer.alloc(20);
	header[0] = 0x45;
	header.writeUInt16BE(totalLength, 2);
	header.writeUInt16BE(id, 4);
	header.writeUInt16BE((fragment.offset >> 3) | (fragment.more ? 0x2000 : 0), 6);
	header[8] = 64;
	header[9] = protocol;
	header.set(source.split(".").map(Number), 12);
	header.set(destination.split(".").map(Number), 16);
	return Buffer.concat([header, payload]);
}

/** `groups`: all eight, in hexadecimal. */
function address6(groups: string): Buffer {
	return Buffer.concat(groups.split(":").map((group) => Buffer.from(group.padStart(4, "0"), "hex")));
}

export function ipv6(
	source: string,
	destination: string,
	nextHeader: number,
	payload: Uint8Array,
	payloadLength = payload.length,
): Buffer {
	const header = Buffer.alloc(8);
	header[0] = 0x60;
	header.writeUInt16BE(payloadLength, 4);
	header[6] = nextHeader;
	header[7] = 64;
	return Buffer.concat([header, address6(source), address6(destination), payload]);
}

/** A hop-by-hop or destination options header of `units` times 8 bytes more than 8. */
export function optionsHeader(nextHeader: number, units: number): Buffer {
	const header = Buffer.alloc(8 + units * 8);
	header[0] = nextHeader;
	header[1] = units;
	return header;
}

export function fragmentHeader(nextHeader: number, { offset, more }: Fragment, id: number): Buffer {
	const header = Buffer.alloc(8);
	header[0] = nextHeader;
	header.writeUInt16BE(offset | (more ? 1 : 0), 2);
	header.writeUInt32BE(id, 4);
	return header;
}

const typeOf = (ip: Uint8Array): number => (ip[0]! >> 4 === 6 ? 0x86dd : 0x0800);

/** `vlans`: the tags' EtherTypes, outermost first. */
export function ethernet(ip: Uint8Array, vlans: readonly number[] = [], type: number = typeOf(ip)): Buffer {
	const parts: Uint8Array[] = [Buffer.alloc(12, 2)];
	for (const vlan of vlans) parts.push(be16(vlan), be16(7));
	return Buffer.concat([...parts, be16(type), ip]);
}

export function linuxCooked(ip: Uint8Array): Buffer {
	return Buffer.concat([Buffer.alloc(14, 3), be16(typeOf(ip)), ip]);
}

export function linuxCooked2(ip: Uint8Array): Buffer {
	return Buffer.concat([be16(typeOf(ip)), Buffer.alloc(18, 4), ip]);
}

export function bsdNull(ip: Uint8Array, family: number, isBig: boolean): Buffer {
	const head = Buffer.alloc(4);
	if (isBig) head.writeUInt32BE(family);
	else head.writeUInt32LE(family);
	return Buffer.concat([head, ip]);
}

function be16(value: number): Buffer {
	const bytes = Buffer.alloc(2);
	bytes.writeUInt16BE(value);
	return bytes;
}
