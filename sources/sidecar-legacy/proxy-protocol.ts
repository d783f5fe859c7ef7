/** The PROXY protocol, versions 1 and 2, as HAProxy specifies it (doc/proxy-protocol.txt). */
import { isIP } from "node:net";
import type { Endpoint } from "../../core/index.js";
import { endpointOf } from "./address.js";

const SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const V1_PREFIX = Buffer.from("PROXY ");
/** Section 2.1: the longest line of version 1, with CR LF. */
const V1_MOST = 107;
const V2_HEADER = 16;
/** A version 2 header with more than this of extensions is none that anybody sends. */
const V2_MOST = 4096;

export interface ProxyHeader {
	readonly version: 1 | 2;
	/** Null: the sender speaks for itself (LOCAL, UNKNOWN, or a family that is not TCP). */
	readonly source: Endpoint | null;
	readonly destination: Endpoint | null;
	/** Bytes of the header. */
	readonly length: number;
}

/** `more`: not all here yet. `bad`: this is no header. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | "more" | "bad" {
	const looked = Math.min(bytes.length, SIGNATURE.length);
	if (bytes.subarray(0, looked).equals(SIGNATURE.subarray(0, looked))) {
		return looked < SIGNATURE.length ? "more" : parseV2(bytes);
	}
	const prefix = Math.min(bytes.length, V1_PREFIX.length);
	if (!bytes.subarray(0, prefix).equals(V1_PREFIX.subarray(0, prefix))) return "bad";
	return parseV1(bytes);
}

function parseV1(bytes: Buffer): ProxyHeader | "more" | "bad" {
	const end = bytes.subarray(0, V1_MOST).indexOf("\r\n");
	if (end < 0) return bytes.length >= V1_MOST ? "bad" : "more";
	const length = end + 2;
	const [, family, source = "", destination = "", sourcePort = "", destinationPort = "", ...rest] = bytes
		.toString("latin1", 0, end)
		.split(" ");
	if (family === "UNKNOWN") return { version: 1, source: null, destination: null, length };
	const kind = family === "TCP4" ? 4 : family === "TCP6" ? 6 : 0;
	if (kind === 0 || rest.length > 0 || isIP(source) !== kind || isIP(destination) !== kind) return "bad";
	const ports = [sourcePort, destinationPort].map((text) => (/^(0|[1-9]\d{0,4})$/.test(text) ? Number(text) : -1));
	const [from = -1, to = -1] = ports;
	if (from < 0 || from > 65_535 || to < 0 || to > 65_535) return "bad";
	return { version: 1, source: endpointOf(source, from), destination: endpointOf(destination, to), length };
}

function parseV2(bytes: Buffer): ProxyHeader | "more" | "bad" {
	if (bytes.length < V2_HEADER) return "more";
	const command = bytes[12]!;
	if (command !== 0x20 && command !== 0x21) return "bad";
	const size = bytes.readUInt16BE(14);
	if (size > V2_MOST) return "bad";
	const length = V2_HEADER + size;
	if (bytes.length < length) return "more";
	const nobody: ProxyHeader = { version: 2, source: null, destination: null, length };
	if (command === 0x20) return nobody;
	const family = bytes[13]!;
	if (family !== 0x11 && family !== 0x21) return nobody;
	const width = family === 0x11 ? 4 : 16;
	if (size < width * 2 + 4) return "bad";
	const address = (at: number) => addressText(bytes.subarray(at, at + width));
	const ports = V2_HEADER + width * 2;
	return {
		version: 2,
		source: endpointOf(address(V2_HEADER), bytes.readUInt16BE(ports)),
		destination: endpointOf(address(V2_HEADER + width), bytes.readUInt16BE(ports + 2)),
		length,
	};
}

/** Of a connection from `source` to `destination`; addresses of different families are UNKNOWN or LOCAL. */
export function proxyHeader(version: "v1" | "v2", source: Endpoint, destination: Endpoint): Buffer {
	const family = isIP(source.address);
	const isKnown = family !== 0 && family === isIP(destination.address);
	if (version === "v1") {
		if (!isKnown) return Buffer.from("PROXY UNKNOWN\r\n");
		const line = [`PROXY TCP${family}`, source.address, destination.address, source.port, destination.port];
		return Buffer.from(`${line.join(" ")}\r\n`);
	}
	if (!isKnown) return Buffer.concat([SIGNATURE, Buffer.from([0x20, 0, 0, 0])]);
	const body = Buffer.concat([addressBytes(source.address), addressBytes(destination.address), Buffer.alloc(4)]);
	body.writeUInt16BE(source.port, body.length - 4);
	body.writeUInt16BE(destination.port, body.length - 2);
	const head = Buffer.from([0x21, family === 4 ? 0x11 : 0x21, 0, body.length]);
	return Buffer.concat([SIGNATURE, head, body]);
}

/** The bytes of an address in network order. It must be one. */
export function addressBytes(address: string): Buffer {
	if (isIP(address) === 4) return Buffer.from(address.split(".").map(Number));
	const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
	if (dotted !== null) {
		const tail = addressBytes(dotted[2]!).toString("hex");
		return addressBytes(`${dotted[1]}${tail.slice(0, 4)}:${tail.slice(4)}`);
	}
	const [head = "", tail] = address.split("::");
	const words = (text: string | undefined) => (text ? text.split(":").map((word) => Number.parseInt(word, 16)) : []);
	const left = words(head);
	const right = words(tail);
	const bytes = Buffer.alloc(16);
	for (const [index, word] of left.entries()) bytes.writeUInt16BE(word, index * 2);
	for (const [index, word] of right.entries()) bytes.writeUInt16BE(word, (8 - right.length + index) * 2);
	return bytes;
}

/** IPv4 dotted, IPv6 in RFC 5952 form. */
export function addressText(bytes: Buffer): string {
	if (bytes.length === 4) return [...bytes].join(".");
	const words = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16)).join(":");
	return new URL(`http://[${words}]`).hostname.slice(1, -1);
}
