/** One HTTP message as both programs can tell it. */
export interface HttpMessage {
	/** `GET /path?query`, or a status code; empty where not even that was captured. */
	readonly start: string;
	/** `name: value`, in order, one byte for each character. */
	readonly headers: readonly string[];
	/** Without chunks and content coding; null: not all of it was captured. */
	readonly body: Buffer | null;
}

/** By `address:port>address:port` of sender and receiver, in the order in which they were sent. */
export type HttpMessages = ReadonlyMap<string, readonly HttpMessage[]>;

/** Payload is counted as often as it was sent, and in full where the capture holds less of it; keep-alive probes are none. */
export interface Transport {
	packets: number;
	tcpPackets: number;
	tcpConnectionsWithPayload: number;
	tcpPayloadBytes: number;
	udpFlows: number;
	udpPayloadBytes: number;
}

export function noTransport(): Transport {
	return {
		packets: 0,
		tcpPackets: 0,
		tcpConnectionsWithPayload: 0,
		tcpPayloadBytes: 0,
		udpFlows: 0,
		udpPayloadBytes: 0,
	};
}

export function addMessage(to: Map<string, HttpMessage[]>, from: string, receiver: string, message: HttpMessage): void {
	const key = `${from}>${receiver}`;
	const sent = to.get(key);
	if (sent === undefined) to.set(key, [message]);
	else sent.push(message);
}
