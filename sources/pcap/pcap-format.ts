import { PolytapError } from "../../core/index.js";
import { u16, u32 } from "./integers.js";
import { type CaptureFormat, MAX_PACKET_BYTES, type RawPacket } from "./raw-packet.js";

export const PCAP_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
/** What libpcap itself asks for when nobody limits it. */
const USUAL_SNAPLEN = 262_144;

/** The classic format: a header, then packets with a time in seconds and micro- or nanoseconds. */
export class PcapFormat implements CaptureFormat {
	readonly linkType: number;
	readonly #isBig: boolean;
	readonly #isNano: boolean;
	readonly #maxCaptured: number;

	/** `bytes` from `at` on are the whole file header. */
	constructor(bytes: Uint8Array, at: number, isBig: boolean, isNano: boolean) {
		const major = u16(bytes, at + 4, isBig);
		if (major !== 2) {
			throw new PolytapError("CAPTURE_UNSUPPORTED", `pcap version ${major}.${u16(bytes, at + 6, isBig)} is not known`);
		}
		this.#isBig = isBig;
		this.#isNano = isNano;
		const snaplen = u32(bytes, at + 16, isBig);
		this.#maxCaptured = Math.min(Math.max(snaplen, USUAL_SNAPLEN), MAX_PACKET_BYTES);
		// the upper half says whether frames end with a checksum
		this.linkType = u32(bytes, at + 20, isBig) & 0xffff;
	}

	read(bytes: Uint8Array, at: number, end: number, out: RawPacket): number {
		if (end - at < RECORD_HEADER_BYTES) return -RECORD_HEADER_BYTES;
		const isBig = this.#isBig;
		const captured = u32(bytes, at + 8, isBig);
		if (captured > this.#maxCaptured) {
			throw new PolytapError("CAPTURE_DAMAGED", `a packet claims to be ${captured} bytes long`);
		}
		const total = RECORD_HEADER_BYTES + captured;
		if (end - at < total) return -total;
		const fraction = u32(bytes, at + 4, isBig);
		out.at = at + RECORD_HEADER_BYTES;
		out.captured = captured;
		out.length = Math.max(captured, u32(bytes, at + 12, isBig));
		out.tsUs = u32(bytes, at, isBig) * 1_000_000 + (this.#isNano ? Math.floor(fraction / 1000) : fraction);
		out.linkType = this.linkType;
		return total;
	}
}
