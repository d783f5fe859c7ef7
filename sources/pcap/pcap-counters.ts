/** What the source has seen so far. Every packet is counted once: as TCP, UDP, a fragment that waits, or skipped. */
export class PcapCounters {
	packets = 0;
	/** Captured bytes of packets, all headers included. */
	packetBytes = 0;
	/** The file holds less of them than was on the wire. */
	packetsTruncated = 0;
	tcpPackets = 0;
	udpPackets = 0;
	payloadBytes = 0;
	skippedLinkType = 0;
	skippedNotIp = 0;
	skippedTransport = 0;
	skippedMalformed = 0;
	fragments = 0;
	/** Datagrams put together from fragments. */
	fragmentedDatagrams = 0;
	/** Datagrams given up: not all of their fragments came in time, or there was no room. */
	fragmentedDatagramsLost = 0;
	tcpConnections = 0;
	udpFlows = 0;
	/** Closed before their end, because there were too many. */
	connectionsEvicted = 0;
	tcpConnectionsRefused = 0;
	tcpKeepAlives = 0;
	tcpOutOfWindow = 0;
	tcpAfterClose = 0;
	files = 0;
	filesDamaged = 0;

	flat(): Record<string, number> {
		return {
			files: this.files,
			files_damaged: this.filesDamaged,
			packets: this.packets,
			packet_bytes: this.packetBytes,
			packets_truncated: this.packetsTruncated,
			packets_tcp: this.tcpPackets,
			packets_udp: this.udpPackets,
			packets_fragments: this.fragments,
			packets_skipped_link_type: this.skippedLinkType,
			packets_skipped_not_ip: this.skippedNotIp,
			packets_skipped_transport: this.skippedTransport,
			packets_skipped_malformed: this.skippedMalformed,
			payload_bytes: this.payloadBytes,
			fragmented_datagrams: this.fragmentedDatagrams,
			fragmented_datagrams_lost: this.fragmentedDatagramsLost,
			tcp_connections: this.tcpConnections,
			tcp_connections_refused: this.tcpConnectionsRefused,
			tcp_keep_alives: this.tcpKeepAlives,
			tcp_out_of_window: this.tcpOutOfWindow,
			tcp_after_close: this.tcpAfterClose,
			udp_flows: this.udpFlows,
			connections_evicted: this.connectionsEvicted,
		};
	}
}
