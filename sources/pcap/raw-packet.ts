/** One packet as a capture file holds it. One object, filled anew for each record. */
export class RawPacket {
	/** Where its first byte lies in the memory that was read; -1: the record held no packet. */
	at = -1;
	/** Bytes in the file. */
	captured = 0;
	/** Bytes on the wire. */
	length = 0;
	/** Microseconds since the epoch. */
	tsUs = 0;
	linkType = 0;
}

/** Reads the records of one capture file, without I/O. */
export interface CaptureFormat {
	/**
	 * Reads the record at `at` into `out`. Returns its length, which for a record without a packet may be more than what is
	 * there: the rest is skipped. Negative: so many bytes must be there from `at` on, ask again with them. Throws
	 * `CAPTURE_DAMAGED` or `CAPTURE_UNSUPPORTED`.
	 */
	read(bytes: Uint8Array, at: number, end: number, out: RawPacket): number;
}

/** More than any packet is long: what says so is damaged. */
export const MAX_PACKET_BYTES = 16 << 20;
