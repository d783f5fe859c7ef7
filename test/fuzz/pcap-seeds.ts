/** Small captures of every kind that the reader knows, to be broken. */
import { gzipSync } from "node:zlib";
import { type Captured, Pcapng, pcap, START_US } from "../sources/pcap/files.js";
import {
	ACK,
	bsdNull,
	ethernet,
	fragmentHeader,
	ipv4,
	ipv6,
	linuxCooked,
	linuxCooked2,
	optionsHeader,
	SYN,
	TCP,
	UDP,
	udp,
} from "../sources/pcap/frames.js";
import { CLIENT, overIpv4, SERVER, Talk } from "../sources/pcap/talk.js";

const REQUEST = "GET /orders/7 HTTP/1.1\r\nHost: x\r\n\r\n";
const RESPONSE = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const CLIENT6 = "2001:db8:0:0:0:0:0:1";
const SERVER6 = "2001:db8:0:0:0:0:0:2";

function talk(wrap?: (segment: Uint8Array, from: "client" | "server") => Uint8Array): Captured[] {
	const written = new Talk(wrap === undefined ? { isn: [0xffff_fff0, 5] } : { isn: [0xffff_fff0, 5], wrap });
	written.handshake().say("client", REQUEST).say("server", RESPONSE).say("client", REQUEST).swap();
	written
		.send("server", ACK, { seq: 20, data: Buffer.from("again") })
		.say("server", RESPONSE)
		.lose()
		.ack("client");
	return written.goodbye().send("client", SYN, { seq: 77, ack: 0 }).rst("server").packets;
}

function fragments(): Captured[] {
	const datagram = udp(5000, 53, Buffer.alloc(64, 0x61));
	const frames: Buffer[] = [];
	for (const [from, to] of [
		[48, 72],
		[0, 24],
		[16, 48],
	] as const) {
		const part = datagram.subarray(from, to);
		const fragment = { offset: from, more: to < datagram.length };
		frames.push(ethernet(ipv4(CLIENT, SERVER, UDP, part, { id: 3, fragment })));
		const chain = Buffer.concat([optionsHeader(44, 0), fragmentHeader(UDP, fragment, 9), part]);
		frames.push(ethernet(ipv6(CLIENT6, SERVER6, 0, chain), [0x8100]));
	}
	return frames.map((frame, i) => ({ tsUs: START_US + i * 1000, frame }));
}

const six = talk((segment, from) =>
	ethernet(from === "client" ? ipv6(CLIENT6, SERVER6, TCP, segment) : ipv6(SERVER6, CLIENT6, TCP, segment)),
);

function pcapng(isBig: boolean, packets: readonly Captured[]): Buffer {
	const section = new Pcapng(isBig).interface({ resolution: 9 }).interface({ resolution: 0x80 | 20 });
	for (const [i, packet] of packets.entries()) {
		if (i % 5 === 4) section.obsolete(packet);
		else if (i % 7 === 6) section.simple(packet.frame);
		else section.packet({ ...packet, iface: i % 2 });
	}
	return section.block(5, Buffer.alloc(16)).bytes();
}

export const SEEDS: readonly Uint8Array[] = [
	pcap(talk()),
	pcap(talk(), { isBig: true, isNano: true }),
	pcap(talk().map((packet) => ({ ...packet, snap: 60 }))),
	pcap(six),
	pcap(fragments()),
	pcap(
		talk((segment, from) => linuxCooked(overIpv4(segment, from))),
		{ linkType: 113 },
	),
	pcap(
		talk((segment, from) => linuxCooked2(overIpv4(segment, from))),
		{ linkType: 276 },
	),
	pcap(talk(overIpv4), { linkType: 101 }),
	pcap(
		talk((segment, from) => bsdNull(overIpv4(segment, from), 2, false)),
		{ linkType: 0 },
	),
	pcapng(false, talk()),
	pcapng(true, [...six, ...fragments()]),
	Buffer.concat([pcapng(true, talk()), pcapng(false, fragments())]),
	gzipSync(pcap(talk())),
].map((bytes) => new Uint8Array(bytes));
