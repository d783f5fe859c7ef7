/** A decoded packet, down to the start of its transport header. One object, filled anew for each packet. */
export class Packet {
	tsUs = 0;
	isV6 = false;
	/** IPv4 address, or a digest of the IPv6 one: 32 bits. */
	source = 0;
	destination = 0;
	/** Where the addresses lie; a reassembled datagram has its payload elsewhere. */
	header: Uint8Array = NOTHING;
	sourceAt = 0;
	destinationAt = 0;
	protocol = 0;
	/** Where the transport header begins, and where what was captured of it and its payload ends. */
	bytes: Uint8Array = NOTHING;
	at = 0;
	end = 0;
	/** Length of transport header and payload on the wire. */
	length = 0;
}

const NOTHING = new Uint8Array(0);

export const TCP = 6;
export const UDP = 17;
