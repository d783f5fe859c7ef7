import { PolytapError } from "../../core/index.js";
import { be32, le32 } from "./integers.js";
import { PCAP_HEADER_BYTES, PcapFormat } from "./pcap-format.js";
import { PcapngFormat, SECTION_HEADER } from "./pcapng-format.js";
import type { CaptureFormat } from "./raw-packet.js";

const MICRO = 0xa1b2c3d4 | 0;
const NANO = 0xa1b23c4d | 0;
/** Longer packet headers, once written by some vendors' kernels. */
const MODIFIED = 0xa1b2cd34 | 0;

/** `headerBytes` come before the first record. */
export interface Recognised {
	readonly format: CaptureFormat;
	readonly headerBytes: number;
}

/**
 * What the first bytes of a file say that it is. Negative: so many bytes are needed to tell. Throws `CAPTURE_UNREADABLE`
 * for what is no packet capture, `CAPTURE_UNSUPPORTED` for a kind that is not read.
 */
export function recognise(bytes: Uint8Array, at: number, end: number): Recognised | number {
	if (end - at < 4) return -4;
	const big = be32(bytes, at);
	const isBig = big === MICRO || big === NANO || big === MODIFIED;
	const magic = isBig ? big : le32(bytes, at);
	if (magic === SECTION_HEADER) return { format: new PcapngFormat(), headerBytes: 0 };
	if (magic === MODIFIED) {
		throw new PolytapError(
			"CAPTURE_UNSUPPORTED",
			"this is the modified pcap format",
			"`editcap -F pcapng OLD NEW` of Wireshark converts it",
		);
	}
	if (magic !== MICRO && magic !== NANO) {
		throw new PolytapError("CAPTURE_UNREADABLE", "not a packet capture", "pcap and pcapng files are, gzip is fine");
	}
	if (end - at < PCAP_HEADER_BYTES) return -PCAP_HEADER_BYTES;
	return { format: new PcapFormat(bytes, at, isBig, magic === NANO), headerBytes: PCAP_HEADER_BYTES };
}
