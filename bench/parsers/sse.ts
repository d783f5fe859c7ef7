/**
 * Server-sent events in a chunked response of HTTP/1.1 through the whole engine on one core, payload touched byte by byte:
 * `node dist/bench/parsers/sse.js`. Processor time, garbage collection included; medians of several rounds.
 */
import { gzipSync } from "node:zlib";
import { Engine } from "../../core/engine/engine.js";
import { type Exchange, payloadFacts } from "../../core/index.js";
import http1 from "../../parsers/http1/index.js";
import sse from "../../parsers/sse/index.js";
import { Harness } from "../../test/core/engine/harness.js";

const ROUNDS = 5;
const CHUNK_BYTES = 65_536;
const QUESTION = "GET /events HTTP/1.1\r\nHost: x\r\n\r\n";
let sum = 0;

class Touching extends Harness {
	count = 0;
	override readonly engine = new Engine({}, [http1, sse], (exchange) => this.#touch(exchange));
	override readonly source = this.engine.addSource("bench", "bench");

	#touch(exchange: Exchange): void {
		if (exchange.protocol === "sse") this.count++;
		for (const piece of payloadFacts(exchange, "response")?.pieces() ?? [])
			for (let i = 0; i < piece.length; i++) sum = (sum + piece[i]!) | 0;
		(exchange as Exchange & { release(): void }).release();
	}
}

/** Microseconds of processor time for a response with that body. */
function measure(body: Uint8Array, coding: string, events: number): number {
	const harness = new Touching().open().bytes(0, 0, QUESTION);
	const head = `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${coding}Content-Length: ${body.length}\r\n\r\n`;
	harness.bytes(1, 0, head);
	const before = process.cpuUsage();
	for (let at = 0; at < body.length; at += CHUNK_BYTES)
		harness.bytes(1, head.length + at, body.subarray(at, at + CHUNK_BYTES));
	const used = process.cpuUsage(before);
	if (harness.count !== events) throw new Error(`${harness.count} of ${events} events`);
	return used.user + used.system;
}

function report(name: string, bytes: number, count: number): void {
	const event = (n: number): string => `id: ${n}\nevent: price\ndata: ${JSON.stringify({ n }).padEnd(bytes, " ")}\n\n`;
	const body = Buffer.from(Array.from({ length: count }, (_, n) => event(n)).join(""));
	for (const [how, sent, coding] of [
		["", body, ""],
		[", gzip", gzipSync(body), "Content-Encoding: gzip\r\n"],
	] as const) {
		measure(sent, coding, count);
		const rounds = Array.from({ length: ROUNDS }, () => measure(sent, coding, count)).sort((a, b) => a - b);
		const us = rounds[ROUNDS >> 1]!;
		console.log(
			`${(name + how).padEnd(32)} ${Math.round((count / us) * 1e6)} events/s, ${Math.round(body.length / us)} MB/s of text`,
		);
	}
}

report("events of 100 bytes", 60, 200_000);
report("events of 10 KiB", 10_240, 5_000);
if (sum === 0.5) console.log(sum);
