/** What tshark says about a capture. */
import { createReadStream } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Program } from "../e2e/support/program.js";
import { addMessage, type HttpMessage, noTransport, type Transport } from "./opinion.js";

const FIELDS = ["tcp.stream", "tcp.len", "tcp.analysis.keep_alive", "udp.stream", "udp.length", "icmp", "icmpv6"];
const UDP_HEADER_BYTES = 8;
const LAYERS = "ip ipv6 tcp http";

/** `scratch` is a file that it may write, here and below. */
export async function transportByTshark(file: string, scratch: string): Promise<Transport> {
	await tshark(file, ["-T", "fields", "-E", "occurrence=f", ...FIELDS.flatMap((field) => ["-e", field])], scratch);
	const transport = noTransport();
	const tcpStreams = new Set<string>();
	const udpStreams = new Set<string>();
	for await (const line of createInterface({ input: createReadStream(scratch) })) {
		const [tcp = "", length = "", keepAlive = "", udp = "", udpLength = "", icmp = "", icmp6 = ""] = line.split("\t");
		transport.packets++;
		// an error message quotes the packet that caused it
		if (icmp !== "" || icmp6 !== "") continue;
		if (tcp !== "") {
			transport.tcpPackets++;
			if (keepAlive !== "" || Number(length) === 0) continue;
			tcpStreams.add(tcp);
			transport.tcpPayloadBytes += Number(length);
		} else if (udp !== "") {
			udpStreams.add(udp);
			transport.udpPayloadBytes += Number(udpLength) - UDP_HEADER_BYTES;
		}
	}
	transport.tcpConnectionsWithPayload = tcpStreams.size;
	transport.udpFlows = udpStreams.size;
	return transport;
}

/**
 * `ports` are known to speak HTTP: alone, tshark misses it where the first segment is not a whole line. Known to be its
 * fault: answers after that to a pipelined HEAD are taken for that one's body.
 */
export async function httpByTshark(
	file: string,
	ports: ReadonlySet<string>,
	scratch: string,
): Promise<Map<string, HttpMessage[]>> {
	const decoding = ["--enable-heuristic", "http_tcp", "-o", "tcp.reassemble_out_of_order:TRUE"];
	for (const port of ports) decoding.push("-d", `tcp.port==${port},http`);
	await tshark(file, [...decoding, "-Y", "http", "-x", "-T", "json", "--no-duplicate-keys", "-J", LAYERS], scratch);
	const messages = new Map<string, HttpMessage[]>();
	const packets: unknown = JSON.parse((await readFile(scratch, "utf8")) || "[]");
	for (const packet of Array.isArray(packets) ? packets : []) {
		const layers = inside(inside(packet, "_source"), "layers");
		const ip = inside(layers, "ip") ?? inside(layers, "ipv6");
		const tcp = inside(layers, "tcp");
		const from = `${inside(ip, "ip.src") ?? inside(ip, "ipv6.src")}:${inside(tcp, "tcp.srcport")}`;
		const to = `${inside(ip, "ip.dst") ?? inside(ip, "ipv6.dst")}:${inside(tcp, "tcp.dstport")}`;
		const http = inside(layers, "http");
		for (const layer of Array.isArray(http) ? http : [http]) {
			const message = messageOf(layer);
			if (message !== null) addMessage(messages, from, to, message);
		}
	}
	return messages;
}

/** Null for a part of a message that tshark did not put together. */
function messageOf(layer: unknown): HttpMessage | null {
	const method = rawOf(layer, "http.request.method")[0]?.toString("latin1");
	const status = rawOf(layer, "http.response.code")[0]?.toString("latin1");
	if (method === undefined && status === undefined) return null;
	const target = rawOf(layer, "http.request.uri")[0]?.toString("latin1");
	const lines = rawOf(layer, method === undefined ? "http.response.line" : "http.request.line");
	return {
		start: method === undefined ? `${status}` : `${method} ${target}`,
		headers: lines.map(tidy),
		body: rawOf(layer, "http.file_data")[0] ?? Buffer.alloc(0),
	};
}

/** Without the white space around the value. */
function tidy(line: Buffer): string {
	const text = line.toString("latin1");
	const colon = text.indexOf(":");
	return `${text.slice(0, colon)}: ${text.slice(colon + 1).replace(/^[ \t]+|[ \t\r\n]+$/g, "")}`;
}

/** The bytes of a field, wherever in the tree it is; several where it comes several times. */
function rawOf(tree: unknown, field: string): Buffer[] {
	if (typeof tree !== "object" || tree === null || Array.isArray(tree)) return [];
	for (const [name, value] of Object.entries(tree)) {
		if (name !== `${field}_raw`) {
			const below = rawOf(value, field);
			if (below.length > 0) return below;
			continue;
		}
		const entries: unknown[] = Array.isArray(value) && Array.isArray(value[0]) ? value : [value];
		return entries.map((entry) => Buffer.from(String(Array.isArray(entry) ? entry[0] : ""), "hex"));
	}
	return [];
}

/** What a tree has under a name. */
export function inside(tree: unknown, name: string): unknown {
	if (typeof tree !== "object" || tree === null) return undefined;
	return Object.entries(tree).find(([key]) => key === name)?.[1];
}

/** Runs it on a capture, into `scratch`. */
export async function tshark(file: string, args: readonly string[], scratch: string): Promise<void> {
	const output = await open(scratch, "w");
	const program = new Program("tshark", ["-n", "-r", file, ...args], { stdoutFd: output.fd });
	const timer = setTimeout(() => program.kill("SIGKILL"), 300_000);
	const { code, signal } = await program.exited;
	clearTimeout(timer);
	await output.close();
	// it ends with 2 after a capture that was cut off
	if (code !== 0 && code !== 2) throw new Error(`tshark ended with ${code ?? signal}: ${program.stderr}`);
}
