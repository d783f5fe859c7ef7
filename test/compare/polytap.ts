/** What polytap says about a capture: the source's events for the transport, the command's records for HTTP. */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Exchange, ExchangeMessage, HeaderList } from "../../core/index.js";
import { CLI } from "../e2e/support/polytap.js";
import { Program } from "../e2e/support/program.js";
import { sourceOn } from "../sources/pcap/reading.js";
import { addMessage, type HttpMessage, noTransport, type Transport } from "./opinion.js";

export async function transportByPolytap(file: string): Promise<Transport> {
	const source = sourceOn([file], {}, []);
	const { signal } = new AbortController();
	const transport = noTransport();
	try {
		await source.open(signal);
		for await (const batch of source.batches(signal)) {
			for (const event of batch) {
				if (event.kind === "bytes") transport.tcpPayloadBytes += event.data.length;
				else if (event.kind === "gap" && event.cause === "not-readable") transport.tcpPayloadBytes += event.length ?? 0;
				else if (event.kind === "datagram") transport.udpPayloadBytes += event.data.length;
				else if (event.kind === "open" && event.transport === "tcp") transport.tcpConnectionsWithPayload++;
				else if (event.kind === "open") transport.udpFlows++;
			}
		}
	} finally {
		await source.close();
	}
	const counters = source.counters?.() ?? {};
	transport.packets = counters.packets ?? 0;
	transport.tcpPackets = counters.packets_tcp ?? 0;
	return transport;
}

/** Runs `polytap read`; rejects unless it exits with 0. `scratch` is a file that it may write. */
export async function recordsByPolytap(file: string, scratch: string): Promise<Exchange[]> {
	const output = await open(scratch, "w");
	const program = new Program(process.execPath, [CLI, "read", file], { stdoutFd: output.fd });
	const timer = setTimeout(() => program.kill("SIGKILL"), 120_000);
	const { code, signal } = await program.exited;
	clearTimeout(timer);
	await output.close();
	if (code !== 0) throw new Error(`polytap read ended with ${code ?? signal}: ${program.stderr}`);
	const records: Exchange[] = [];
	for await (const line of createInterface({ input: createReadStream(scratch) })) records.push(JSON.parse(line));
	return records;
}

/** The HTTP messages among them. */
export async function httpByPolytap(file: string, scratch: string): Promise<Map<string, HttpMessage[]>> {
	const messages = new Map<string, HttpMessage[]>();
	for (const exchange of await recordsByPolytap(file, scratch)) {
		if (exchange.protocol !== "http/1.1" || exchange.kind !== "exchange") continue;
		const { request, response, connection } = exchange;
		const client = `${connection.client.address}:${connection.client.port}`;
		const server = `${connection.server.address}:${connection.server.port}`;
		if (request !== null) addMessage(messages, client, server, messageOf(request, targetOf(request)));
		for (const interim of response?.interim ?? []) {
			const start = String(interim.attributes["http.response.status_code"]);
			addMessage(messages, server, client, { start, headers: linesOf(interim.headers), body: Buffer.alloc(0) });
		}
		if (response === null) continue;
		const status = response.attributes["http.response.status_code"] ?? "";
		addMessage(messages, server, client, messageOf(response, String(status)));
	}
	return messages;
}

function targetOf({ attributes }: ExchangeMessage): string {
	const path = attributes["url.full"] ?? attributes["url.path"] ?? attributes["server.address"];
	const query = attributes["url.query"];
	const hasQuery = query !== undefined && attributes["url.full"] === undefined;
	return `${attributes["http.request.method"]} ${path}${hasQuery ? `?${query}` : ""}`;
}

function messageOf({ headers, body }: ExchangeMessage, start: string): HttpMessage {
	const encoding = body.encoding === "base64" ? "base64" : "utf8";
	const data = body.completeness === "complete" ? Buffer.from(String(body.data), encoding) : null;
	return { start, headers: linesOf(headers), body: data };
}

function linesOf(headers: HeaderList): string[] {
	return headers.map(([name, value]) => `${name}: ${value}`);
}
