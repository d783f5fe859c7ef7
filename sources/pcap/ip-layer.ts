import type { FragmentTable } from "./fragment-table.js";
import { be16, be32 } from "./integers.js";
import type { Packet } from "./packet.js";
import type { PcapCounters } from "./pcap-counters.js";

const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION = 60;
const MOBILITY = 135;
const HOST_IDENTITY = 139;
const SHIM6 = 140;

/** IP packets to transport segments, fragments put together. */
export class IpLayer {
	readonly #fragments: FragmentTable;
	readonly #counters: PcapCounters;

	constructor(fragments: FragmentTable, counters: PcapCounters) {
		this.#fragments = fragments;
		this.#counters = counters;
	}

	/**
	 * The IP packet from `at` to `end`, of which `length` bytes were on the wire (at least, padding included). True: `out`
	 * has its segment. False: it was counted, and nothing is to be done now.
	 */
	decode(bytes: Uint8Array, at: number, end: number, length: number, out: Packet): boolean {
		out.bytes = bytes;
		out.header = bytes;
		const version = end > at ? bytes[at]! >> 4 : 0;
		if (version === 4) return this.#v4(bytes, at, end, length, out);
		if (version === 6) return this.#v6(bytes, at, end, length, out);
		return this.#malformed();
	}

	#v4(bytes: Uint8Array, at: number, end: number, length: number, out: Packet): boolean {
		if (end - at < IPV4_HEADER_BYTES) return this.#malformed();
		const headerBytes = (bytes[at]! & 15) << 2;
		// zero where the network card was to cut it into packets
		const total = be16(bytes, at + 2) || length;
		if (headerBytes < IPV4_HEADER_BYTES || total < headerBytes) return this.#malformed();
		out.isV6 = false;
		out.source = be32(bytes, at + 12);
		out.destination = be32(bytes, at + 16);
		out.sourceAt = at + 12;
		out.destinationAt = at + 16;
		out.protocol = bytes[at + 9]!;
		out.at = at + headerBytes;
		out.end = Math.min(end, at + total);
		out.length = total - headerBytes;
		const place = be16(bytes, at + 6);
		if ((place & 0x3fff) === 0) return true;
		const id = `4 ${out.source} ${out.destination} ${be16(bytes, at + 4)} ${out.protocol}`;
		return this.#fragment(id, (place & 0x1fff) << 3, (place & 0x2000) === 0, out.protocol, out);
	}

	#v6(bytes: Uint8Array, at: number, end: number, length: number, out: Packet): boolean {
		if (end - at < IPV6_HEADER_BYTES) return this.#malformed();
		// zero for a jumbogram, whose length an option has; the frame tells it as well
		const payload = be16(bytes, at + 4);
		const total = payload === 0 ? Math.max(length, IPV6_HEADER_BYTES) : IPV6_HEADER_BYTES + payload;
		out.isV6 = true;
		out.sourceAt = at + 8;
		out.destinationAt = at + 24;
		out.source = digest(bytes, at + 8);
		out.destination = digest(bytes, at + 24);
		out.at = at + IPV6_HEADER_BYTES;
		out.end = Math.min(end, at + total);
		out.length = total - IPV6_HEADER_BYTES;
		return this.#extensions(bytes[at + 6]!, out);
	}

	/** From `out.at` on a chain of headers of which the first is `first`. */
	#extensions(first: number, out: Packet): boolean {
		let next = first;
		for (;;) {
			const { bytes, at } = out;
			switch (next) {
				case HOP_BY_HOP:
				case ROUTING:
				case DESTINATION:
				case MOBILITY:
				case HOST_IDENTITY:
				case SHIM6:
				case AUTHENTICATION: {
					if (out.end - at < 8) return this.#malformed();
					const units = bytes[at + 1]!;
					const headerBytes = next === AUTHENTICATION ? (units + 2) << 2 : (units + 1) << 3;
					if (headerBytes > out.length) return this.#malformed();
					next = bytes[at]!;
					out.at += headerBytes;
					out.length -= headerBytes;
					break;
				}
				case FRAGMENT: {
					if (out.end - at < 8 || out.length < 8) return this.#malformed();
					const place = be16(bytes, at + 2);
					next = bytes[at]!;
					out.at += 8;
					out.length -= 8;
					if ((place & 0xfff9) === 0) break;
					const id = `6 ${key(out)} ${be32(bytes, at + 4)}`;
					if (!this.#fragment(id, place & 0xfff8, (place & 1) === 0, next, out)) return false;
					next = out.protocol;
					break;
				}
				default:
					out.protocol = next;
					return true;
			}
		}
	}

	/** True: it was the last one missing, and `out` is the whole datagram. */
	#fragment(id: string, offset: number, isLast: boolean, protocol: number, out: Packet): boolean {
		this.#counters.fragments++;
		const from = Math.min(out.at, out.end);
		const data = out.bytes.subarray(from, out.end);
		const whole = this.#fragments.add(id, offset, out.length, isLast, protocol, data, out.tsUs);
		if (whole === null) return false;
		out.bytes = whole.bytes;
		out.at = 0;
		out.end = whole.bytes.length;
		out.length = whole.length;
		out.protocol = whole.protocol;
		return true;
	}

	#malformed(): false {
		this.#counters.skippedMalformed++;
		return false;
	}
}

function digest(bytes: Uint8Array, at: number): number {
	return (
		be32(bytes, at) ^
		Math.imul(be32(bytes, at + 4), 0x9e3779b1) ^
		Math.imul(be32(bytes, at + 8), 0x85ebca6b) ^
		Math.imul(be32(bytes, at + 12), 0xc2b2ae35)
	);
}

function key({ header, sourceAt }: Packet): string {
	let text = "";
	// both addresses: the destination follows the source
	for (let i = 0; i < 32; i += 4) text += `${be32(header, sourceAt + i)} `;
	return text;
}
