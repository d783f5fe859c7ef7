/** Server-sent events in responses of HTTP/1.1 through the whole engine on one core: `node dist/bench/parsers/sse.js`. */
import { gzipSync } from "node:zlib";
import http1 from "../../parsers/http1/index.js";
import sse from "../../parsers/sse/index.js";
import { main } from "../harness/options.js";
import { benchParser, type Talk } from "../harness/parser-throughput.js";

const request = Buffer.from("GET /events HTTP/1.1\r\nHost: shop.example.test\r\n\r\n");

/** Both ways of sending `count` events in one response. */
function talks(name: string, bytes: number, count: number, times: number): Talk[] {
	const event = (n: number): string => `id: ${n}\nevent: price\ndata: ${JSON.stringify({ n }).padEnd(bytes, " ")}\n\n`;
	const text = Buffer.from(Array.from({ length: count }, (_, n) => event(n)).join(""));
	const response = (body: Uint8Array, coding: string): Buffer => {
		const head = `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${coding}Content-Length: ${body.length}\r\n\r\n`;
		return Buffer.concat([Buffer.from(head), body]);
	};
	const known = { request, times, exchanges: count, bytes: text.length };
	return [
		{ ...known, name, response: response(text, "") },
		{ ...known, name: `${name}, compressed`, response: response(gzipSync(text), "Content-Encoding: gzip\r\n") },
	];
}

await main(() =>
	benchParser({
		parser: sse,
		others: [http1],
		name: "sse",
		port: 80,
		opening: [],
		openingExchanges: 0,
		unit: "message",
		talks: [
			...talks("events of 100 bytes", 60, 10_000, 20),
			...talks("events of 1 KiB", 1024, 10_000, 20),
			...talks("events of 10 KiB", 10_240, 1000, 5),
		],
	}),
);
