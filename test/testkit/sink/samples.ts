import type { Body, Exchange, ExchangeMessage } from "../../../core/index.js";

/** Records to write: each has an id of its own, and bodies of every encoding come in turn. */
export function sampleExchanges(count: number, from = 0): Exchange[] {
	return Array.from({ length: count }, (_, index) => sample(from + index));
}

function sample(number: number): Exchange {
	const at = `2026-01-02T03:04:05.${String(number % 1_000_000).padStart(6, "0")}Z`;
	const endpoint = (address: string, port: number) => ({ address, port, process: null });
	return {
		schema: "polytap.exchange/v1",
		id: number.toString(16).padStart(32, "0"),
		idScope: "network",
		parentId: null,
		protocol: "http/1.1",
		kind: "exchange",
		startedAt: at,
		durationUs: number,
		outcome: "ok",
		summary: { operation: `GET /orders/${number}`, result: "200" },
		connection: {
			id: "0123456789abcdef",
			transport: "tcp",
			client: endpoint("192.0.2.1", 50_000),
			server: endpoint("192.0.2.2", 80),
			tls: null,
		},
		request: message(at, body(0, number)),
		response: message(at, body(1 + (number % 3), number)),
		observedBy: [{ source: "kit", type: "kit", vantage: "server", startedAt: at, durationUs: number }],
		flags: [],
		annotations: {},
	};
}

function message(at: string, content: Body): ExchangeMessage {
	return {
		startedAt: at,
		endedAt: at,
		bytes: 100 + content.bytes,
		attributes: { "url.path": "/orders" },
		headers: [["Host", "ünïcode “quoted” \\ \u0000"]],
		trailers: [],
		interim: [],
		body: content,
		messages: null,
	};
}

function body(kind: number, number: number): Body {
	const whole = { completeness: "complete", gaps: [] } as const;
	const text = `hello ${number}`;
	if (kind === 0) return { ...whole, bytes: 0, captured: 0, encoding: "utf8", data: "" };
	if (kind === 1) return { ...whole, bytes: text.length, captured: text.length, encoding: "utf8", data: text };
	if (kind === 2) return { ...whole, bytes: 3, captured: 3, encoding: "base64", data: "AP+A" };
	return { ...whole, bytes: 9, captured: 9, encoding: "json", data: [{ row: number }] };
}
