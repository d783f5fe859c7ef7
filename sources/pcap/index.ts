/** The `pcap` source: packet captures from files. */
import { type SourcePlugin, z } from "../../core/index.js";
import { PcapSource } from "./pcap-source.js";

export const pcapConfig = z.strictObject({
	files: z
		.array(z.string().min(1))
		.min(1)
		.describe(
			"Packet captures to read, in this order: pcap or pcapng, gzip too. Several are one capture in pieces: connections go on from one file to the next, unless that one begins earlier.",
		),
	max_connections: z
		.int()
		.min(1)
		.default(65_536)
		.describe(
			"TCP connections, and UDP flows, that are followed at once. The one that was silent for longest is closed for a new one.",
		),
	udp_idle_ms: z
		.int()
		.min(1)
		.default(60_000)
		.describe("A UDP flow is over when it was silent for so long, by the time of the packets."),
	pins: z
		.array(
			z.strictObject({
				ports: z.array(z.int().min(1).max(65_535)).min(1).max(64).describe("Ports of servers."),
				protocol: z.string().min(1).max(64).describe("A protocol, as records name it."),
			}),
		)
		.max(64)
		.default([])
		.describe(
			"What is spoken in TCP connections to some ports: nobody guesses, and what the parser cannot read is opaque. The first that names a port counts.",
		),
});

export type PcapConfig = z.output<typeof pcapConfig>;

const pcap: SourcePlugin<PcapConfig> = {
	api: 1,
	kind: "source",
	type: "pcap",
	summary: "Packet captures from files: pcap and pcapng, gzip too. Needs no rights.",
	offline: true,
	config: pcapConfig,
	protocols: ({ pins }) => pins.map(({ protocol }, i) => ({ protocol, path: ["pins", i, "protocol"] })),
	create: (config, context) => new PcapSource(config, context),
};

export default pcap;
