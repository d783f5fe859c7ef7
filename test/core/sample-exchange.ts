/** An exchange as a plain record, for tests of what comes after the engine. */
import type { Body, Exchange, ExchangeMessage, ProcessIdentity } from "../../core/index.js";

export function sampleBody(data: string, overrides: Partial<Body> = {}): Body {
	const bytes = Buffer.byteLength(data);
	return { bytes, captured: bytes, completeness: "complete", gaps: [], encoding: "utf8", data, ...overrides };
}

export function sampleMessage(overrides: Partial<ExchangeMessage> = {}): ExchangeMessage {
	return {
		startedAt: "2026-01-02T03:04:05.123456Z",
		endedAt: "2026-01-02T03:04:05.124456Z",
		bytes: 100,
		attributes: {},
		headers: [["Host", "example.test"]],
		trailers: [],
		interim: [],
		body: sampleBody(""),
		messages: null,
		...overrides,
	};
}

export const sampleProcess: ProcessIdentity = {
	pid: 7,
	name: "nginx",
	executable: null,
	cgroup: null,
	container: null,
	pod: null,
	runtime: null,
	unit: null,
	uid: null,
};

export function sampleExchange(overrides: Partial<Exchange> = {}): Exchange {
	return {
		schema: "polytap.exchange/v1",
		id: "0123456789abcdef0000000100000000",
		idScope: "network",
		parentId: null,
		protocol: "http/1.1",
		kind: "exchange",
		startedAt: "2026-01-02T03:04:05.123456Z",
		durationUs: 1234,
		outcome: "ok",
		summary: { operation: "GET /orders/7", result: "200" },
		connection: {
			id: "c",
			transport: "tcp",
			client: { address: "10.0.0.5", port: 51234, process: null },
			server: {
				address: "10.0.0.9",
				port: 8080,
				process: sampleProcess,
			},
			tls: null,
		},
		request: sampleMessage(),
		response: sampleMessage({ bytes: 2048, body: sampleBody("hello") }),
		observedBy: [],
		flags: [],
		annotations: {},
		...overrides,
	};
}

/** Exchanges whose operation is their number. */
export function numbered(count: number, from = 0): Exchange[] {
	return Array.from({ length: count }, (_, index) =>
		sampleExchange({ summary: { operation: String(from + index), result: "200" } }),
	);
}
